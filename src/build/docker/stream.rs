//! One `POST /build`: sends the context, reads the messages. The built image is then in the engine
//! under the name that the caller chose.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
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
        buildkit::{cache_image, is_inline},
        context::{BuildContext, ClassicFiles},
        docker::{capabilities::EngineBuilder, client::Engine, message::message},
        engine::{
            error::{build_failed, failed, unreachable},
            progress::Progress,
            watchdog::Activity,
        },
        errors::task_result,
    },
    error::{Error, Result},
    policy::{BuildNetwork, BuildPolicy, Ulimit},
};

/// The longest message of an engine in bytes. One message is one line.
const MAX_MESSAGE: usize = 32 << 20;
/// How many pieces of the context may wait for the connection.
const WAITING: usize = 16;

/// The parameters of one build.
pub(crate) struct BuildCall<'a> {
    pub(crate) policy: &'a BuildPolicy,
    pub(crate) builder: EngineBuilder,
    /// Whether Podman reads this, which takes some parameters otherwise.
    pub(crate) podman: bool,
    pub(crate) args: &'a BTreeMap<String, String>,
    pub(crate) labels: &'a BTreeMap<String, String>,
    /// The Dockerfile's name where the engine looks for it.
    pub(crate) dockerfile: &'a str,
    /// The name that the image gets in the engine.
    pub(crate) tag: &'a str,
    /// The id of an open session, for BuildKit.
    pub(crate) session: Option<&'a str>,
    /// The `X-Registry-Config` header with logins, for the classic builder.
    pub(crate) registry_config: Option<String>,
}

/// Builds with what the session serves; afterwards `progress` knows the image's id.
pub(crate) async fn build(
    engine: &Engine,
    call: &BuildCall<'_>,
    progress: &mut Progress,
    activity: &Activity,
) -> Result<()> {
    let (_, nothing) = mpsc::channel(1);
    let response = post(engine, call, nothing).await?;
    read_messages(response, progress, activity).await
}

/// Builds with the context as the body of the request; afterwards `progress` knows the image's id.
pub(crate) async fn build_from_archive(
    engine: &Engine,
    call: &BuildCall<'_>,
    (context, files): (BuildContext, ClassicFiles),
    progress: &mut Progress,
    activity: &Activity,
) -> Result<()> {
    let stopped_reading = Arc::new(AtomicBool::new(false));
    let (pieces, body) = mpsc::channel(WAITING);
    let upload = Upload {
        pieces: pieces.clone(),
        activity: activity.clone(),
        stopped_reading: stopped_reading.clone(),
    };
    let sending = tokio::task::spawn_blocking(move || {
        let mut out = io::BufWriter::with_capacity(128 << 10, upload);
        let sent = context.write(&files, &mut out);
        if let Err(error) = &sent {
            // The engine must not take a part of the context for the whole.
            let _ = pieces.blocking_send(Err(io::Error::other(format!("{error:#}"))));
        }
        sent
    });
    let response = post(engine, call, body).await;
    let built = match response {
        Ok(response) => read_messages(response, progress, activity).await,
        Err(error) => Err(error),
    };
    let sent = task_result(sending.await);
    match (built, sent) {
        (Ok(()), _) => Ok(()),
        // The engine got no context because a file could not be read: that is the cause to show.
        (Err(_), Err(cause)) if !stopped_reading.load(Ordering::Relaxed) => Err(cause),
        (Err(error), _) => Err(error),
    }
}

async fn post(
    engine: &Engine,
    call: &BuildCall<'_>,
    body: mpsc::Receiver<io::Result<Bytes>>,
) -> Result<Response<Incoming>> {
    let path = format!("{}/build?{}", engine.prefix, query(call)?);
    let mut request = Request::post(path).header("Content-Type", "application/x-tar");
    if let Some(config) = &call.registry_config {
        request = request.header("X-Registry-Config", config);
    }
    let request = request
        .body(StreamBody::new(frames(body)))
        .map_err(|error| Error::bug("the build's request is not valid").because(&error))?;
    let response = engine.dialer.send(request).await;
    let response = response.map_err(|error| unreachable(&engine.address, &error))?;
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
    Err(build_failed(&message))
}

