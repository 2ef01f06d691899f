//! Requests to hosts that tenants name. A tenant chooses where they go, so they go to public addresses only, by TLS, follow nobody
//! elsewhere, and end soon, however the other side behaves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs as _};
use std::time::Duration;

use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;

use crate::{Clients, StoreError, Variable};

/// How long a request may take, with everything from looking its host up to the last byte of its answer.
const PATIENCE: Duration = Duration::from_secs(4);
/// The longest answer, in bytes.
const LONGEST: usize = 256 * 1024;

/// Why there is no answer that can be used. For logs: it does not tell whoever asks what lies behind an address.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The address is none that is asked.
    #[error("the address is not asked: {0}")]
    Address(&'static str),
    /// It took too long.
    #[error("there was no answer in time")]
    Late,
    /// The answer is too long, or broke off.
    #[error("the answer is too long, or broke off")]
    Body,
    /// There was none.
    #[error("no connection")]
    Connection(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another status than success; redirections are none.
    #[error("the status of the answer is {0}")]
    Status(u16),
    /// The answer is not what was asked for.
    #[error("the answer cannot be read")]
    Unreadable(#[source] serde_json::Error),
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        Self::unavailable("a request to another provider", failure)
    }
}

/// Asks hosts that tenants name.
#[derive(Debug)]
pub struct Outbound {
    connector: Connector,
    loopback: bool,
}

/// Looks names up, and forgets addresses that are not public: also a name that points elsewhere a moment later leads nowhere else, for
/// what was looked up is what is connected to.
#[derive(Debug, Clone, Copy)]
struct PublicOnly {
    loopback: bool,
}

impl ResolveDns for PublicOnly {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        let (host, loopback) = (name.to_owned(), self.loopback);
        DnsFuture::new(async move {
            let looked_up = tokio::task::spawn_blocking(move || (host.as_str(), 0).to_socket_addrs());
            let found = looked_up.await.map_err(ResolveDnsError::new)?.map_err(ResolveDnsError::new)?;
            let found: Vec<IpAddr> =
                found.map(|address| address.ip()).filter(|ip| may_be_asked(*ip, loopback)).collect();
            if found.is_empty() {
                return Err(ResolveDnsError::new("the name has no public address"));
            }
            Ok(found)
        })
    }
}

fn may_be_asked(address: IpAddr, loopback: bool) -> bool {
    is_public(address) || (loopback && address.is_loopback())
}

/// Whether an address is of the public internet: not of this machine, its network or cloud (`169.254.169.254` above all), nor reserved
/// (IANA's special-purpose address registries).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

const fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

/// Only global unicast, and of that nothing that carries an address of version 4 or is for documents.
const fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x2001, second, ..] => second >= 0x0200 && second != 0x0db8,
        [0x2002, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

impl Outbound {
    /// Asks hosts by the platform's settings.
    pub fn new(loopback: bool) -> Self {
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(Duration::from_secs(2))
            .read_timeout(PATIENCE)
            .build();
        let connector = Connector::builder()
            .connector_settings(settings)
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_with_resolver(PublicOnly { loopback });
        Self { connector, loopback }
    }

    /// Whether a URL is one that is asked, as far as can be told without looking its host up.
    pub fn check(&self, url: &str) -> Result<(), Failure> {
        let (scheme, rest) = url.split_once("://").ok_or(Failure::Address("it has no scheme"))?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.is_empty() || authority.contains(['@', '\\']) {
            return Err(Failure::Address("it names no plain host"));
        }
        let host = match authority.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        let literal: Option<IpAddr> = host.parse().ok();
        let own = host == "localhost" || literal.is_some_and(|address| address.is_loopback());
        match scheme {
            "https" => {}
            "http" if own && self.loopback => {}
            _ => return Err(Failure::Address("it is not https")),
        }
        match literal {
            Some(address) if !may_be_asked(address, self.loopback) => {
                Err(Failure::Address("it is not public"))
            }
            _ => Ok(()),
        }
    }

    /// What a URL answers, in JSON.
    pub async fn get<T: DeserializeOwned>(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
    ) -> Result<T, Failure> {
        self.ask("GET", url, headers, String::new()).await
    }

    /// What a URL answers to a form, in JSON.
    pub async fn post<T: DeserializeOwned>(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        form: String,
    ) -> Result<T, Failure> {
        self.ask("POST", url, headers, form).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: &'static str,
        url: &str,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<T, Failure> {
        self.check(url)?;
        let mut request = HttpRequest::new(SdkBody::from(body));
        let malformed = |_| Failure::Address("it is malformed");
        request.set_method(method).map_err(malformed)?;
        request.set_uri(url).map_err(malformed)?;
        let own = [("accept", "application/json".to_owned()), ("user-agent", "rookery".to_owned())];
        for (name, value) in own.iter().chain(headers) {
            request.headers_mut().try_insert(*name, value.clone()).map_err(malformed)?;
        }
        if method == "POST" {
            request.headers_mut().insert("content-type", "application/x-www-form-urlencoded");
        }
        let answer =
            tokio::time::timeout(PATIENCE, self.send(request)).await.map_err(|_| Failure::Late)??;
        serde_json::from_slice(&answer).map_err(Failure::Unreadable)
    }

    async fn send(&self, request: HttpRequest) -> Result<Vec<u8>, Failure> {
        let answer = self.connector.call(request).await;
        let answer = answer.map_err(|source| Failure::Connection(source.into()))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(Failure::Status(status.as_u16()));
        }
        let body = Limited::new(answer.into_body(), LONGEST).collect().await.map_err(|_| Failure::Body)?;
        Ok(body.to_bytes().to_vec())
    }
}

impl Clients {
    /// Requests to hosts that tenants name.
    pub fn outbound(&self) -> &Outbound {
        let loopback = self.settings().get(Variable::LoopbackProviders) == Some("allowed");
        self.outbound_once().get_or_init(|| Outbound::new(loopback))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_asked() {
        for public in
            ["8.8.8.8", "100.63.0.1", "172.32.0.1", "192.0.1.1", "2606:4700::1", "2a00::1", "2001:4860::1"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for other in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.192",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:169.254.169.254",
            "::ffff:8.8.8.8",
            "64:ff9b::a9fe:a9fe",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:a9fe:a9fe::1",
            "3fff::1",
        ] {
            assert!(!is_public(other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn a_url_tells_enough_not_to_be_asked() {
        let refused = |outbound: &Outbound, url: &str| outbound.check(url).is_err();
        let strict = Outbound::new(false);
        for url in [
            "http://example.com/",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/",
            "https://[fd00:ec2::254]/",
            "http://127.0.0.1:80/",
            "https://127.0.0.1/",
            "https://user@example.com/",
            "https:///x",
            "ftp://example.com/",
            "example.com",
        ] {
            assert!(refused(&strict, url), "{url}");
        }
        assert!(!refused(&strict, "https://example.com:8443/x?y=https://z@example.com"));
        let local = Outbound::new(true);
        assert!(!refused(&local, "http://127.0.0.1:80/") && !refused(&local, "http://localhost:1/"));
        assert!(refused(&local, "http://example.com/") && refused(&local, "http://10.0.0.1/"));
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_leads_nowhere() {
        assert!(PublicOnly { loopback: false }.resolve_dns("localhost").await.is_err());
        assert!(PublicOnly { loopback: true }.resolve_dns("localhost").await.is_ok());
    }
}
