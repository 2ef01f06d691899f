//! What mails say.

use jiff::Timestamp;
use rookery_domain::invitation::{Invitation, InvitationToken};
use rookery_domain::link::{LinkToken, Purpose};
use rookery_domain::text::Email;
use rookery_domain::user::User;
use rookery_edge::Context;
use rookery_store::mail::Mail;
use rookery_store::{StoreError, Variable};

/// Something that a person is told because it may have been somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Another password was chosen.
    PasswordChanged,
    /// An authenticator counts from now on.
    FactorAdded,
    /// The person removed its authenticator.
    FactorRemoved,
    /// Somebody else took the second factor away.
    FactorReset,
    /// A passkey counts from now on.
    PasskeyAdded,
    /// The person removed a passkey.
    PasskeyRemoved,
}

impl Notice {
    const fn subject(self) -> &'static str {
        match self {
            Self::PasswordChanged => "Your password was changed",
            Self::FactorAdded => "An authenticator was added to your account",
            Self::FactorRemoved => "The authenticator of your account was removed",
            Self::FactorReset => "Your second factor was reset",
            Self::PasskeyAdded => "A passkey was added to your account",
            Self::PasskeyRemoved => "A passkey of your account was removed",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::PasswordChanged => {
                "the password that you log in with was changed, and you were logged out everywhere."
            }
            Self::FactorAdded => "logging in to your account takes the code of an authenticator from now on.",
            Self::FactorRemoved => "logging in to your account takes no authenticator any more.",
            Self::FactorReset => {
                "somebody who administers your account took your second factor away and logged you out everywhere. The reason \
                 stands in the audit trail. Set up an authenticator again when you log in."
            }
            Self::PasskeyAdded => {
                "a passkey was added to your account: it logs in without your password from now on."
            }
            Self::PasskeyRemoved => "a passkey of your account was removed: it does not log in any more.",
        }
    }
}

fn until(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// The mail of an invitation.
pub(crate) fn invitation(
    context: &Context,
    host: &str,
    to: &Email,
    invitation: &Invitation,
    token: &InvitationToken,
) -> Result<Mail, StoreError> {
    let page = context.settings().needed(Variable::InvitationUrl)?;
    let greeting =
        invitation.name.as_ref().map_or_else(|| "Hello".to_owned(), |name| format!("Hello {name}"));
    let text = format!(
        "{greeting},\n\n\
         {host} invites you to Rookery. To accept, open this link by {until}:\n\n\
         {page}#{token}\n\n\
         The link is good once. What stands behind the # is the token that POST /v1/invitations/accept takes.\n\
         If you did not expect this mail, there is nothing to do.\n",
        token = token.reveal(),
        until = until(invitation.expires_at),
    );
    Ok(Mail { to: to.clone(), subject: format!("{host} invites you to Rookery"), text })
}

/// The mail with a link for a purpose.
pub(crate) fn link(
    context: &Context,
    host: &str,
    user: &User,
    token: &LinkToken,
    good_until: Timestamp,
) -> Result<Mail, StoreError> {
    let (page, subject, wish, path) = match token.purpose {
        Purpose::Reset => (
            Variable::PasswordResetUrl,
            format!("Choose another password for {host}"),
            format!(
                "somebody, hopefully you, asked to choose another password for {host} on Rookery. To do so,"
            ),
            "/v1/auth/password/reset",
        ),
        Purpose::Verify => (
            Variable::EmailVerifyUrl,
            format!("Verify your mail address for {host}"),
            format!(
                "this address was given for your account at {host} on Rookery. To show that it is yours,"
            ),
            "/v1/auth/email/verify",
        ),
    };
    let text = format!(
        "Hello {name},\n\n\
         {wish} open this link by {until}:\n\n\
         {page}#{token}\n\n\
         The link is good once. What stands behind the # is the token that POST {path} takes.\n\
         If it was not you, there is nothing to do.\n",
        name = user.name,
        page = context.settings().needed(page)?,
        token = token.reveal(),
        until = until(good_until),
    );
    Ok(Mail { to: user.email.clone(), subject, text })
}

/// The mail that tells a person of something.
pub(crate) fn notice(host: &str, user: &User, notice: Notice, at: Timestamp) -> Mail {
    let text = format!(
        "Hello {name},\n\n\
         on {at} {sentence}\n\n\
         It concerns your account at {host} on Rookery. If this was neither you nor expected, tell those who administer it, and choose \
         another password.\n",
        name = user.name,
        at = until(at),
        sentence = notice.sentence(),
    );
    Mail { to: user.email.clone(), subject: format!("{host}: {}", notice.subject()), text }
}
