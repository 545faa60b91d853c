//! The part of the distribution API that a push uses.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::{Method, Request, StatusCode, body::Incoming as Body};
use url::form_urlencoded;

use crate::{
    io::{
        layout::PushedBlob,
        push_door::{
            answer::{DoorAnswer, plain, refused, with_body},
            state::DoorState,
            uploads::{DoorRefusal, OpenBlob},
        },
    },
    oci::{Digest, Manifest, MediaType},
};

/// The largest manifest, in bytes.
const LARGEST_MANIFEST: usize = 4 << 20;
/// A smaller blob is always taken: sending it is as fast as asking, and configurations are read here.
const ASKED_FOR: u64 = 64 << 10;

/// Answers one request.
pub(super) async fn answer(state: &DoorState, request: Request<Body>) -> DoorAnswer {
    let path = request.uri().path().to_owned();
    let Some(rest) = path.strip_prefix("/v2") else {
        return unknown();
    };
    if matches!(rest, "" | "/") {
        let headers = [("content-type", "application/json".to_owned())];
        return with_body(StatusCode::OK, &headers, Bytes::from_static(b"{}"));
    }
    let below = rest
        .strip_prefix('/')
        .and_then(|rest| rest.strip_prefix(&*state.path))
        .and_then(|rest| rest.strip_prefix('/'));
    let Some(below) = below else {
        return refused(StatusCode::NOT_FOUND, "NAME_UNKNOWN", "no such repository");
    };
    state.reached.store(true, Ordering::Relaxed);
    if let Some(upload) = below.strip_prefix("blobs/uploads") {
        return match upload.trim_start_matches('/') {
            "" => begin(state, request).await,
            id => go_on(state, request, id).await,
        };
    }
    if let Some(digest) = below.strip_prefix("blobs/") {
        return blob(state, request.method(), digest).await;
    }
    match below.strip_prefix("manifests/") {
        Some(reference) => manifest(state, request, reference).await,
        None => unknown(),
    }
}

/// Whether a blob is here or everywhere. Its content is never given out.
async fn blob(state: &DoorState, method: &Method, digest: &str) -> DoorAnswer {
    if method != Method::HEAD {
        return not_served();
    }
    let Ok(digest) = digest.parse::<Digest>() else {
        return bad_digest();
    };
    match size(state, &digest).await {
        Some(size) => plain(
            StatusCode::OK,
            &[
                ("content-length", size.to_string()),
                ("content-type", "application/octet-stream".to_owned()),
                ("docker-content-digest", digest.to_string()),
            ],
        ),
        None => plain(StatusCode::NOT_FOUND, &[]),
    }
}

async fn size(state: &DoorState, digest: &Digest) -> Option<u64> {
    match state.uploads.blob(digest) {
        Some(PushedBlob::Here) => return state.uploads.stored_size(digest),
        Some(PushedBlob::Everywhere(size)) => return Some(size),
        None => {}
    }
    let size = state.presence.size_everywhere(digest).await?;
    (size >= ASKED_FOR).then(|| {
        state.uploads.is_everywhere(digest, size);
        size
    })
}

async fn begin(state: &DoorState, request: Request<Body>) -> DoorAnswer {
    if request.method() != Method::POST {
        return not_served();
    }
    let query = |name: &str| query(&request, name);
    if let Some(digest) = query("mount").and_then(|text| text.parse::<Digest>().ok())
        && size(state, &digest).await.is_some()
    {
        return created(state, &format!("blobs/{digest}"), &digest);
    }
    let whole = query("digest");
    match state.uploads.begin() {
        Ok(id) if whole.is_some() => finish(state, request, &id).await,
        Ok(id) => accepted(state, &id, 0),
        Err(refusal) => refuse(&refusal),
    }
}

async fn go_on(state: &DoorState, request: Request<Body>, id: &str) -> DoorAnswer {
    match *request.method() {
        Method::PATCH => match receive(state, request, id).await {
            Ok(blob) => {
                let size = state.uploads.put_back(id, blob);
                accepted(state, id, size)
            }
            Err(refusal) => refuse(&refusal),
        },
        Method::PUT => finish(state, request, id).await,
        Method::GET => match state.uploads.size(id) {
            Some(size) => range(state, StatusCode::NO_CONTENT, id, size),
            None => refuse(&DoorRefusal::Unknown),
        },
        Method::DELETE => {
            state.uploads.cancel(id);
            plain(StatusCode::NO_CONTENT, &[])
        }
        _ => not_served(),
    }
}

