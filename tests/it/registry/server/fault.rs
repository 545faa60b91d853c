//! Scripted faults, and the way of every request through them.

use std::{
    convert::Infallible,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{Request, Response, body::Frame, body::Incoming};
use tokio::sync::Notify;

use super::{Seen, State, api};

/// Which requests.
#[derive(Debug, Clone, Default)]
pub struct On {
    method: Option<&'static str>,
    parts: Vec<String>,
    lacks: Option<&'static str>,
}

impl On {
    /// Every request.
    pub fn any() -> Self {
        Self::default()
    }

    /// Requests of this method.
    pub fn method(method: &'static str) -> Self {
        Self {
            method: Some(method),
            ..Self::default()
        }
    }

    /// PUT of a manifest, under a tag or a digest.
    pub fn put_manifest() -> Self {
        Self::method("PUT").with("/manifests/")
    }

    /// PUT of a manifest under a tag.
    pub fn put_tag() -> Self {
        Self {
            lacks: Some("/manifests/sha256:"),
            ..Self::put_manifest()
        }
    }

    /// Whose target (path and query) also holds `part`.
    #[must_use]
    pub fn with(mut self, part: impl Into<String>) -> Self {
        self.parts.push(part.into());
        self
    }

    pub fn matches(&self, method: &str, target: &str) -> bool {
        self.method.is_none_or(|wanted| wanted == method)
            && self.parts.iter().all(|part| target.contains(part.as_str()))
            && self.lacks.is_none_or(|part| !target.contains(part))
    }
}

/// Something that goes wrong with some requests.
pub struct Fault {
    on: On,
    /// Matching requests that pass before it strikes.
    skip: usize,
    /// How often it strikes.
    times: usize,
    what: What,
}

/// What goes wrong.
#[derive(Clone)]
pub enum What {
    /// This status instead of doing it, with this error code.
    Status(u16, &'static str),
    /// 429 instead of doing it.
    TooMany(Wait),
    /// A later answer.
    Delay(Duration),
    /// Done, but answered with this status.
    DoneBut(u16),
    /// Done, and the connection is closed without an answer.
    AnswerLost,
    /// Not done, and the connection is closed without an answer.
    Dropped,
    /// The connection is closed after so many bytes of the answer's body.
    Cut(usize),
    /// The connection is closed after so many bytes of the request's body.
    CutRequest(usize),
    /// Something else happens first: another pusher.
    Before(Arc<dyn Fn(&mut State) + Send + Sync>),
    /// Something else happens right afterwards.
    After(Arc<dyn Fn(&mut State) + Send + Sync>),
    /// Held until it is released, and then done.
    Hold(Held),
    /// This answer instead of doing it: status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, Bytes),
}

/// What a 429 asks for.
#[derive(Debug, Clone, Copy)]
pub enum Wait {
    Unsaid,
    Seconds(u64),
    /// An HTTP date so many seconds ahead.
    Date(u64),
    /// Seconds since 1970, so many seconds ahead.
    Epoch(u64),
}

impl Fault {
    /// Strikes each matching request.
    pub fn always(on: On, what: What) -> Self {
        Self {
            on,
            skip: 0,
            times: usize::MAX,
            what,
        }
    }

    /// Strikes the first matching request.
    pub fn once(on: On, what: What) -> Self {
        Self {
            times: 1,
            ..Self::always(on, what)
        }
    }

    /// Strikes only the n-th matching request, counted from 1.
    pub fn nth(n: usize, on: On, what: What) -> Self {
        Self {
            skip: n - 1,
            ..Self::once(on, what)
        }
    }

    /// Strikes this often.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    fn strikes(&mut self, method: &str, target: &str) -> Option<What> {
        if self.times == 0 || !self.on.matches(method, target) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.times -= 1;
        Some(self.what.clone())
    }
}

/// A request that is held: the test learns that it came, and lets it go.
#[derive(Clone, Default)]
pub struct Held(Arc<HeldInner>);

#[derive(Default)]
struct HeldInner {
    came: Mutex<usize>,
    coming: Condvar,
    go: Notify,
}

impl Held {
    /// Blocks until a request is held; whether one came in time.
    pub fn wait(&self, at_most: Duration) -> bool {
        let came = self.0.came.lock().unwrap();
        let (came, _) = self
            .0
            .coming
            .wait_timeout_while(came, at_most, |came| *came == 0)
            .unwrap();
        *came > 0
    }

    /// Lets one request go, now or when it comes.
    pub fn release(&self) {
        self.0.go.notify_one();
    }

    async fn hold(&self) {
        *self.0.came.lock().unwrap() += 1;
        self.0.coming.notify_all();
        self.0.go.notified().await;
    }
}

type Body = BoxBody<Bytes, std::io::Error>;

/// Closes the connection: hyper does that when the service fails.
#[derive(Debug)]
pub struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is closed on purpose")
    }
}

impl std::error::Error for Closed {}

