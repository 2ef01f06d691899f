//! Sending mail through SES.

use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};
use rookery_domain::text::Email;

use crate::{Clients, StoreError, Variable};

/// A mail of plain text.
#[derive(Debug, Clone)]
pub struct Mail {
    /// To whom.
    pub to: Email,
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub text: String,
}

/// Hands a mail to SES, which answers once it has taken it.
pub async fn send(clients: &Clients, mail: &Mail) -> Result<(), StoreError> {
    let unfit = |source| StoreError::corrupt("mail", source);
    let content = |text: &str| Content::builder().data(text).charset("UTF-8").build().map_err(unfit);
    let message = Message::builder()
        .subject(content(&mail.subject)?)
        .body(Body::builder().text(content(&mail.text)?).build())
        .build();
    clients
        .mail()
        .send_email()
        .from_email_address(clients.settings().needed(Variable::MailFrom)?)
        .destination(Destination::builder().to_addresses(mail.to.as_str()).build())
        .content(EmailContent::builder().simple(message).build())
        .send()
        .await
        .map_err(|source| StoreError::failed("SendEmail", source))?;
    Ok(())
}
