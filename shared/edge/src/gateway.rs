//! The requests and answers of an HTTP API, in its payload format 2.0.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html> has the format. Only what a
//! function uses is read: see decision 18.

use std::convert::Infallible;
use std::fmt;

use axum::body::{Body, Bytes};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::BodyExt as _;
use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use tower::Service;

/// What a path does not hold as it is (RFC 3986, section 3.3). The gateway hands paths over decoded.
const NOT_IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What the gateway vouches for. A client cannot choose any of it.
#[derive(Debug, Clone, Default)]
pub struct Gateway {
    /// The network address that the request came from.
    pub source_ip: Option<String>,
    /// The domain that the API was called by.
    pub domain_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default, deserialize_with = "headers")]
    headers: HeaderMap,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: RequestContext,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    #[serde(default)]
    domain_name: Option<String>,
    http: Http,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: String,
    #[serde(default)]
    source_ip: Option<String>,
}

/// What the gateway is answered.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(serialize_with = "joined")]
    headers: HeaderMap,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    body: String,
    is_base64_encoded: bool,
}

/// Serves a router to the gateway until the process ends.
pub(crate) async fn serve<S>(router: S) -> Result<(), Error>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    Runtime::new(service_fn(move |event: LambdaEvent<Event>| {
        let mut router = router.clone();
        async move {
            let Ok(response) = router.call(request(event.payload)?).await;
            answer(response).await
        }
    }))
    .run()
    .await
}

fn request(event: Event) -> Result<Request<Body>, Error> {
    let mut target = utf8_percent_encode(&event.raw_path, NOT_IN_PATH).to_string();
    if !event.raw_query_string.is_empty() {
        target.push('?');
        target.push_str(&event.raw_query_string);
    }
    let body = match event.body {
        None => Bytes::new(),
        Some(text) if event.is_base64_encoded => STANDARD.decode(text)?.into(),
        Some(text) => text.into(),
    };
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = Method::from_bytes(event.request_context.http.method.as_bytes())?;
    *request.uri_mut() = Uri::try_from(target)?;
    *request.headers_mut() = event.headers;
    if !event.cookies.is_empty() {
        request.headers_mut().insert(header::COOKIE, HeaderValue::try_from(event.cookies.join("; "))?);
    }
    request.extensions_mut().insert(Gateway {
        source_ip: event.request_context.http.source_ip,
        domain_name: event.request_context.domain_name,
    });
    Ok(request)
}

async fn answer(response: Response) -> Result<Answer, Error> {
    let (mut parts, body) = response.into_parts();
    let body = Vec::from(body.collect().await?.to_bytes());
    // Whatever its type is: what is UTF-8 reaches the client as the same bytes either way.
    let (body, is_base64_encoded) = match String::from_utf8(body) {
        Ok(text) => (text, false),
        Err(bytes) => (STANDARD.encode(bytes.as_bytes()), true),
    };
    // The gateway wants cookies apart, because it joins headers of one name by commas.
    let cookies = match parts.headers.entry(header::SET_COOKIE) {
        header::Entry::Occupied(cookies) => {
            let (_, cookies) = cookies.remove_entry_mult();
            cookies.map(|cookie| Ok(cookie.to_str()?.to_owned())).collect::<Result<_, Error>>()?
        }
        header::Entry::Vacant(_) => Vec::new(),
    };
    Ok(Answer {
        status_code: parts.status.as_u16(),
        headers: parts.headers,
        cookies,
        body,
        is_base64_encoded,
    })
}

/// Headers of a request: the gateway has joined those of one name by commas. What is no header came by no request, and is left out.
fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderMap, D::Error> {
    struct Headers;

    impl<'de> Visitor<'de> for Headers {
        type Value = HeaderMap;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a map of headers")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HeaderMap, A::Error> {
            let mut headers = HeaderMap::with_capacity(map.size_hint().unwrap_or(16));
            while let Some((name, value)) = map.next_entry::<String, String>()? {
                if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                    headers.insert(name, value);
                }
            }
            Ok(headers)
        }
    }

    deserializer.deserialize_map(Headers)
}

