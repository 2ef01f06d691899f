//! `/scim/v2/ServiceProviderConfig`, `/ResourceTypes` and `/Schemas`: what of the protocol is served (RFC 7644, section 4). It is the same for
//! everybody, and anybody may read it.

use axum::extract::Path;
use rookery_edge::{Answer, Context, Issuer, Problem};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::query::{MOST, Query};
use crate::schema::{self, GROUPS, Resource, USERS};
use crate::{MEDIA_TYPE, body, fault, protocol};

const ALL: [Resource; 2] = [USERS, GROUPS];

/// The routes. What no other function of the protocol serves leads here too.
pub fn router() -> OpenApiRouter<Context> {
    protocol(
        OpenApiRouter::new()
            .routes(routes!(read_config))
            .routes(routes!(list_resource_types))
            .routes(routes!(read_resource_type))
            .routes(routes!(list_schemas))
            .routes(routes!(read_schema))
            .routes(routes!(look_elsewhere, post_elsewhere)),
    )
}

fn answer(value: &Value) -> Result<Answer, Problem> {
    Ok(Answer::ok(value)?.of_type(MEDIA_TYPE))
}

fn all(query: &Query, values: Vec<Value>) -> Result<Answer, Problem> {
    // RFC 7644, section 4: no filter here, so that nobody takes all for what they asked for.
    if query.filter.is_some() {
        return Err(Problem::Closed("what is served is not filtered"));
    }
    let total = values.len();
    Ok(Answer::ok(&body::ListResponse::new(values, Some(total), Some(1), None))?.of_type(MEDIA_TYPE))
}

/// Read what of SCIM 2.0 is served: patches, filters by equality, and versions; no bulk requests, no sorting and no passwords.
#[utoipa::path(
    get,
    path = "/scim/v2/ServiceProviderConfig",
    operation_id = "read_scim_config",
    tag = "scim",
    security(()),
    responses((status = 200, description = "The configuration.", body = body::Description, content_type = "application/scim+json"))
)]
async fn read_config(Issuer(base): Issuer) -> Result<Answer, Problem> {
    answer(&schema::config(&base, MOST))
}

/// List the kinds of resources that SCIM serves.
#[utoipa::path(
    get,
    path = "/scim/v2/ResourceTypes",
    operation_id = "list_scim_resource_types",
    tag = "scim",
    security(()),
    responses((status = 200, description = "The kinds.", body = body::ListResponse, content_type = "application/scim+json"))
)]
async fn list_resource_types(Issuer(base): Issuer, query: Query) -> Result<Answer, Problem> {
    all(&query, ALL.iter().map(|known| known.resource_type(&base)).collect())
}

/// Read a kind of resources that SCIM serves.
#[utoipa::path(
    get,
    path = "/scim/v2/ResourceTypes/{resource_type}",
    operation_id = "read_scim_resource_type",
    tag = "scim",
    params(("resource_type" = String, Path)),
    security(()),
    responses((status = 200, description = "The kind.", body = body::Description, content_type = "application/scim+json"))
)]
async fn read_resource_type(Issuer(base): Issuer, Path(name): Path<String>) -> Result<Answer, Problem> {
    let known = ALL.iter().find(|known| known.name == name);
    answer(&known.ok_or(Problem::NotFound("resource type"))?.resource_type(&base))
}

/// List the schemas of people and groups in SCIM.
#[utoipa::path(
    get,
    path = "/scim/v2/Schemas",
    operation_id = "list_scim_schemas",
    tag = "scim",
    security(()),
    responses((status = 200, description = "The schemas.", body = body::ListResponse, content_type = "application/scim+json"))
)]
async fn list_schemas(Issuer(base): Issuer, query: Query) -> Result<Answer, Problem> {
    all(&query, ALL.iter().map(|known| known.schema(&base)).collect())
}

/// Read the schema of people or of groups in SCIM.
#[utoipa::path(
    get,
    path = "/scim/v2/Schemas/{schema}",
    operation_id = "read_scim_schema",
    tag = "scim",
    params(("schema" = String, Path)),
    security(()),
    responses((status = 200, description = "The schema.", body = body::Description, content_type = "application/scim+json"))
)]
async fn read_schema(Issuer(base): Issuer, Path(name): Path<String>) -> Result<Answer, Problem> {
    let known = ALL.iter().find(|known| known.schema.eq_ignore_ascii_case(&name));
    answer(&known.ok_or(Problem::NotFound("schema"))?.schema(&base))
}

fn elsewhere(endpoint: &str) -> Problem {
    match endpoint {
        ".search" => fault::not_implemented("searching people and groups at once"),
        "Bulk" => fault::not_implemented("sending several requests at once"),
        "Me" => fault::not_implemented("asking about oneself"),
        _ => Problem::NotFound("endpoint"),
    }
}

/// Ask for what SCIM does not serve here: answered as the protocol wants it.
#[utoipa::path(
    get,
    path = "/scim/v2/{endpoint}",
    operation_id = "read_scim_endpoint",
    tag = "scim",
    params(("endpoint" = String, Path)),
    security(()),
    responses((status = 501, description = "The protocol has it, and the platform has not.", body = body::Error, content_type = "application/scim+json"))
)]
async fn look_elsewhere(Path(endpoint): Path<String>) -> Result<Answer, Problem> {
    Err(elsewhere(&endpoint))
}

/// Send what SCIM does not serve here: answered as the protocol wants it.
#[utoipa::path(
    post,
    path = "/scim/v2/{endpoint}",
    operation_id = "post_scim_endpoint",
    tag = "scim",
    params(("endpoint" = String, Path)),
    security(()),
    responses((status = 501, description = "The protocol has it, and the platform has not.", body = body::Error, content_type = "application/scim+json"))
)]
async fn post_elsewhere(Path(endpoint): Path<String>) -> Result<Answer, Problem> {
    Err(elsewhere(&endpoint))
}