fn frames(
    body: mpsc::Receiver<io::Result<Bytes>>,
) -> impl Stream<Item = io::Result<Frame<Bytes>>> + Send {
    stream::unfold(body, |mut body| async move {
        let piece = body.recv().await?;
        Some((piece.map(Frame::data), body))
    })
}

fn query(call: &BuildCall<'_>) -> Result<String> {
    let json = |value: &BTreeMap<String, String>| {
        serde_json::to_string(value)
            .map_err(|error| Error::bug("cannot write JSON").because(&error))
    };
    let policy = call.policy;
    let mut args = call.args.clone();
    if policy.cache_to.iter().any(|to| is_inline(to)) {
        // So older engines are told to keep the cache in the image itself.
        args.entry("BUILDKIT_INLINE_CACHE".to_owned())
            .or_insert_with(|| "1".to_owned());
    }
    let mut query = Serializer::new(String::new());
    query
        .append_pair("t", call.tag)
        .append_pair("dockerfile", call.dockerfile)
        .append_pair("buildargs", &json(&args)?)
        .append_pair("labels", &json(call.labels)?)
        // The containers of the steps are removed, also when the build fails.
        .append_pair("rm", "1")
        .append_pair("forcerm", "1");
    if let Some(target) = &policy.target {
        query.append_pair("target", target);
    }
    if let [platform] = &*policy.platforms {
        query.append_pair("platform", &platform.to_string());
    }
    if !policy.cache_from.is_empty() {
        let images: Vec<_> = policy
            .cache_from
            .iter()
            .filter_map(|entry| cache_image(entry))
            .collect();
        let images = serde_json::to_string(&images)
            .map_err(|error| Error::bug("cannot write JSON").because(&error))?;
        query.append_pair("cachefrom", &images);
    }
    if policy.pull {
        query.append_pair("pull", "1");
    }
    if policy.no_cache {
        query.append_pair("nocache", "1");
    }
    match policy.network {
        BuildNetwork::Default => {}
        // Podman gives the steps the network of its machine with the name that Docker has for this.
        BuildNetwork::None if call.podman => {
            query.append_pair("networkmode", "NetworkDisabled");
        }
        BuildNetwork::None => drop(query.append_pair("networkmode", "none")),
        BuildNetwork::Host => drop(query.append_pair("networkmode", "host")),
    }
    let hosts = policy.add_hosts.iter().map(ToString::to_string);
    let hosts: Vec<_> = match call.podman {
        true if policy.add_hosts.is_empty() => Vec::new(),
        true => vec![list(hosts.collect())],
        false => hosts.collect(),
    };
    for host in &hosts {
        query.append_pair("extrahosts", host);
    }
    if let Some(size) = policy.shm_size {
        query.append_pair("shmsize", &size.0.to_string());
    }
    if !policy.ulimits.is_empty() {
        let limits = policy.ulimits.iter();
        let limits = match call.podman {
            true => list(limits.map(ToString::to_string).collect()),
            false => ulimits(limits),
        };
        query.append_pair("ulimits", &limits);
    }
    if let (EngineBuilder::Buildkit, Some(session)) = (call.builder, call.session) {
        query
            .append_pair("remote", "client-session")
            .append_pair("version", "2")
            .append_pair("session", session)
            .append_pair("buildid", session);
    }
    Ok(query.finish())
}

/// Texts as Podman takes them.
fn list(texts: Vec<String>) -> String {
    serde_json::Value::from(texts).to_string()
}

/// Limits as Docker takes them.
fn ulimits<'a>(limits: impl Iterator<Item = &'a Ulimit>) -> String {
    let limits = limits.map(
        |limit| serde_json::json!({ "Name": limit.name, "Soft": limit.soft, "Hard": limit.hard }),
    );
    serde_json::Value::Array(limits.collect()).to_string()
}

