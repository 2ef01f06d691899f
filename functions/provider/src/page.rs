//! The pages that people see: plain HTML without scripts, which load nothing, are framed by nobody, and lead to the platform and to the
//! client that the person came from alone.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use rookery_domain::hash::Sha256;
use rookery_domain::oauth_client::{RedirectUri, Scope};
use rookery_edge::{OwnWords, Problem};
use rookery_login::second::Offer;

use crate::browser::{Browser, REFERRER_POLICY};
use crate::words::Language;

const STYLE: &str = include_str!("page.css");
/// Where forms go.
const ACTION: &str = "/oauth/interaction";

/// Where the page to log in on asks what a passkey is to be asked for.
const PASSKEY_OPTIONS: &str = "/v1/auth/passkeys/options";

/// What lets a browser use a passkey. Without it, the pages are as good for passwords and codes.
const SCRIPT: &str = include_str!("passkey.js");

static SCRIPT_HASH: LazyLock<String> =
    LazyLock::new(|| BASE64.encode(Sha256::of(SCRIPT.as_bytes()).as_bytes()));

static STYLE_HASH: LazyLock<String> =
    LazyLock::new(|| BASE64.encode(Sha256::of(STYLE.as_bytes()).as_bytes()));

/// Something that went wrong before anybody could be sent anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The client is not known.
    Client,
    /// It has not registered the address.
    Address,
    /// The request is too long, or none.
    Unreadable,
    /// The page is too old, or another browser's.
    Old,
    /// The tenant is suspended.
    Suspended,
    /// Too much came from here.
    Often(u64),
    /// The code that a device shows is too old, or was answered already.
    DeviceCode,
}

/// What a login page says was wrong before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// Address or password.
    Password,
    /// It was too early for another try.
    Wait(u64),
    /// The code of the second factor.
    Code,
    /// A passkey, as the second factor.
    Passkey,
    /// A passkey that comes alone.
    PasskeyAlone,
    /// The code that a device shows.
    DeviceCode,
}

impl Wrong {
    fn said(self, language: Language) -> String {
        let words = language.words();
        match self {
            Self::Password => words.wrong.to_owned(),
            Self::Wait(seconds) => format!("{} {seconds} {}", words.wait, words.seconds),
            Self::Code => words.code_wrong.to_owned(),
            Self::Passkey => words.passkey_wrong.to_owned(),
            Self::PasskeyAlone => words.passkey_alone_wrong.to_owned(),
            Self::DeviceCode => words.device_code_wrong.to_owned(),
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::Password | Self::Code | Self::Passkey | Self::PasskeyAlone => StatusCode::UNAUTHORIZED,
            Self::Wait(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::DeviceCode => StatusCode::BAD_REQUEST,
        }
    }

    const fn retry_after_s(self) -> Option<u64> {
        match self {
            Self::Wait(seconds) => Some(seconds),
            _ => None,
        }
    }
}

/// Whom a page is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    /// What the page is bound to.
    pub(crate) ticket: &'a str,
    /// The tenant's name.
    pub(crate) tenant: &'a str,
    /// The client's name.
    pub(crate) client: &'a str,
    /// Where the person goes in the end; nowhere if it lets a device in.
    pub(crate) to: Option<&'a RedirectUri>,
    /// The code that the device shows.
    pub(crate) device: Option<&'a str>,
}

fn whole(language: Language, title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { h1 { (title) } (content) } }
        }
    }
}