/// Answers one request, faults first.
pub async fn answer(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Closed> {
    let (head, body) = request.into_parts();
    let asked = api::Asked::new(&head);
    let what = {
        let mut state = state.lock().unwrap();
        state
            .faults
            .iter_mut()
            .find_map(|fault| fault.strikes(&asked.method, &asked.target))
    };
    let mut result = struck(&state, &asked, body, what).await;
    let warning = state.lock().unwrap().personality.warning;
    if let (Ok(response), Some(text)) = (&mut result, warning) {
        let headers = response.headers_mut();
        headers.insert("warning", text.parse().unwrap());
    }
    let status = result
        .as_ref()
        .ok()
        .map(|response| response.status().as_u16());
    state.lock().unwrap().log.push(Seen {
        method: asked.method,
        target: asked.target,
        credentials: asked
            .authorization
            .map(|a| a.split(' ').next().unwrap_or_default().to_owned()),
        status,
    });
    result
}

async fn struck(
    state: &Mutex<State>,
    asked: &api::Asked,
    body: Incoming,
    what: Option<What>,
) -> Result<Response<Body>, Closed> {
    match what {
        None => plain(state, asked, body)
            .await
            .map(|response| response.map(whole)),
        Some(What::Status(status, code)) => {
            // Read first, so that the client sees the answer and no broken pipe.
            read(body).await?;
            Ok(api::error(status, code, "scripted", None).map(whole))
        }
        Some(What::TooMany(wait)) => {
            read(body).await?;
            Ok(too_many(wait).map(whole))
        }
        Some(What::Delay(time)) => {
            tokio::time::sleep(time).await;
            plain(state, asked, body)
                .await
                .map(|response| response.map(whole))
        }
        Some(What::DoneBut(status)) => {
            plain(state, asked, body).await?;
            Ok(api::error(status, "UNKNOWN", "scripted after it was done", None).map(whole))
        }
        Some(What::AnswerLost) => {
            plain(state, asked, body).await?;
            Err(Closed)
        }
        Some(What::Dropped) => Err(Closed),
        Some(What::Cut(after)) => Ok(cut(plain(state, asked, body).await?, after)),
        Some(What::CutRequest(after)) => {
            let mut body = body;
            let mut seen = 0;
            while seen < after
                && let Some(Ok(frame)) = body.frame().await
            {
                seen += frame.data_ref().map_or(0, Bytes::len);
            }
            Err(Closed)
        }
        Some(What::Before(happens)) => {
            happens(&mut state.lock().unwrap());
            plain(state, asked, body)
                .await
                .map(|response| response.map(whole))
        }
        Some(What::After(happens)) => {
            let response = plain(state, asked, body).await?;
            happens(&mut state.lock().unwrap());
            Ok(response.map(whole))
        }
        Some(What::Hold(held)) => {
            held.hold().await;
            plain(state, asked, body)
                .await
                .map(|response| response.map(whole))
        }
        Some(What::Answer(status, headers, content)) => {
            read(body).await?;
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            Ok(response.body(whole(content)).unwrap())
        }
    }
}

async fn plain(
    state: &Mutex<State>,
    asked: &api::Asked,
    body: Incoming,
) -> Result<Response<Bytes>, Closed> {
    let content = read(body).await?;
    Ok(api::handle(&mut state.lock().unwrap(), asked, content))
}

async fn read(body: Incoming) -> Result<Bytes, Closed> {
    body.collect()
        .await
        .map(|all| all.to_bytes())
        .map_err(|_| Closed)
}

fn whole(content: Bytes) -> Body {
    Full::new(content)
        .map_err(|never: Infallible| match never {})
        .boxed()
}

/// The headers promise the whole body.
fn cut(response: Response<Bytes>, after: usize) -> Response<Body> {
    let length = response.body().len();
    let mut response = response.map(|content| {
        let pieces = [
            Ok(Frame::data(content.slice(..after.min(length)))),
            Err(std::io::Error::other("cut on purpose")),
        ];
        BodyExt::boxed(StreamBody::new(stream::iter(pieces)))
    });
    response
        .headers_mut()
        .insert("content-length", length.into());
    response
}

fn too_many(wait: Wait) -> Response<Bytes> {
    let mut response = api::error(429, "TOOMANYREQUESTS", "slow down", None);
    let now = chrono::Utc::now();
    let ahead = |seconds: u64| now + chrono::TimeDelta::seconds(seconds.cast_signed());
    let (name, value) = match wait {
        Wait::Unsaid => return response,
        Wait::Seconds(seconds) => ("retry-after", seconds.to_string()),
        Wait::Date(seconds) => (
            "retry-after",
            ahead(seconds)
                .format("%a, %d %b %Y %H:%M:%S GMT")
                .to_string(),
        ),
        Wait::Epoch(seconds) => ("x-retry-after", ahead(seconds).timestamp().to_string()),
    };
    response.headers_mut().insert(name, value.parse().unwrap());
    response
}