/// Reads the messages, one a line, up to the end of the response.
async fn read_messages(
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
            read_message(&line, progress)?;
            from = 0;
        }
        if buffer.len() > MAX_MESSAGE {
            return Err(Error::failed("the engine sent a message that is too long"));
        }
    }
    read_message(&buffer, progress)?;
    match progress.image() {
        Some(_) => Ok(()),
        None => Err(build_failed("the engine ended the build without an image")),
    }
}

fn read_message(line: &[u8], progress: &mut Progress) -> Result<()> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Ok(());
    }
    let info = serde_json::from_slice(line)
        .map_err(|error| failed("the engine sent something that is not a message", &error))?;
    message(progress, info).map_err(|message| build_failed(&message))
}

/// A blocking writer whose bytes become the body of the request.
struct Upload {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    activity: Activity,
    /// Set when the engine stopped reading; its messages then say why.
    stopped_reading: Arc<AtomicBool>,
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.activity.fetch_add(1, Ordering::Relaxed);
        if self
            .pieces
            .blocking_send(Ok(Bytes::copy_from_slice(bytes)))
            .is_err()
        {
            self.stopped_reading.store(true, Ordering::Relaxed);
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
    fn the_query_says_all_that_the_policy_says() {
        let policy = BuildPolicy {
            target: Some("run time".into()),
            platforms: vec!["linux/amd64".parse().expect("a platform")],
            cache_from: vec!["type=registry,ref=acme/api:latest".into()],
            cache_to: vec!["type=inline".into()],
            no_cache: true,
            network: BuildNetwork::None,
            add_hosts: vec!["db:10.0.0.7".parse().expect("a host")],
            ulimits: vec!["nofile=7:9".parse().expect("a limit")],
            shm_size: Some("1MiB".parse().expect("a size")),
            ..BuildPolicy::default()
        };
        let args = [("A".to_owned(), "1&2".to_owned())].into();
        let mut call = BuildCall {
            policy: &policy,
            builder: EngineBuilder::Classic,
            podman: false,
            args: &args,
            dockerfile: "Dockerfile",
            labels: &BTreeMap::new(),
            tag: "hoist.invalid/build:1",
            session: Some("s"),
            registry_config: None,
        };
        let classic = query(&call).expect("it is plain");
        let pairs: BTreeMap<_, _> = url::form_urlencoded::parse(classic.as_bytes()).collect();
        assert_eq!(
            pairs["buildargs"],
            r#"{"A":"1&2","BUILDKIT_INLINE_CACHE":"1"}"#
        );
        assert_eq!(pairs["target"], "run time");
        assert_eq!(pairs["platform"], "linux/amd64");
        assert_eq!(pairs["cachefrom"], r#"["acme/api:latest"]"#);
        assert_eq!(pairs["pull"], "1");
        assert_eq!(pairs["nocache"], "1");
        assert_eq!(pairs["networkmode"], "none");
        assert_eq!(pairs["extrahosts"], "db:10.0.0.7");
        assert_eq!(pairs["ulimits"], r#"[{"Name":"nofile","Soft":7,"Hard":9}]"#);
        assert_eq!(pairs["shmsize"], "1048576");
        assert_eq!(pairs["dockerfile"], "Dockerfile");
        assert!(!pairs.contains_key("version") && !pairs.contains_key("remote"));
        call.podman = true;
        let podman = query(&call).expect("it is plain");
        let pairs: BTreeMap<_, _> = url::form_urlencoded::parse(podman.as_bytes()).collect();
        assert_eq!(pairs["networkmode"], "NetworkDisabled");
        assert_eq!(pairs["extrahosts"], r#"["db:10.0.0.7"]"#);
        assert_eq!(pairs["ulimits"], r#"["nofile=7:9"]"#);
        call.podman = false;
        call.builder = EngineBuilder::Buildkit;
        assert!(
            query(&call)
                .expect("it is plain")
                .ends_with("&remote=client-session&version=2&session=s&buildid=s")
        );
    }
}
