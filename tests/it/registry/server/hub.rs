//! Docker Hub's own API, as far as releases need it.

use bytes::Bytes;
use hyper::Response;
use serde_json::json;

use super::{
    PASSWORD, State, USER,
    api::{self, Asked},
};

/// The answer, where the request is one of this API.
pub fn handle(state: &mut State, asked: &Asked, body: &[u8]) -> Option<Response<Bytes>> {
    if asked.path == "/v2/auth/token" {
        let given: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let is_user = given["identifier"] == USER && given["secret"] == PASSWORD;
        return Some(if is_user {
            found(json!({"access_token": "hub-token"}))
        } else {
            refused(401, "incorrect authentication credentials")
        });
    }
    let rest = asked
        .path
        .strip_prefix("/v2/namespaces/")
        .or_else(|| asked.path.strip_prefix("/v2/repositories/"))?;
    let parts: Vec<&str> = rest
        .trim_end_matches('/')
        .split('/')
        .filter(|p| *p != "repositories")
        .collect();
    let is_known = asked.authorization.as_deref() == Some("Bearer hub-token");
    if !is_known {
        return Some(refused(401, "authentication required"));
    }
    match (&*asked.method, &*parts) {
        ("GET", [namespace, name]) => {
            let path = format!("{namespace}/{name}");
            state.store.contents(&path)?;
            let rules: Vec<&str> = state
                .personality
                .immutable
                .iter()
                .map(|_| r"^\d+\.\d+\.\d+$")
                .collect();
            Some(found(json!({
                "name": name,
                "namespace": namespace,
                "immutable_tags_settings": {"enabled": !rules.is_empty(), "rules": rules},
            })))
        }
        ("DELETE", [namespace, name, "tags", tag]) => {
            let contents = state.store.contents(&format!("{namespace}/{name}"))?;
            Some(if contents.remove_tag(tag) {
                Response::builder().status(204).body(Bytes::new()).unwrap()
            } else {
                refused(404, "tag not found")
            })
        }
        _ => Some(refused(404, "not found")),
    }
}

fn found(document: serde_json::Value) -> Response<Bytes> {
    Response::builder()
        .header("content-type", "application/json")
        .body(document.to_string().into())
        .unwrap()
}

fn refused(status: u16, message: &str) -> Response<Bytes> {
    let mut response = api::error(status, "", message, None);
    *response.body_mut() = json!({"message": message}).to_string().into();
    response
}
