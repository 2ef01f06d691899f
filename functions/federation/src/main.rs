//! Starts the function of the federation area that the runtime asks for.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    rookery_edge::run(rookery_federation::ROUTES).await
}
