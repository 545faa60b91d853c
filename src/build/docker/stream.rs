//! One build: the context goes up, messages come down, an image is left under a name of ours.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, Hasher, RandomState},
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
};
use tokio::sync::mpsc;
use url::form_urlencoded::Serializer;

use crate::{
    build::{
        context::Context,
        docker::{
            client::Engine,
            error::{build_failed, failed, joined, unreachable},
            progress::Progress,
        },
    },
    error::{Error, Result},
    policy::{BuildPolicy, Builder},
};

/// Images under this name are ours, and nobody can push them by mistake: the domain never exists.
pub(crate) const NAME: &str = "hoist.invalid/build";
/// Longest message of an engine, in bytes. One message is one line.
const MAX_MESSAGE: usize = 32 << 20;
/// Pieces of the context that wait for the connection.
const WAITING: usize = 16;
/// Silence after which the engine is asked whether it lives. A step may be silent for hours.
const SILENCE: Duration = Duration::from_secs(60);

/// What distinguishes one build from another.
pub(crate) struct BuildCall<'a> {
    pub(crate) policy: &'a BuildPolicy,
    pub(crate) builder: Builder,
    pub(crate) args: &'a BTreeMap<String, String>,
    pub(crate) labels: &'a BTreeMap<String, String>,
    pub(crate) tag: &'a str,
    /// An open session's id, for BuildKit.
    pub(crate) session: Option<&'a str>,
    /// Logins for the classic builder.
    pub(crate) registry_config: Option<String>,
}

/// A name that no other build has: `hoist.invalid/build:<seconds>-<random>`.
pub(crate) fn new_tag() -> String {
    let random = RandomState::new().build_hasher().finish();
    format!("{NAME}:{}-{random:016x}", seconds())
}

/// Whether a tag is of a run that must have died: it is a day old.
pub(crate) fn is_stale(tag: &str) -> bool {
    const DAY: u64 = 24 * 60 * 60;
    let time = tag
        .rsplit_once(':')
        .and_then(|(_, tag)| tag.split('-').next()?.parse().ok());
    time.is_some_and(|time: u64| time + DAY < seconds())
}

fn seconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}

/// Counts signs of life.
pub(crate) type Activity = Arc<AtomicU64>;

/// Ends only when the engine is silent and does not answer.
pub(crate) async fn watch(engine: &Engine, activity: &Activity) -> Error {
    let mut seen = 0;
    loop {
        tokio::time::sleep(SILENCE).await;
        let now = activity.load(Ordering::Relaxed);
        if now == seen && !engine.is_alive().await && !engine.is_alive().await {
            return unreachable(&engine.host, "it fell silent in the middle of the work");
        }
        seen = now;
    }
}

/// Builds; `progress` afterwards knows the image.
pub(crate) async fn build(
    engine: &Engine,
    order: &BuildCall<'_>,
    context: Context,
    progress: &mut Progress,
    activity: &Activity,
) -> Result<()> {
    let gone = Arc::new(AtomicBool::new(false));
    let (pieces, body) = mpsc::channel(WAITING);
    let upload = Upload {
        pieces: pieces.clone(),
        activity: activity.clone(),
        gone: gone.clone(),
    };
    let sending = tokio::task::spawn_blocking(move || {
        let mut out = io::BufWriter::with_capacity(128 << 10, upload);
        let sent = context.write(&mut out);
        if let Err(error) = &sent {
            // The engine must not take the half of a context for the whole.
            let _ = pieces.blocking_send(Err(io::Error::other(error.to_string())));
        }
        sent
    });
    let answered = ask(engine, order, body).await;
    let built = match answered {
        Ok(response) => listen(response, progress, activity).await,
        Err(error) => Err(error),
    };
    let sent = joined(sending.await);
    match (built, sent) {
        (Ok(()), _) => Ok(()),
        // A file that could not be read is why the engine got no context.
        (Err(_), Err(cause)) if !gone.load(Ordering::Relaxed) => Err(cause),
        (Err(error), _) => Err(error),
    }
}

async fn ask(
    engine: &Engine,
    order: &BuildCall<'_>,
    body: mpsc::Receiver<io::Result<Bytes>>,
) -> Result<Response<Incoming>> {
    let path = format!("{}/build?{}", engine.prefix, query(order)?);
    let mut request = Request::post(path).header("Content-Type", "application/x-tar");
    if let Some(config) = &order.registry_config {
        request = request.header("X-Registry-Config", config);
    }
    let request = request
        .body(StreamBody::new(frames(body)))
        .map_err(|error| Error::bug("the build's request is none").because(&error))?;
    let response = engine.dialer.send(request).await;
    let response = response.map_err(|error| unreachable(&engine.host, &error))?;
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let body = http_body_util::Limited::new(response.into_body(), 1 << 20)
        .collect()
        .await;
    let text = body.map(|body| body.to_bytes()).unwrap_or_default();
    let message = serde_json::from_slice::<serde_json::Value>(&text)
        .ok()
        .and_then(|value| Some(value.get("message")?.as_str()?.to_owned()))
        .unwrap_or_else(|| format!("{status}: {}", String::from_utf8_lossy(&text)));
    Err(build_failed(&message, &[]))
}

