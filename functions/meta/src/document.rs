//! The OpenAPI document: what the routes say of themselves, and what holds for all of them.

use std::collections::BTreeMap;

use rookery_domain::device::{AppVersion, Current};
use rookery_domain::moment::Moment;
use rookery_edge::Document;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, PathItem, Ref, RefOr, ResponseBuilder,
};
use utoipa::{PartialSchema as _, ToSchema as _};

const BEARER: &str = "bearer";

/// Completes the document that the route table makes: title, security, and the answers that every route of a kind may give.
pub fn document(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("Rookery")
        .version("1")
        .description(Some(
            "Over-the-air releases from your own AWS account. Errors are problem documents (RFC 9457); lists are paged \
             with `limit` and `cursor`; every POST accepts an `Idempotency-Key`.",
        ))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    let components = api.components.get_or_insert_with(Components::new);
    components
        .security_schemes
        .insert(BEARER.to_owned(), RefOr::T(SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer))));
    components.schemas.insert("Problem".to_owned(), Document::schema());
    let mut nested = Vec::new();
    Document::schemas(&mut nested);
    components.schemas.extend(nested);
    // The types of parameters are referred to, but not collected.
    for (name, schema) in [
        (AppVersion::name(), AppVersion::schema()),
        (Current::name(), Current::schema()),
        (Moment::name(), Moment::schema()),
    ] {
        components.schemas.insert(name.into_owned(), schema);
    }
    api.security = Some(vec![SecurityRequirement::new(BEARER, Vec::<String>::new())]);
    for (path, item) in &mut api.paths.paths {
        let has_ids = path.contains('{');
        for operation in operations(item) {
            complete(operation, has_ids);
        }
    }
    api
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete]
        .into_iter()
        .filter_map(Option::as_mut)
}

/// Adds what any route of the operation's kind may answer, where it does not say so itself.
fn complete(operation: &mut Operation, has_ids: bool) {
    let open = operation.security.as_ref().is_some_and(|own| own.contains(&SecurityRequirement::default()));
    let mut common =
        BTreeMap::from([("503", "A service is not available; `Retry-After` says when to come again.")]);
    if !open {
        common.insert("401", "No valid credentials.");
        common.insert("403", "The caller lacks the permission.");
    }
    if has_ids {
        common.insert("404", "There is no such resource, at least not for this caller.");
    }
    if operation.parameters.is_some() {
        common.insert("400", "A parameter or header is malformed; `errors` names every fault.");
    }
    if operation.request_body.is_some() {
        common.insert("400", "The body is not JSON.");
        common.insert("409", "The state of things does not allow it.");
        common.insert("413", "The body is too large.");
        common.insert("415", "The content type is not `application/json`.");
        common.insert("422", "The body says something that cannot be; `errors` names every fault.");
    }
    for (status, description) in common {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            RefOr::T(
                ResponseBuilder::new()
                    .description(description)
                    .content("application/problem+json", content)
                    .build(),
            )
        });
    }
}