async fn finish(state: &DoorState, request: Request<Body>, id: &str) -> DoorAnswer {
    let digest = query(&request, "digest").and_then(|text| text.parse::<Digest>().ok());
    let Some(digest) = digest else {
        state.uploads.cancel(id);
        return bad_digest();
    };
    let (blob, relay) = match receive(state, request, id).await {
        Ok(open) => open.into_parts(),
        Err(refusal) => return refuse(&refusal),
    };
    match state.uploads.finish(id, blob, &digest) {
        Ok(size) => {
            relay.finish(&digest, size).await;
            created(state, &format!("blobs/{digest}"), &digest)
        }
        Err(refusal) => refuse(&refusal),
    }
}

/// Adds a request's body to an upload. One that breaks off takes the upload with it.
async fn receive(
    state: &DoorState,
    request: Request<Body>,
    id: &str,
) -> Result<OpenBlob, DoorRefusal> {
    let mut blob = state.uploads.take(id)?;
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| DoorRefusal::Unknown)?;
        if let Some(piece) = frame.data_ref() {
            state.uploads.write(&mut blob, piece)?;
            blob.relay.add(&*state.presence, piece).await;
        }
    }
    Ok(blob)
}

async fn manifest(state: &DoorState, request: Request<Body>, reference: &str) -> DoorAnswer {
    let digest = reference.parse::<Digest>().ok();
    match *request.method() {
        Method::HEAD => match digest {
            Some(digest) if state.uploads.has_manifest(&digest) => plain(
                StatusCode::OK,
                &[("docker-content-digest", digest.to_string())],
            ),
            _ => plain(StatusCode::NOT_FOUND, &[]),
        },
        Method::PUT => {
            let stated = request.headers().get("content-type");
            let stated = stated
                .and_then(|value| value.to_str().ok())
                .map(MediaType::from);
            let body = Limited::new(request.into_body(), LARGEST_MANIFEST);
            let Ok(bytes) = body.collect().await.map(|body| body.to_bytes()) else {
                return refused(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "MANIFEST_INVALID",
                    "it is too large, or broke off",
                );
            };
            let Some(media_type) = MediaType::stated_in(&bytes).or(stated) else {
                return refused(
                    StatusCode::BAD_REQUEST,
                    "MANIFEST_INVALID",
                    "it does not say what it is",
                );
            };
            let manifest = Manifest::new(media_type, bytes);
            let own = manifest.digest().clone();
            if digest.is_some_and(|digest| digest != own) {
                return bad_digest();
            }
            match state.uploads.put_manifest(manifest) {
                Ok(()) => created(state, &format!("manifests/{own}"), &own),
                Err(refusal) => refuse(&refusal),
            }
        }
        _ => not_served(),
    }
}

fn query(request: &Request<Body>, name: &str) -> Option<String> {
    let query = request.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

fn accepted(state: &DoorState, id: &str, size: u64) -> DoorAnswer {
    range(state, StatusCode::ACCEPTED, id, size)
}

fn range(state: &DoorState, status: StatusCode, id: &str, size: u64) -> DoorAnswer {
    plain(
        status,
        &[
            ("location", format!("/v2/{}/blobs/uploads/{id}", state.path)),
            ("range", format!("0-{}", size.saturating_sub(1))),
            ("docker-upload-uuid", id.to_owned()),
        ],
    )
}

fn created(state: &DoorState, at: &str, digest: &Digest) -> DoorAnswer {
    plain(
        StatusCode::CREATED,
        &[
            ("location", format!("/v2/{}/{at}", state.path)),
            ("docker-content-digest", digest.to_string()),
        ],
    )
}

fn refuse(refusal: &DoorRefusal) -> DoorAnswer {
    let (status, code, message) = match refusal {
        DoorRefusal::Unknown => (
            StatusCode::NOT_FOUND,
            "BLOB_UPLOAD_UNKNOWN",
            "no such upload",
        ),
        DoorRefusal::OtherDigest => return bad_digest(),
        DoorRefusal::TooMany => (
            StatusCode::TOO_MANY_REQUESTS,
            "DENIED",
            "there are too many",
        ),
        DoorRefusal::Disk => (
            StatusCode::INSUFFICIENT_STORAGE,
            "DENIED",
            "it could not be kept",
        ),
    };
    refused(status, code, message)
}

fn bad_digest() -> DoorAnswer {
    refused(
        StatusCode::BAD_REQUEST,
        "DIGEST_INVALID",
        "the content has another digest",
    )
}

fn not_served() -> DoorAnswer {
    refused(
        StatusCode::METHOD_NOT_ALLOWED,
        "UNSUPPORTED",
        "only what a push needs is served",
    )
}

fn unknown() -> DoorAnswer {
    refused(StatusCode::NOT_FOUND, "NAME_UNKNOWN", "nothing is here")
}
