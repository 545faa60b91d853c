//! The distribution API, one request at a time.

use bytes::Bytes;
use hoist::oci::{Digest, Manifest, MediaType, TagOrDigest};
use hyper::{Response, http::request::Parts};
use serde_json::json;

use super::{
    State,
    auth::{self, Need},
    hub,
    personality::{Delete, MultiTag, Refusal, Stale},
    referrers,
};

/// The head of a request.
pub struct Asked {
    pub method: String,
    pub path: String,
    /// Path and query as they came.
    pub target: String,
    pub query: Vec<(String, String)>,
    pub authorization: Option<String>,
    pub content_type: Option<String>,
    pub accept: String,
}

impl Asked {
    pub fn new(head: &Parts) -> Self {
        let header = |name: &str| {
            let all: Vec<&str> = head
                .headers
                .get_all(name)
                .iter()
                .filter_map(|v| v.to_str().ok())
                .collect();
            (!all.is_empty()).then(|| all.join(", "))
        };
        let query = head.uri.query().unwrap_or_default();
        Self {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            target: head
                .uri
                .path_and_query()
                .map(ToString::to_string)
                .unwrap_or_default(),
            query: url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            authorization: header("authorization"),
            content_type: header("content-type"),
            accept: header("accept").unwrap_or_default(),
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

/// One error in the specification's form.
pub fn error(
    status: u16,
    code: &str,
    message: &str,
    detail: Option<serde_json::Value>,
) -> Response<Bytes> {
    errors(
        status,
        vec![json!({"code": code, "message": message, "detail": detail})],
    )
}

fn errors(status: u16, errors: Vec<serde_json::Value>) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(json!({"errors": errors}).to_string().into())
        .unwrap()
}

fn empty(status: u16, headers: &[(&str, &str)]) -> Response<Bytes> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Bytes::new()).unwrap()
}

/// Does what is asked.
pub fn handle(state: &mut State, asked: &Asked, body: Bytes) -> Response<Bytes> {
    if asked.path == "/token" {
        return auth::token(state, asked, &body);
    }
    if state.personality.hub
        && let Some(response) = hub::handle(state, asked, &body)
    {
        return response;
    }
    if asked.path == "/v2/" {
        // How Docker and others begin.
        let need = Need {
            path: "",
            action: "pull",
        };
        let version = [("docker-distribution-api-version", "registry/2.0")];
        return auth::check(state, asked, &need).unwrap_or_else(|| empty(200, &version));
    }
    let Some((path, kind, rest)) = parts(&asked.path) else {
        return empty(404, &[]);
    };
    let action = match &*asked.method {
        "GET" | "HEAD" => "pull",
        "DELETE" if kind == "manifests" => "delete",
        _ => "push",
    };
    if let Some(refusal) = auth::check(state, asked, &Need { path, action }) {
        return refusal;
    }
    if action != "pull" && state.personality.repositories_must_exist && !state.store.exists(path) {
        return error(404, "NAME_UNKNOWN", "the repository does not exist", None);
    }
    match (kind, &*asked.method) {
        ("manifests", "GET" | "HEAD") => show(state, asked, path, rest),
        ("manifests", "PUT") => put(state, asked, path, rest, body),
        ("manifests", "DELETE") => delete(state, path, rest),
        ("tags", "GET") => list(state, asked, path),
        ("referrers", "GET") => referrers::list(state, asked, path, rest),
        ("uploads", "POST") => open(state, asked, path),
        ("uploads", "PATCH") => append(state, path, rest, &body),
        ("uploads", "PUT") => close(state, asked, path, rest, body),
        ("uploads", "DELETE") => cancel(state, path, rest),
        ("blobs", "GET" | "HEAD") => blob(state, path, rest, asked.method == "GET"),
        _ => error(405, "UNSUPPORTED", "unsupported", None),
    }
}

/// Repository, kind of thing, and its name.
fn parts(path: &str) -> Option<(&str, &'static str, &str)> {
    let path = path.strip_prefix("/v2/")?;
    for (mark, kind) in [
        ("/blobs/uploads/", "uploads"),
        ("/referrers/", "referrers"),
        ("/manifests/", "manifests"),
        ("/blobs/", "blobs"),
        ("/tags/list", "tags"),
    ] {
        if let Some((name, rest)) = path.rsplit_once(mark) {
            return Some((name, kind, rest));
        }
    }
    None
}

