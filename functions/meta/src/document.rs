//! The OpenAPI document: what the routes say of themselves, and what holds for all of them.

use std::collections::BTreeMap;

use rookery_domain::device::{AppVersion, Current};
use rookery_domain::moment::Moment;
use rookery_edge::Document;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, Content, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, PathItem, Ref, RefOr,
    Required, Response, ResponseBuilder, Schema,
};
use utoipa::{PartialSchema as _, ToSchema as _};

const BEARER: &str = "bearer";
/// The token of somebody who operates the platform. It is sent as keys are, and opens other routes.
const OPERATOR: &str = "operator";

/// Completes the document that the route table makes: title, security, and the answers that every route of a kind may give.
pub fn document(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("Rookery")
        .version("1")
        .description(Some(
            "Over-the-air releases from your own AWS account. Errors are problem documents (RFC 9457); lists are paged \
             with `limit` and `cursor`; every POST but those of devices and of OAuth accepts an `Idempotency-Key`.",
        ))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    let components = api.components.get_or_insert_with(Components::new);
    for scheme in [BEARER, OPERATOR] {
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.security_schemes.insert(scheme.to_owned(), RefOr::T(bearer));
    }
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
        if let Some(post) = item.post.as_mut().filter(|post| !takes_no_key(post)) {
            accept_key(post);
        }
        for operation in operations(item) {
            complete(operation, has_ids);
            for (status, response) in &mut operation.responses.responses {
                if let RefOr::T(response) = response {
                    add_headers(components, status, response);
                }
            }
        }
    }
    api
}

/// What devices send may come twice and changes nothing then, so that no key is needed. OAuth knows none.
fn takes_no_key(operation: &Operation) -> bool {
    operation.tags.iter().flatten().any(|tag| tag == "devices" || tag == "oauth")
}

fn accept_key(post: &mut Operation) {
    let key = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(255))
        .pattern(Some("^[!-~]+$"))
        .build();
    let parameter = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Chosen by the caller. The same request with the same key, within 24 hours, is carried out once and answered again.",
        ))
        .schema(Some(key));
    post.parameters.get_or_insert_default().push(RefOr::T(parameter.build()));
}

/// The headers of an answer that follow from its status, and from whether it shows one resource.
fn add_headers(components: &Components, status: &str, response: &mut Response) {
    let shows = shows_resource(components, response.content.values());
    let mut add = |name: &str, of: Type, description: &str| {
        response.headers.entry(name.to_owned()).or_insert_with(|| {
            let schema = ObjectBuilder::new().schema_type(of).build();
            RefOr::T(HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build())
        });
    };
    if status == "201" || status == "202" && shows {
        add("Location", Type::String, "The path of what was made.");
    }
    if status == "303" {
        add("Location", Type::String, "Where to go on.");
    }
    if matches!(status, "429" | "503") {
        add("Retry-After", Type::Integer, "When to come again, in seconds.");
    }
    if matches!(status, "200" | "201" | "202") && shows {
        add("ETag", Type::String, "The version of what is shown, for `If-Match`.");
    }
}

/// Whether the answer is one resource with an id of its own, not a list or a part of one.
fn shows_resource<'a>(
    components: &Components,
    mut contents: impl Iterator<Item = &'a RefOr<Content>>,
) -> bool {
    contents.any(|content| match content {
        RefOr::T(content) => content.schema.as_ref().is_some_and(|schema| has_id(components, schema)),
        RefOr::Ref(_) => false,
    })
}

fn has_id(components: &Components, schema: &RefOr<Schema>) -> bool {
    match schema {
        RefOr::Ref(reference) => {
            let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
            components.schemas.get(name).is_some_and(|schema| has_id(components, schema))
        }
        RefOr::T(Schema::Object(object)) => object.properties.contains_key("id"),
        RefOr::T(Schema::AllOf(parts)) => parts.items.iter().any(|part| has_id(components, part)),
        RefOr::T(_) => false,
    }
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
        common.insert("400", "The body is not JSON, or a header is malformed; `errors` names every fault.");
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