fn frames(
    body: mpsc::Receiver<io::Result<Bytes>>,
) -> impl Stream<Item = io::Result<Frame<Bytes>>> + Send {
    stream::unfold(body, |mut body| async move {
        let piece = body.recv().await?;
        Some((piece.map(Frame::data), body))
    })
}

fn query(order: &BuildCall<'_>) -> Result<String> {
    let json = |value: &BTreeMap<String, String>| {
        serde_json::to_string(value).map_err(|error| Error::bug("no JSON").because(&error))
    };
    let policy = order.policy;
    let mut query = Serializer::new(String::new());
    query
        .append_pair("t", order.tag)
        .append_pair("dockerfile", &policy.dockerfile)
        .append_pair("buildargs", &json(order.args)?)
        .append_pair("labels", &json(order.labels)?)
        // Containers of steps go, also when the build fails.
        .append_pair("rm", "1")
        .append_pair("forcerm", "1");
    if let Some(target) = &policy.target {
        query.append_pair("target", target);
    }
    if let [platform] = &*policy.platforms {
        query.append_pair("platform", platform);
    }
    if !policy.cache_from.is_empty() {
        let images = serde_json::to_string(&policy.cache_from)
            .map_err(|error| Error::bug("no JSON").because(&error))?;
        query.append_pair("cachefrom", &images);
    }
    if let (Builder::Buildkit, Some(session)) = (order.builder, order.session) {
        query
            .append_pair("version", "2")
            .append_pair("session", session)
            .append_pair("buildid", session);
    }
    Ok(query.finish())
}

/// Reads the messages, one a line, to the end.
async fn listen(
    response: Response<Incoming>,
    progress: &mut Progress,
    activity: &Activity,
) -> Result<()> {
    let mut body = response.into_body();
    let mut buffer = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failed("the connection to the engine broke", &error))?;
        activity.fetch_add(1, Ordering::Relaxed);
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let searched = buffer.len();
        buffer.extend_from_slice(&data);
        let mut from = searched;
        while let Some(end) = buffer[from..].iter().position(|&byte| byte == b'\n') {
            let line = buffer.split_to(from + end + 1);
            message(&line, progress)?;
            from = 0;
        }
        if buffer.len() > MAX_MESSAGE {
            return Err(Error::failed("the engine sent a message without an end"));
        }
    }
    message(&buffer, progress)?;
    match progress.image() {
        Some(_) => Ok(()),
        None => Err(build_failed(
            "the engine ended the build without an image",
            &[],
        )),
    }
}

fn message(line: &[u8], progress: &mut Progress) -> Result<()> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Ok(());
    }
    let info = serde_json::from_slice(line)
        .map_err(|error| failed("the engine sent what is no message", &error))?;
    progress
        .message(info)
        .map_err(|message| build_failed(&message, &progress.last_words()))
}

/// The context's way from a blocking writer to the request's body.
struct Upload {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    activity: Activity,
    /// The engine stopped reading: it says why.
    gone: Arc<AtomicBool>,
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.activity.fetch_add(1, Ordering::Relaxed);
        if self
            .pieces
            .blocking_send(Ok(Bytes::copy_from_slice(bytes)))
            .is_err()
        {
            self.gone.store(true, Ordering::Relaxed);
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::build::docker::stream::*;

    #[test]
    fn tags_are_ours_for_a_day() {
        let tag = new_tag();
        assert_ne!(tag, new_tag());
        assert!(
            tag.starts_with("hoist.invalid/build:") && !is_stale(&tag),
            "{tag}"
        );
        assert!(is_stale("hoist.invalid/build:1700000000-00"));
        assert!(!is_stale("hoist.invalid/build:latest"));
    }

    #[test]
    fn the_query_says_all_that_the_policy_says() {
        let policy = BuildPolicy {
            target: Some("run time".into()),
            platforms: vec!["linux/amd64".into()],
            cache_from: vec!["acme/api:latest".into()],
            ..BuildPolicy::default()
        };
        let args = [("A".to_owned(), "1&2".to_owned())].into();
        let mut order = BuildCall {
            policy: &policy,
            builder: Builder::Classic,
            args: &args,
            labels: &BTreeMap::new(),
            tag: "hoist.invalid/build:1",
            session: Some("s"),
            registry_config: None,
        };
        let classic = query(&order).expect("it is plain");
        let pairs: BTreeMap<_, _> = url::form_urlencoded::parse(classic.as_bytes()).collect();
        assert_eq!(pairs["buildargs"], r#"{"A":"1&2"}"#);
        assert_eq!(pairs["target"], "run time");
        assert_eq!(pairs["platform"], "linux/amd64");
        assert_eq!(pairs["cachefrom"], r#"["acme/api:latest"]"#);
        assert!(!pairs.contains_key("version"));
        order.builder = Builder::Buildkit;
        assert!(
            query(&order)
                .expect("it is plain")
                .ends_with("&version=2&session=s&buildid=s")
        );
    }
}
