//! The referrers API (distribution specification 1.1, "Listing Referrers").

use bytes::Bytes;
use hoist::oci::{Digest, Manifest, MediaType, referrer};
use hyper::Response;
use serde_json::{Value, json};

use super::{
    State,
    api::{Asked, error},
    personality::Referrers,
};

/// What a manifest is about, where the registry says so in its answer.
pub fn told(state: &State, manifest: &Manifest) -> Option<Digest> {
    match state.personality.referrers {
        Referrers::Unknown | Referrers::ListedInSilence => None,
        Referrers::Listed | Referrers::ListedByConfig => {
            referrer::referrer(manifest).map(|(subject, _)| subject)
        }
    }
}

/// The refusal of a manifest that is about something unknown.
pub fn refusal(state: &mut State, path: &str, manifest: &Manifest) -> Option<Response<Bytes>> {
    let (subject, _) = referrer::referrer(manifest)?;
    let is_strict = state.personality.knows_subjects_only;
    let is_known = state.store.create(path).manifests.contains_key(&subject);
    (is_strict && !is_known).then(|| error(404, "MANIFEST_UNKNOWN", "the subject is unknown", None))
}

/// One page of the list; the last page has no link.
pub fn list(state: &mut State, asked: &Asked, path: &str, subject: &str) -> Response<Bytes> {
    let behaviour = state.personality.referrers;
    let page = state.personality.referrers_page;
    let Ok(subject) = subject.parse::<Digest>() else {
        return error(400, "DIGEST_INVALID", "not a digest", None);
    };
    if behaviour == Referrers::Unknown {
        let mut unknown = Response::new("404 page not found\n".into());
        *unknown.status_mut() = hyper::StatusCode::NOT_FOUND;
        return unknown;
    }
    let manifests = state.store.contents(path).into_iter();
    let manifests = manifests.flat_map(|contents| contents.manifests.values());
    let about = manifests.filter_map(|manifest| {
        let (of, entry) = referrer::referrer(manifest)?;
        let mut entry = serde_json::to_value(entry).unwrap();
        if behaviour == Referrers::ListedByConfig {
            let document: Value = serde_json::from_slice(&manifest.bytes).unwrap();
            entry["artifactType"] = document["config"]["mediaType"].clone();
        }
        (of == subject).then_some(entry)
    });
    let all: Vec<Value> = about.collect();
    let from: usize = asked.get("from").map_or(0, |from| from.parse().unwrap());
    let to = all.len().min(from + page);
    let mut response = Response::builder().header("content-type", MediaType::OCI_INDEX);
    if to < all.len() {
        let link = format!(r#"</v2/{path}/referrers/{subject}?from={to}>; rel="next""#);
        response = response.header("link", link);
    }
    let document = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX,
        "manifests": all[from..to],
    });
    response.body(document.to_string().into()).unwrap()
}
