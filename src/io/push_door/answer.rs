//! The answers of the distribution API.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode, header::HeaderName};
use serde_json::json;

pub(super) type DoorAnswer = Response<Full<Bytes>>;

/// An answer without a body.
pub(super) fn plain(status: StatusCode, headers: &[(&str, String)]) -> DoorAnswer {
    with_body(status, headers, Bytes::new())
}

/// A refusal, with the code of the distribution specification.
pub(super) fn refused(status: StatusCode, code: &str, message: &str) -> DoorAnswer {
    let document = json!({"errors": [{"code": code, "message": message}]});
    let headers = [("content-type", "application/json".to_owned())];
    with_body(status, &headers, document.to_string().into())
}

pub(super) fn with_body(status: StatusCode, headers: &[(&str, String)], body: Bytes) -> DoorAnswer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let version = ("docker-distribution-api-version", "registry/2.0".to_owned());
    for (name, value) in headers.iter().chain([&version]) {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse()) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}