/// Headers of an answer: those of one name are joined by commas (RFC 9110, section 5.2).
fn joined<S: Serializer>(headers: &HeaderMap, serializer: S) -> Result<S::Ok, S::Error> {
    let text = |value: &HeaderValue| {
        value.to_str().map(str::to_owned).map_err(|_| serde::ser::Error::custom("a header that is no text"))
    };
    let entries = headers.keys().map(|name| {
        let values: Result<Vec<String>, S::Error> = headers.get_all(name).iter().map(text).collect();
        Ok((name.as_str(), values?.join(", ")))
    });
    serializer.collect_map(entries.collect::<Result<Vec<_>, S::Error>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(event: Value) -> Request<Body> {
        request(serde_json::from_value(event).unwrap()).unwrap()
    }

    fn event(method: &str, path: &str, query: &str) -> Value {
        json!({
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": query,
            "headers": {"Accept": "a/b,c/d", "x-odd": "a\nb"},
            "cookies": ["one=1", "two=2"],
            "requestContext": {"domainName": "api.example.com", "http": {"method": method, "sourceIp": "203.0.113.7"}},
            "isBase64Encoded": false,
        })
    }

    #[tokio::test]
    async fn an_event_is_the_request_that_the_gateway_met() {
        let request = read(event("PATCH", "/v1/things", "a=%20&a=b+c"));
        assert_eq!(request.method(), Method::PATCH);
        assert_eq!(request.uri(), "/v1/things?a=%20&a=b+c");
        assert_eq!(request.headers()["accept"], "a/b,c/d");
        assert_eq!(request.headers()["cookie"], "one=1; two=2");
        assert!(!request.headers().contains_key("x-odd"));
        let gateway = request.extensions().get::<Gateway>().unwrap();
        assert_eq!(gateway.source_ip.as_deref(), Some("203.0.113.7"));
        assert_eq!(gateway.domain_name.as_deref(), Some("api.example.com"));
        assert!(request.into_body().collect().await.unwrap().to_bytes().is_empty());
    }

    #[test]
    fn a_decoded_path_is_encoded_again() {
        assert_eq!(read(event("GET", "/v1/a b/ü?#\u{1}", "")).uri(), "/v1/a%20b/%C3%BC%3F%23%01");
    }

    #[tokio::test]
    async fn bodies_arrive_as_they_were_sent() {
        for (body, encoded, bytes) in
            [("{\"a\":1}", false, b"{\"a\":1}".to_vec()), ("/wA=", true, vec![0xff, 0])]
        {
            let mut event = event("POST", "/", "");
            event["body"] = json!(body);
            event["isBase64Encoded"] = json!(encoded);
            assert_eq!(read(event).into_body().collect().await.unwrap().to_bytes(), bytes);
        }
    }

    #[tokio::test]
    async fn answers_are_text_or_base64_and_keep_cookies_apart() {
        let response = Response::builder()
            .status(201)
            .header("vary", "a")
            .header("vary", "b")
            .header("set-cookie", "one=1; Path=/")
            .header("set-cookie", "two=2")
            .body(Body::from("grün"))
            .unwrap();
        let answered = serde_json::to_value(answer(response).await.unwrap()).unwrap();
        let expected = json!({
            "statusCode": 201,
            "headers": {"vary": "a, b"},
            "cookies": ["one=1; Path=/", "two=2"],
            "body": "grün",
            "isBase64Encoded": false,
        });
        assert_eq!(answered, expected);

        let response = Response::new(Body::from(vec![0xff, 0]));
        let answered = serde_json::to_value(answer(response).await.unwrap()).unwrap();
        assert_eq!((&answered["body"], &answered["isBase64Encoded"]), (&json!("/wA="), &json!(true)));
    }
}