fn show(state: &mut State, asked: &Asked, path: &str, reference: &str) -> Response<Bytes> {
    let Ok(what) = reference.parse::<TagOrDigest>() else {
        return empty(404, &[]);
    };
    let personality = &state.personality;
    let found = state
        .store
        .contents(path)
        .and_then(|c| c.find(&what, personality.stale));
    let unseen = |manifest: &Manifest| {
        personality.strict_accept && !asked.accept.contains(manifest.media_type.as_str())
    };
    let Some(manifest) = found.filter(|manifest| !unseen(manifest)) else {
        return error(404, "MANIFEST_UNKNOWN", "manifest unknown", None);
    };
    let mut response = Response::builder()
        .header("content-type", manifest.media_type.as_str())
        .header("content-length", manifest.bytes.len());
    if personality.names_digests {
        response = response.header("docker-content-digest", manifest.digest().as_str());
    }
    if let Some((limit, remaining)) = personality.pull_limit {
        response = response
            .header("ratelimit-limit", format!("{limit};w=21600"))
            .header("ratelimit-remaining", format!("{remaining};w=21600"));
    }
    response
        .body(if asked.method == "GET" {
            manifest.bytes
        } else {
            Bytes::new()
        })
        .unwrap()
}

fn put(
    state: &mut State,
    asked: &Asked,
    path: &str,
    reference: &str,
    body: Bytes,
) -> Response<Bytes> {
    let Ok(what) = reference.parse::<TagOrDigest>() else {
        return empty(404, &[]);
    };
    let media_type = asked.content_type.clone().unwrap_or_default();
    if !MediaType::ALL.contains(&&*media_type) {
        return error(400, "MANIFEST_INVALID", "manifest invalid", None);
    }
    let manifest = Manifest::new(MediaType(media_type), body);
    let personality = state.personality.clone();
    let contents = state.store.create(path);
    if let TagOrDigest::Digest(digest) = &what {
        if digest != manifest.digest() {
            return error(400, "DIGEST_INVALID", "provided digest did not match", None);
        }
        if personality.no_digest_puts {
            return error(403, "DENIED", "manifests are pushed by tag", None);
        }
    }
    let tags: Vec<String> = match &what {
        TagOrDigest::Tag(tag) => vec![tag.to_string()],
        TagOrDigest::Digest(_) => asked
            .query
            .iter()
            .filter(|(n, _)| n == "tag")
            .map(|(_, v)| v.clone())
            .collect(),
    };
    let is_multi = matches!(what, TagOrDigest::Digest(_)) && !tags.is_empty();
    if is_multi && personality.multi_tag == MultiTag::TooLong {
        return empty(414, &[]);
    }
    if personality.conflict_on_second_put && contents.manifests.contains_key(manifest.digest()) {
        let shows = |tag: &String| contents.tags.get(tag) == Some(manifest.digest());
        if tags.iter().all(shows) {
            return error(409, "CONFLICT", "the manifest exists", None);
        }
    }
    let missing = contents.missing(&manifest);
    if personality.checks_blobs && !missing.is_empty() {
        let unknown = |digest: Digest| json!({"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown to registry", "detail": digest});
        return errors(400, missing.into_iter().map(unknown).collect());
    }
    if let Some(refusal) = referrers::refusal(state, path, &manifest) {
        return refusal;
    }
    if is_multi {
        return put_tags(state, path, manifest, tags);
    }
    if let Some(tag) = tags.first()
        && let Some(refusal) = immutable(state, path, tag, manifest.digest())
    {
        return refusal;
    }
    state
        .store
        .create(path)
        .put(tags.first().map(String::as_str), manifest.clone());
    created(state, path, &manifest)
}

