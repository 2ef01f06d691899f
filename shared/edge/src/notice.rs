//! Notice of the end of the environment: Lambda sends SIGTERM before SIGKILL only to environments that have an extension.
//!
//! The extension runs within the function's process and takes no events
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>).

use http::{Method, Request, Response};
use lambda_runtime::Error;
use lambda_runtime_api_client::Client;
use lambda_runtime_api_client::body::Body;

use crate::request::chain;

const NAME: &str = "rookery-notice-of-shutdown";
const IDENTIFIER: &str = "lambda-extension-identifier";

/// Registers the extension, and leaves it waiting for an event that does not come.
pub(crate) async fn ask() {
    match register().await {
        Ok((client, identifier)) => {
            tokio::spawn(async move {
                if let Err(error) = wait(&client, &identifier).await {
                    tracing::debug!(
                        error.chain = chain(error.as_ref()),
                        "the extension for notices of shutdown ended"
                    );
                }
            });
        }
        // Emulators know no extensions, and send SIGTERM anyway.
        Err(error) => {
            tracing::debug!(error.chain = chain(error.as_ref()), "no extension for notices of shutdown");
        }
    }
}

async fn register() -> Result<(Client, String), Error> {
    let client = Client::builder().build()?;
    let request = Request::builder()
        .method(Method::POST)
        .uri("/2020-01-01/extension/register")
        .header("lambda-extension-name", NAME)
        .body(Body::from(r#"{"events":[]}"#))?;
    let response = accepted(client.call(request).await?)?;
    let identifier = response.headers().get(IDENTIFIER).ok_or("the answer names no extension")?;
    let identifier = identifier.to_str()?.to_owned();
    Ok((client, identifier))
}

async fn wait(client: &Client, identifier: &str) -> Result<(), Error> {
    let request = Request::builder()
        .uri("/2020-01-01/extension/event/next")
        .header(IDENTIFIER, identifier)
        .body(Body::empty())?;
    accepted(client.call(request).await?)?;
    Ok(())
}

fn accepted<B>(response: Response<B>) -> Result<Response<B>, Error> {
    let status = response.status();
    if status.is_success() { Ok(response) } else { Err(format!("the runtime answered {status}").into()) }
}