fn alert(wrong: Option<Wrong>, language: Language) -> Markup {
    html! {
        @if let Some(wrong) = wrong { p .fault #fault role="alert" { (wrong.said(language)) } }
    }
}

/// What the script of passkeys shows when nothing came of it.
fn passkey_fault(language: Language) -> Markup {
    html! { p .fault #passkey-fault role="alert" hidden { (language.words().passkey_failed) } }
}

/// The page to log in on. `email` is what stands in the field already.
pub(crate) fn log_in(
    browser: &Browser,
    about: About<'_>,
    email: &str,
    wrong: Option<Wrong>,
) -> Result<Response, Problem> {
    let words = browser.language.words();
    // What is wrong with a passkey is not so with what stands in the fields.
    let described = wrong.filter(|wrong| *wrong != Wrong::PasskeyAlone).map(|_| "fault");
    let content = html! {
        (alert(wrong, browser.language))
        (passkey_fault(browser.language))
        p { (words.goes_on_to) " " strong { (about.client) } }
        form method="post" action=(ACTION) {
            input type="hidden" name="ticket" value=(about.ticket);
            label for="email" { (words.email) }
            input #email type="email" name="email" value=(email) autocomplete="username" required
                autofocus[email.is_empty()] aria-describedby=[described];
            label for="password" { (words.password) }
            input #password type="password" name="password" autocomplete="current-password" required
                autofocus[!email.is_empty()] aria-describedby=[described];
            div .actions {
                button type="submit" name="step" value="login" { (words.log_in) }
                button .quiet type="submit" name="step" value="passkey-alone" formnovalidate hidden
                    data-passkey=(PASSKEY_OPTIONS) { (words.passkey) }
                button .quiet type="submit" name="step" value="cancel" formnovalidate { (words.cancel) }
            }
        }
    };
    let content = html! { (content) script { (PreEscaped(SCRIPT)) } };
    let title = format!("{} {}", words.log_in_to, about.tenant);
    let page = whole(browser.language, &title, &content);
    answer_with(browser, &page, wrong, about.to, Script::Asks)
}

/// What somebody can show as a second factor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'a> {
    /// The login that waits for it.
    pub(crate) pending: &'a str,
    /// Whether the person has an authenticator. Otherwise the only codes are those for recovery.
    pub(crate) authenticator: bool,
    /// What a browser takes for using a passkey, as JSON, where the person has one.
    pub(crate) passkey: Option<&'a str>,
}

/// The page to show a second factor on.
pub(crate) fn code(
    browser: &Browser,
    about: About<'_>,
    shown: Shown<'_>,
    wrong: Option<Wrong>,
) -> Result<Response, Problem> {
    let words = browser.language.words();
    let described = if wrong.is_some() { "fault help" } else { "help" };
    let (label, help) = if shown.authenticator {
        (words.code, words.code_help)
    } else {
        (words.recovery_code, words.recovery_code_help)
    };
    let content = html! {
        (alert(wrong, browser.language))
        @if shown.passkey.is_some() { (passkey_fault(browser.language)) }
        p { (words.goes_on_to) " " strong { (about.client) } }
        form method="post" action=(ACTION) {
            input type="hidden" name="ticket" value=(about.ticket);
            input type="hidden" name="pending" value=(shown.pending);
            label for="code" { (label) }
            input #code type="text" name="code" autocomplete=(if shown.authenticator { "one-time-code" } else { "off" })
                autocapitalize="off" spellcheck="false" required autofocus aria-describedby=(described);
            p #help .help { (help) }
            @if shown.authenticator {
                label .check for="recovery" {
                    input #recovery type="checkbox" name="recovery" value="yes"; (words.recovery)
                }
            } @else {
                input type="hidden" name="recovery" value="yes";
            }
            div .actions {
                button type="submit" name="step" value="code" { (words.go_on) }
                @if let Some(options) = shown.passkey {
                    button type="submit" name="step" value="passkey" formnovalidate hidden data-passkey=(options) {
                        (words.passkey)
                    }
                }
                button .quiet type="submit" name="step" value="cancel" formnovalidate { (words.cancel) }
            }
        }
        @if shown.passkey.is_some() { script { (PreEscaped(SCRIPT)) } }
    };
    let page = whole(browser.language, words.code_title, &content);
    let script = if shown.passkey.is_some() { Script::Runs } else { Script::None };
    answer_with(browser, &page, wrong, about.to, script)
}

/// The page to set up an authenticator on. `pending` is the login that waits for its first code.
pub(crate) fn enrol(
    browser: &Browser,
    about: About<'_>,
    (pending, offer): (&str, &Offer),
    wrong: Option<Wrong>,
) -> Result<Response, Problem> {
    let words = browser.language.words();
    let described = if wrong.is_some() { "fault help" } else { "help" };
    let content = html! {
        (alert(wrong, browser.language))
        p { (words.enrol_help) }
        div .qr role="img" aria-label=(words.enrol_qr) { (PreEscaped(&offer.qr_svg)) }
        p .help { (words.enrol_key) " " code { (offer.secret) } }
        form method="post" action=(ACTION) {
            input type="hidden" name="ticket" value=(about.ticket);
            input type="hidden" name="pending" value=(pending);
            label for="code" { (words.code) }
            input #code type="text" name="code" inputmode="numeric" autocomplete="one-time-code" spellcheck="false"
                required autofocus aria-describedby=(described);
            p #help .help { (words.code_help) }
            div .actions {
                button type="submit" name="step" value="enrol" { (words.go_on) }
                button .quiet type="submit" name="step" value="cancel" formnovalidate { (words.cancel) }
            }
        }
    };
    answer(browser, &whole(browser.language, words.enrol_title, &content), wrong, about.to)
}

/// The page that shows somebody its recovery codes, here and never again.
pub(crate) fn recovery_codes(
    browser: &Browser,
    about: About<'_>,
    codes: &[String],
) -> Result<Response, Problem> {
    let words = browser.language.words();
    let content = html! {
        p { (words.recovery_help) }
        ul .codes role="list" { @for one in codes { li { code { (one) } } } }
        form method="post" action=(ACTION) {
            input type="hidden" name="ticket" value=(about.ticket);
            // Not in focus either: who presses Enter once too often would never see the codes.
            div .actions { button type="submit" name="step" value="go-on" { (words.go_on) } }
        }
    };
    answer(browser, &whole(browser.language, words.recovery_title, &content), None, about.to)
}

/// The page to let a client in on.
pub(crate) fn consent(
    browser: &Browser,
    about: About<'_>,
    email: &str,
    scope: &Scope,
) -> Result<Response, Problem> {
    let (language, words) = (browser.language, browser.language.words());
    let content = html! {
        p { strong { (about.client) } " " (words.asks) }
        ul { @for word in &scope.0 { li { (language.describe(*word)) } } }
        p .help { (words.logged_in_as) " " (email) " (" (about.tenant) ")." }
        @if let Some(to) = about.to { p .help { (words.sent_to) " " code { (to.origin()) } } }
        @if let Some(code) = about.device {
            p .help { (words.device_shows) " " code { (code) } }
            p .fault { (words.device_beware) }
        }
        form method="post" action=(ACTION) {
            input type="hidden" name="ticket" value=(about.ticket);
            div .actions {
                // Not in focus: somebody who pressed Enter once more on the page before has not read what is asked.
                button type="submit" name="step" value="allow" { (words.allow) }
                button .quiet type="submit" name="step" value="cancel" { (words.deny) }
            }
        }
    };
    answer(browser, &whole(language, words.consent_title, &content), None, about.to)
}

/// The page that asks whether somebody wants to log out who came by a link that others could have made.
pub(crate) fn log_out(
    browser: &Browser,
    ticket: &str,
    (email, tenant): (&str, &str),
    to: Option<&RedirectUri>,
) -> Result<Response, Problem> {
    let words = browser.language.words();
    let content = html! {
        p { (words.logged_in_as) " " (email) " (" (tenant) ")." }
        p .help { (words.log_out_help) }
        form method="post" action="/oauth/logout" {
            input type="hidden" name="ticket" value=(ticket);
            div .actions {
                button type="submit" name="step" value="logout" { (words.log_out) }
                button .quiet type="submit" name="step" value="cancel" { (words.stay) }
            }
        }
    };
    answer(browser, &whole(browser.language, words.log_out_title, &content), None, to)
}

/// The page that says that somebody is logged out.
pub(crate) fn logged_out(browser: &Browser) -> Result<Response, Problem> {
    let words = browser.language.words();
    told(browser, words.logged_out_title, words.close_page)
}

/// The page that says that somebody is logged in still.
pub(crate) fn stayed(browser: &Browser) -> Result<Response, Problem> {
    let words = browser.language.words();
    told(browser, words.stayed_title, words.close_page)
}

/// The page to type in on what a device shows. `code` is what stands in the field already.
pub(crate) fn device(browser: &Browser, code: &str, wrong: Option<Wrong>) -> Result<Response, Problem> {
    let words = browser.language.words();
    let described = if wrong.is_some() { "fault help" } else { "help" };
    let is_to_be_typed = code.is_empty() || wrong.is_some();
    let content = html! {
        (alert(wrong, browser.language))
        form method="post" action="/oauth/device" {
            label for="code" { (words.code) }
            input #code type="text" name="user_code" value=(code) autocomplete="off" autocapitalize="characters"
                spellcheck="false" maxlength="20" required autofocus[is_to_be_typed] aria-describedby=(described);
            p #help .help { (words.device_code_help) }
            div .actions { button type="submit" { (words.go_on) } }
        }
    };
    answer(browser, &whole(browser.language, words.device_title, &content), wrong, None)
}

/// The page that says that a device was let in.
pub(crate) fn device_allowed(browser: &Browser) -> Result<Response, Problem> {
    let words = browser.language.words();
    told(browser, words.device_allowed_title, words.device_allowed)
}

/// The page that says that a device was not let in.
pub(crate) fn device_denied(browser: &Browser) -> Result<Response, Problem> {
    let words = browser.language.words();
    told(browser, words.device_denied_title, words.close_page)
}

fn told(browser: &Browser, title: &str, said: &str) -> Result<Response, Problem> {
    answer(browser, &whole(browser.language, title, &html! { p { (said) } }), None, None)
}

/// The page that says what went wrong where nobody can be sent anywhere.
pub(crate) fn error(browser: &Browser, fault: Fault) -> Result<Response, Problem> {
    let words = browser.language.words();
    let (status, said) = match fault {
        Fault::Client => (StatusCode::BAD_REQUEST, words.error_client),
        Fault::Address => (StatusCode::BAD_REQUEST, words.error_address),
        Fault::Unreadable => (StatusCode::BAD_REQUEST, words.error_long),
        Fault::Old => (StatusCode::BAD_REQUEST, words.error_old),
        Fault::DeviceCode => (StatusCode::BAD_REQUEST, words.device_code_wrong),
        Fault::Suspended => (StatusCode::FORBIDDEN, words.error_suspended),
        Fault::Often(_) => (StatusCode::TOO_MANY_REQUESTS, words.error_often),
    };
    let content = html! { p role="alert" { (said) } };
    let mut response = answer(browser, &whole(browser.language, words.error_title, &content), None, None)?;
    *response.status_mut() = status;
    if let Fault::Often(seconds) = fault {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

/// A page without a script.
fn answer(
    browser: &Browser,
    page: &Markup,
    wrong: Option<Wrong>,
    to: Option<&RedirectUri>,
) -> Result<Response, Problem> {
    answer_with(browser, page, wrong, to, Script::None)
}

/// What the script of passkeys may do on a page.
#[derive(Debug, Clone, Copy)]
enum Script {
    /// There is none.
    None,
    /// Run.
    Runs,
    /// Ask the platform something, too.
    Asks,
}

impl Script {
    /// What the policy says of it.
    fn policy(self) -> String {
        let asks = match self {
            Self::None => return String::new(),
            Self::Runs => "",
            Self::Asks => "connect-src 'self'; ",
        };
        format!("script-src 'sha256-{}'; {asks}", *SCRIPT_HASH)
    }
}

/// A page with the headers of all pages. Forms may lead to the platform, and from there to where the person goes in the end. A script
/// runs only if it is the one of passkeys, to the letter.
fn answer_with(
    browser: &Browser,
    page: &Markup,
    wrong: Option<Wrong>,
    to: Option<&RedirectUri>,
    script: Script,
) -> Result<Response, Problem> {
    let beyond = to.map_or("", RedirectUri::origin);
    let hash = STYLE_HASH.as_str();
    let script = script.policy();
    let policy = format!(
        "default-src 'none'; {script}style-src 'sha256-{hash}'; form-action 'self' {beyond}; frame-ancestors 'none'; base-uri 'none'"
    );
    let mut response = page.0.clone().into_response();
    response.extensions_mut().insert(OwnWords);
    *response.status_mut() = wrong.map_or(StatusCode::OK, Wrong::status);
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_LANGUAGE, browser.language.tag()),
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        (header::X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_str(value).map_err(Problem::internal)?);
    }
    if let Some(seconds) = wrong.and_then(Wrong::retry_after_s) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    browser.give(headers)?;
    Ok(response)
}

/// Sends the browser on. What is asked there is asked anew: nothing of a form is sent along.
pub(crate) fn send_on(browser: &Browser, to: &str) -> Result<Response, Problem> {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, HeaderValue::from_str(to).map_err(Problem::internal)?);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    browser.give(headers)?;
    Ok(response)
}
