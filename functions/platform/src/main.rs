//! Starts the function of the platform area that the runtime asks for.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    rookery_edge::run(rookery_platform::ROUTES).await
}