fn put_tags(
    state: &mut State,
    path: &str,
    manifest: Manifest,
    tags: Vec<String>,
) -> Response<Bytes> {
    let digest = manifest.digest().clone();
    let multi_tag = state.personality.multi_tag;
    let take = match multi_tag {
        MultiTag::Off | MultiTag::TooLong => 0,
        MultiTag::Whole | MultiTag::WholeInOneLine => tags.len(),
        MultiTag::Partial(some) | MultiTag::PartialThen500(some) => some.min(tags.len()),
    };
    for tag in &tags[..take] {
        if let Some(refusal) = immutable(state, path, tag, &digest) {
            return refusal;
        }
    }
    state.store.create(path).put(None, manifest.clone());
    for tag in &tags[..take] {
        state.store.create(path).put(Some(tag), manifest.clone());
    }
    if matches!(multi_tag, MultiTag::PartialThen500(_)) {
        return error(500, "UNKNOWN", "some tags were not written", None);
    }
    let mut response = created(state, path, &manifest);
    let lines = match multi_tag {
        MultiTag::WholeInOneLine => vec![tags[..take].join(", ")],
        _ => tags[..take].to_vec(),
    };
    for line in lines {
        response
            .headers_mut()
            .append("oci-tag", line.parse().unwrap());
    }
    response
}

fn created(state: &State, path: &str, manifest: &Manifest) -> Response<Bytes> {
    let digest = manifest.digest();
    let location = format!("{}/v2/{path}/manifests/{digest}", state.own);
    let mut response = empty(
        201,
        &[
            ("docker-content-digest", digest.as_str()),
            ("location", &location),
        ],
    );
    if state.personality.no_location {
        response.headers_mut().remove("location");
    }
    if let Some(subject) = referrers::told(state, manifest) {
        let subject = subject.as_str().parse().unwrap();
        response.headers_mut().insert("oci-subject", subject);
    }
    response
}

/// The refusal of a tag that must stay where it is.
fn immutable(state: &mut State, path: &str, tag: &str, digest: &Digest) -> Option<Response<Bytes>> {
    let rule = state
        .personality
        .immutable
        .clone()
        .filter(|rule| (rule.tags)(tag))?;
    let shown = state.store.create(path).tags.get(tag)?;
    if shown == digest && !rule.same_digest_too {
        return None;
    }
    let message = format!("the tag {tag} cannot be overwritten because it is immutable");
    let (status, code) = match rule.refusal {
        Refusal::Forbidden403 => (403, "DENIED"),
        Refusal::Conflict409 => (409, "CONFLICT"),
        Refusal::Precondition412 => (412, "PRECONDITION"),
        Refusal::TagInvalid400 => (400, "TAG_INVALID"),
    };
    Some(error(status, code, &message, None))
}

fn delete(state: &mut State, path: &str, reference: &str) -> Response<Bytes> {
    let rules = state.personality.clone();
    let unsupported = |status| {
        let code = if status == 400 {
            "DIGEST_INVALID"
        } else {
            "UNSUPPORTED"
        };
        error(status, code, "not supported here", None)
    };
    let Ok(what) = reference.parse::<TagOrDigest>() else {
        return empty(404, &[]);
    };
    let unknown = || error(404, "MANIFEST_UNKNOWN", "manifest unknown", None);
    let Some(contents) = state.store.contents(path) else {
        return unknown();
    };
    let done = match (&what, rules.delete) {
        (_, Delete::Off) | (TagOrDigest::Tag(_), Delete::UntaggedDigest) => {
            return unsupported(405);
        }
        (TagOrDigest::Tag(_), Delete::Digest(status)) => return unsupported(status),
        (TagOrDigest::Tag(tag), Delete::TagAndImage) => {
            let digest = contents.tags.get(tag.as_str()).cloned();
            digest.is_some_and(|digest| contents.remove_digest(&digest))
        }
        (TagOrDigest::Tag(tag), Delete::Tag) => {
            if rules
                .immutable
                .is_some_and(|rule| (rule.tags)(tag.as_str()))
            {
                return error(403, "DENIED", "the tag is immutable", None);
            }
            contents.remove_tag(tag.as_str())
        }
        (TagOrDigest::Digest(digest), rule) => {
            if rule == Delete::UntaggedDigest && contents.tags.values().any(|at| at == digest) {
                return error(403, "DENIED", "the manifest is still referenced", None);
            }
            contents.remove_digest(digest)
        }
    };
    if done { empty(202, &[]) } else { unknown() }
}

