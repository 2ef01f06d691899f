//! Where a client lets people be sent back to.

use std::fmt;
use std::str::FromStr;

use crate::text::{ParseError, text_type};

/// Longest address, in bytes.
const LONGEST_URI: usize = 1_000;

/// Where a client lets people be sent back to: compared letter by letter, so that nothing about it can be varied.
///
/// It is `https` anywhere, `http` on the machine that the browser runs on, or the scheme of an app (RFC 8252): one with a dot in it, as
/// its reversed domain has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// The address as it was registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn scheme(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// Whether it leads to an app of the device by a scheme of its own, which any other app may claim, too.
    pub fn is_private_use(&self) -> bool {
        !matches!(self.scheme(), "http" | "https")
    }

    /// Whether another address is the same but for its port, and both are of the machine that the browser runs on, named by its number: an app
    /// listens there on whatever port is free (RFC 8252, section 7.3). By its name, `localhost`, that machine may be led elsewhere.
    pub(super) fn differs_by_port(&self, other: &Self) -> bool {
        let own = around_port(&self.0);
        own.is_some() && own == around_port(&other.0)
    }

    /// Scheme and host, for policies that say where a page may lead; of a private-use scheme that alone.
    pub fn origin(&self) -> &str {
        if self.is_private_use() {
            return &self.0[..=self.scheme().len()];
        }
        let host = self.0.find("://").map_or(0, |at| at + 3);
        let end = self.0[host..].find(['/', '?']).map_or(self.0.len(), |at| host + at);
        &self.0[..end]
    }

    /// The address with parameters added to its query. They are encoded already.
    pub fn with(&self, query: &str) -> String {
        let mark = if self.0.contains('?') { '&' } else { '?' };
        format!("{}{mark}{query}", self.0)
    }
}

impl FromStr for RedirectUri {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.len() > LONGEST_URI {
            return Err(ParseError::new("is longer than 1000 bytes"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>')) {
            return Err(ParseError::new("is not an absolute URI"));
        }
        if text.contains('#') {
            return Err(ParseError::new("has a fragment"));
        }
        let (scheme, rest) = text.split_once(':').ok_or(ParseError::new("is not an absolute URI"))?;
        match scheme {
            "https" if host(rest).is_some() => {}
            "http" if host(rest).is_some_and(is_loopback) => {}
            "http" => return Err(ParseError::new("is http, which is good on localhost only")),
            _ if is_private_use(scheme) && rest.starts_with('/') => {}
            _ => {
                return Err(ParseError::new(
                    "is neither https, nor http on localhost, nor of an app's own scheme with a dot in it",
                ));
            }
        }
        Ok(Self(text.to_owned()))
    }
}

/// The host of what follows a scheme, without its port.
fn host(rest: &str) -> Option<&str> {
    let authority = rest.strip_prefix("//")?.split(['/', '?']).next()?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let named = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let numbered = bracketed.is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
    let is_host = !host.is_empty() && (named || numbered);
    (is_host && port.is_none_or(|port| port.parse::<u16>().is_ok())).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

/// What stands before the port of an address at the loopback interface, and behind it.
fn around_port(text: &str) -> Option<(&'static str, &str)> {
    ["http://127.0.0.1", "http://[::1]"].into_iter().find_map(|machine| {
        let rest = text.strip_prefix(machine)?;
        let rest = match rest.strip_prefix(':') {
            Some(port) => port.trim_start_matches(|digit: char| digit.is_ascii_digit()),
            None => rest,
        };
        (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((machine, rest))
    })
}

fn is_private_use(scheme: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    scheme.contains('.')
        && scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(plain)
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(RedirectUri, format = "^[a-z][a-z0-9.-]*:[!-~]+$");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_of_the_web_of_this_machine_or_of_an_app() {
        for (good, origin) in [
            ("https://app.example.com/cb", "https://app.example.com"),
            ("https://app.example.com", "https://app.example.com"),
            ("https://app.example.com:8443/cb?a=b", "https://app.example.com:8443"),
            ("https://app.example.com?a=b", "https://app.example.com"),
            ("http://localhost:8080/cb", "http://localhost:8080"),
            ("http://127.0.0.1/cb", "http://127.0.0.1"),
            ("http://[::1]:80/cb", "http://[::1]:80"),
            ("com.example.app:/cb", "com.example.app:"),
            ("com.example.app://cb/x", "com.example.app:"),
        ] {
            assert_eq!(good.parse::<RedirectUri>().unwrap().origin(), origin, "{good}");
        }
        for bad in [
            "",
            "/cb",
            "//app.example.com/cb",
            "https:/app.example.com",
            "https://",
            "https:///cb",
            "https://app.example.com/cb#x",
            "https://app.example.com/a b",
            "https://user@app.example.com/cb",
            "https://app.example.com;script-src/cb",
            "https://app.example.com:port/cb",
            "https://app.example.com\\@evil.example/cb",
            "http://app.example.com/cb",
            "http://localhost.example.com/cb",
            "http://127.0.0.1.example.com/cb",
            "http://127.0.0.1@evil.example/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "myapp:/cb",
            "HTTPS://app.example.com/cb",
            "com.example.app:cb",
        ] {
            assert!(bad.parse::<RedirectUri>().is_err(), "{bad:?} was accepted");
        }
    }

    proptest! {
        #[test]
        fn an_address_ends_where_its_origin_does(text in "(https|http|com\\.example)(:|://)[!-~]{0,40}") {
            if let Ok(uri) = text.parse::<RedirectUri>() {
                prop_assert!(text.starts_with(uri.origin()));
                prop_assert!(!uri.origin().contains([';', ',', '\'', ' ', '@']), "{}", uri.origin());
            }
        }
    }
}
