//! A function that does nothing but answer: the yardstick of `cargo xtask bench`.

use lambda_http::{Body, Error, Request, Response, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(answer)).await
}

async fn answer(_request: Request) -> Result<Response<Body>, Error> {
    let body = serde_json::json!({"status": "ok"}).to_string();
    Ok(Response::builder().header("content-type", "application/json").body(Body::from(body))?)
}