fn list(state: &mut State, asked: &Asked, path: &str) -> Response<Bytes> {
    let page = state.personality.page;
    let stale = state.personality.stale;
    let host = state.personality.link_host.clone();
    let Some(contents) = state.store.contents(path) else {
        return error(
            404,
            "NAME_UNKNOWN",
            "repository name not known to registry",
            None,
        );
    };
    let size = asked
        .get("n")
        .and_then(|n| n.parse().ok())
        .unwrap_or(page)
        .min(page);
    let last = asked.get("last").unwrap_or_default().to_owned();
    let mut names: Vec<String> = contents
        .tags
        .keys()
        .filter(|name| **name > last)
        .cloned()
        .collect();
    if stale != Stale::Never {
        names.retain(|name| {
            let tag = name.parse().unwrap();
            contents.find(&TagOrDigest::Tag(tag), stale).is_some()
        });
    }
    let more = names.len() > size;
    names.truncate(size);
    let mut response = Response::builder().header("content-type", "application/json");
    if let Some(name) = names.last().filter(|_| more) {
        response = response.header(
            "link",
            format!(r#"<{host}/v2/{path}/tags/list?n={size}&last={name}>; rel="next""#),
        );
    }
    response
        .body(json!({"name": path, "tags": names}).to_string().into())
        .unwrap()
}

fn open(state: &mut State, asked: &Asked, path: &str) -> Response<Bytes> {
    if let (Some(digest), Some(from)) = (asked.get("mount"), asked.get("from"))
        && let Ok(digest) = digest.parse::<Digest>()
        && state.personality.mounts
    {
        if let Some(refusal) = auth::check(
            state,
            asked,
            &Need {
                path: from,
                action: "pull",
            },
        ) {
            return refusal;
        }
        if state.store.mount(from, path, &digest) {
            let location = format!("/v2/{path}/blobs/{digest}");
            return empty(
                201,
                &[
                    ("location", &location),
                    ("docker-content-digest", digest.as_str()),
                ],
            );
        }
    }
    let session = state.store.open_upload(path);
    let location = format!("/v2/{path}/blobs/uploads/{session}?_state=signed");
    empty(202, &[("location", &location), ("range", "0-0")])
}

fn no_session() -> Response<Bytes> {
    error(
        404,
        "BLOB_UPLOAD_UNKNOWN",
        "blob upload unknown to registry",
        None,
    )
}

/// A piece of a blob, as Docker sends it.
fn append(state: &mut State, path: &str, session: &str, piece: &[u8]) -> Response<Bytes> {
    let Some(length) = state.store.append_upload(path, session, piece) else {
        return no_session();
    };
    let location = format!("/v2/{path}/blobs/uploads/{session}?_state=signed");
    let range = format!("0-{}", length.saturating_sub(1));
    empty(202, &[("location", &location), ("range", &range)])
}

fn close(
    state: &mut State,
    asked: &Asked,
    path: &str,
    session: &str,
    body: Bytes,
) -> Response<Bytes> {
    if asked.get("_state") != Some("signed") {
        return no_session();
    }
    let Some(pieces) = state.store.close_upload(path, session) else {
        return no_session();
    };
    let content = if pieces.is_empty() {
        body
    } else {
        [pieces, body].concat().into()
    };
    let digest = Digest::of(&content);
    if asked.get("digest") != Some(digest.as_str()) {
        return error(400, "DIGEST_INVALID", "provided digest did not match", None);
    }
    let blobs = &mut state.store.create(path).blobs;
    blobs.insert(digest.clone(), content);
    let location = format!("/v2/{path}/blobs/{digest}");
    empty(
        201,
        &[
            ("location", &location),
            ("docker-content-digest", digest.as_str()),
        ],
    )
}

fn cancel(state: &mut State, path: &str, session: &str) -> Response<Bytes> {
    match state.store.close_upload(path, session) {
        Some(_) => empty(204, &[]),
        None => no_session(),
    }
}

fn blob(state: &mut State, path: &str, digest: &str, with_content: bool) -> Response<Bytes> {
    let Ok(digest) = digest.parse::<Digest>() else {
        return error(400, "DIGEST_INVALID", "invalid digest", None);
    };
    let pretends = !with_content && state.personality.pretends_to_have.contains(&digest);
    let found = state
        .store
        .contents(path)
        .and_then(|contents| contents.blobs.get(&digest));
    let Some(content) = found.cloned().or_else(|| pretends.then(Bytes::new)) else {
        return error(404, "BLOB_UNKNOWN", "blob unknown to registry", None);
    };
    Response::builder()
        .header("content-length", content.len())
        .header("docker-content-digest", digest.as_str())
        .body(if with_content { content } else { Bytes::new() })
        .unwrap()
}
