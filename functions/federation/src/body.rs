//! Identity providers on the wire.

use jiff::Timestamp;
use rookery_domain::id::{IdentityProviderId, OrganizationId};
use rookery_domain::identity_provider::{
    self as domain, IssuerUrl, Kind, MailDomain, MappedGroup, OwnDomain, challenge,
};
use rookery_domain::text::Name;
use serde::Serialize;
use utoipa::ToSchema;

/// A mail domain that a provider is to vouch for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IdentityProviderDomain)]
pub struct Domain {
    /// The domain.
    pub domain: MailDomain,
    /// When it was shown that the domain is the tenant's own. Until then nobody comes by it.
    pub verified_at: Option<Timestamp>,
    /// The name of the text record in DNS that shows it.
    #[schema(example = "_rookery.example.com")]
    pub record: String,
    /// What that record says.
    #[schema(example = "rookery-verification=idp_01h455vb4pex5vsknk084sn02q")]
    pub record_value: String,
}

impl Domain {
    fn new(own: OwnDomain, provider: IdentityProviderId) -> Self {
        let record = own.domain.record();
        Self { domain: own.domain, verified_at: own.verified_at, record, record_value: challenge(provider) }
    }
}

/// An identity provider. The client's secret is never shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IdentityProvider)]
pub struct IdentityProvider {
    /// Its id.
    pub id: IdentityProviderId,
    /// Its name on the login page.
    pub name: Name,
    /// What it speaks.
    pub kind: Kind,
    /// Who it is.
    pub issuer: IssuerUrl,
    /// The client that the platform is there.
    pub client_id: String,
    /// Since when the client's secret is what it is; `null` for a client without one.
    pub secret_set_at: Option<Timestamp>,
    /// What to enter there as the address to come back to, behind the platform's URL.
    #[schema(example = "/v1/auth/federated/idp_01h455vb4pex5vsknk084sn02q/callback")]
    pub callback_path: String,
    /// The mail domains that it vouches for.
    pub mail_domains: Vec<Domain>,
    /// The organization in which people are made who come for the first time; nobody is made where there is none.
    pub organization_id: Option<OrganizationId>,
    /// The claim that names somebody's groups.
    pub group_claim: Option<String>,
    /// Which groups they are here.
    pub groups: Vec<MappedGroup>,
    /// Whether anybody may log in by it.
    pub enabled: bool,
    /// Counts its changes, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<domain::IdentityProvider> for IdentityProvider {
    fn from(provider: domain::IdentityProvider) -> Self {
        let id = provider.id;
        let choice = provider.choice;
        Self {
            id,
            name: choice.name,
            kind: provider.kind,
            issuer: provider.issuer,
            client_id: choice.client_id,
            secret_set_at: provider.secret_set_at,
            callback_path: callback_path(id),
            mail_domains: choice.domains.into_iter().map(|own| Domain::new(own, id)).collect(),
            organization_id: choice.organization,
            group_claim: choice.group_claim,
            groups: choice.groups,
            enabled: choice.enabled,
            version: provider.version,
            created_at: provider.created_at,
            updated_at: provider.updated_at,
        }
    }
}

/// Where a provider sends people back to, behind the platform's URL. Each provider has a path of its own, so that none passes for
/// another (RFC 9700, section 4.4).
pub(crate) fn callback_path(provider: IdentityProviderId) -> String {
    format!("/v1/auth/federated/{provider}/callback")
}
