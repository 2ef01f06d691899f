//! `GET /docs`: the API for people. One page without scripts, made of the OpenAPI document.

use std::sync::OnceLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use rookery_edge::{Context, Problem};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const STYLE: &str = include_str!("docs.css");
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The route.
pub fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(docs))
}

/// Read the API as a page.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "read_docs",
    tag = "meta",
    security(()),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"))
)]
async fn docs() -> Result<Response, Problem> {
    static PAGE: OnceLock<Bytes> = OnceLock::new();
    let body = if let Some(body) = PAGE.get() {
        body.clone()
    } else {
        let api: Value = serde_json::from_str(crate::OPENAPI).map_err(Problem::internal)?;
        PAGE.get_or_init(|| Bytes::from(page(&api).into_string())).clone()
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    Ok((headers, body).into_response())
}

/// An operation with the place it is found at.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    tag: &'a str,
    body: &'a Value,
}

impl Operation<'_> {
    fn anchor(&self) -> String {
        let path: String =
            self.path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        format!("{}{path}", self.method)
    }
}

fn operations(api: &Value) -> Vec<Operation<'_>> {
    let paths = api["paths"].as_object().into_iter().flatten();
    let mut found: Vec<Operation<'_>> = paths
        .flat_map(|(path, item)| {
            item.as_object().into_iter().flatten().map(move |(method, body)| Operation {
                method,
                path,
                tag: body["tags"][0].as_str().unwrap_or("other"),
                body,
            })
        })
        .collect();
    found.sort_by_key(|operation| (operation.tag, operation.path, operation.method));
    found
}

fn page(api: &Value) -> Markup {
    let operations = operations(api);
    let groups: Vec<&[Operation<'_>]> = operations.chunk_by(|a, b| a.tag == b.tag).collect();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Rookery API" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                nav aria-label="Operations" {
                    h1 { "Rookery" }
                    @for group in &groups {
                        h2 { (group[0].tag) }
                        ul { @for operation in *group {
                            li { a href={ "#" (operation.anchor()) } { (method(operation.method)) " " (operation.path) } }
                        } }
                    }
                }
                main {
                    header {
                        p.lead { (prose(api["info"]["description"].as_str().unwrap_or_default())) }
                        p { "The same for machines: " a href="/v1/openapi.json" { "/v1/openapi.json" } "." }
                    }
                    @for group in &groups {
                        h2 { (group[0].tag) }
                        @for operation in *group { (section(api, operation)) }
                    }
                }
            }
        }
    }
}

fn section(api: &Value, operation: &Operation<'_>) -> Markup {
    let body = operation.body;
    let request = &body["requestBody"]["content"]["application/json"]["schema"];
    let description = body["description"].as_str().unwrap_or_default();
    html! {
        section id=(operation.anchor()) {
            h3 { (method(operation.method)) " " code { (operation.path) } }
            p { (prose(body["summary"].as_str().unwrap_or_default())) }
            @if !description.is_empty() { p { (prose(description)) } }
            @if let Some(parameters) = body["parameters"].as_array() {
                h4 { "Parameters" }
                table { tbody { @for parameter in parameters {
                    tr {
                        th scope="row" { code { (parameter["name"].as_str().unwrap_or_default()) } }
                        td { (parameter["in"].as_str().unwrap_or_default()) }
                        td { (kind(api, &parameter["schema"], 0)) }
                        td { (prose(parameter["description"].as_str().unwrap_or_default())) }
                    }
                } } }
            }
            @if !request.is_null() { h4 { "Body" } (kind(api, request, 0)) }
            h4 { "Answers" }
            table { tbody { @for (status, answer) in body["responses"].as_object().into_iter().flatten() {
                tr {
                    th scope="row" { code { (status) } }
                    td { (prose(answer["description"].as_str().unwrap_or_default())) }
                    td { @for (_, content) in answer["content"].as_object().into_iter().flatten() {
                        (kind(api, &content["schema"], 0))
                    } }
                }
            } } }
        }
    }
}

fn method(name: &str) -> Markup {
    html! { span class={ "method " (name) } { (name.to_uppercase()) } }
}

/// Text with `code` in backticks.
fn prose(text: &str) -> Markup {
    html! { @for (at, part) in text.split('`').enumerate() {
        @if at % 2 == 1 { code { (part) } } @else { (part) }
    } }
}

/// How deep schemas are shown in full.
const DEPTH: usize = 4;

/// What a value of a schema looks like.
fn kind(api: &Value, schema: &Value, depth: usize) -> Markup {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        let target = &api["components"]["schemas"][name];
        if name == "Problem" || depth > DEPTH {
            return html! { span.type { (name) } };
        }
        if target["properties"].is_object() {
            return html! { details open[depth == 0] { summary { span.type { (name) } } (fields(api, target, depth)) } };
        }
        return kind(api, target, depth + 1);
    }
    if schema["properties"].is_object() {
        return fields(api, schema, depth);
    }
    for combination in ["allOf", "oneOf", "anyOf"] {
        if let Some(parts) = schema[combination].as_array() {
            let parts = parts.iter().filter(|part| part["type"] != "null");
            return html! { @for part in parts { (kind(api, part, depth)) } };
        }
    }
    if schema["items"].is_object() {
        return html! { "list of " (kind(api, &schema["items"], depth)) };
    }
    let name = match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .filter(|name| *name != "null")
            .collect::<Vec<_>>()
            .join(" or "),
        _ => "any".to_owned(),
    };
    let values = schema["enum"].as_array().cloned().unwrap_or_default();
    html! {
        span.type { (name) }
        @if let Some(format) = schema["format"].as_str() { " " small { (format) } }
        @for value in &values { " " code { (value.as_str().unwrap_or_default()) } }
        @if let Some(pattern) = schema["pattern"].as_str() { " " code.pattern { (pattern) } }
    }
}

fn fields(api: &Value, schema: &Value, depth: usize) -> Markup {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    html! {
        table.fields { tbody { @for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            tr {
                th scope="row" { code { (name) } @if !required.contains(&name.as_str()) { small { " optional" } } }
                td { (kind(api, field, depth + 1)) }
                td { (prose(field["description"].as_str().unwrap_or_default())) }
            }
        } } }
    }
}
