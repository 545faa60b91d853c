//! A registry in this process: the distribution API over real HTTP on loopback, in memory, with a
//! personality (what it allows and how it refuses) and scripted faults.
//!
//! It runs on a thread of its own, so that plain `#[test]` functions and programs that they start
//! can use it, and stops when it is dropped.

mod api;
mod auth;
mod fault;
mod hub;
mod personality;
mod referrers;
mod store;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    thread::JoinHandle,
};

use hoist::oci::{Digest, Manifest, Repository};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::oneshot;

pub use auth::{Auth, Rights, Tokens};
pub use fault::{Fault, Held, On, Wait, What};
pub use personality::{
    Delete, Immutable, MultiTag, Personality, Referrers, Refusal, Stale, is_version,
};
pub use store::{Contents, Store};

/// The user that every personality with a password knows.
pub const USER: &str = "robot";
/// That user's password.
pub const PASSWORD: &str = "correct horse";

/// A running registry.
pub struct TestRegistry {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Everything that requests change.
pub struct State {
    pub personality: Personality,
    pub store: Store,
    faults: Vec<Fault>,
    tokens: auth::Issued,
    log: Vec<Seen>,
    connections: usize,
    own: String,
}

/// A request that was answered, or deliberately was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    /// With its query.
    pub target: String,
    /// `Basic`, `Bearer`, or nothing.
    pub credentials: Option<String>,
    /// `None`: the connection was closed without an answer.
    pub status: Option<u16>,
}

impl State {
    /// Adds a fault, from inside of one.
    pub fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }
}

impl TestRegistry {
    /// Starts one that deletes in this way.
    pub fn that_deletes(delete: Delete) -> Self {
        Self::start(Personality {
            delete,
            ..Personality::default()
        })
    }

    /// Starts one on a free port.
    pub fn start(personality: Personality) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            personality,
            store: Store::default(),
            faults: Vec::new(),
            tokens: auth::Issued::default(),
            log: Vec::new(),
            connections: 0,
            own: format!("http://{address}"),
        }));
        let (stop, stopped) = oneshot::channel();
        let shared = state.clone();
        let thread = std::thread::spawn(move || serve(listener, shared, stopped));
        Self {
            address,
            state,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A repository here: `127.0.0.1:4711/<path>`.
    pub fn repository(&self, path: &str) -> Repository {
        format!("{}/{path}", self.address).parse().unwrap()
    }

    /// The state, to look at or to change. Requests wait meanwhile.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// All tags of a repository as they are, whatever stale reads say.
    pub fn tags(&self, path: &str) -> BTreeMap<String, Digest> {
        self.state().store.tags(path)
    }

    /// Changes the rules.
    pub fn behave(&self, change: impl FnOnce(&mut Personality)) {
        change(&mut self.state().personality);
    }

    /// Adds a fault.
    pub fn fault(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Forgets all faults.
    pub fn heal(&self) {
        self.state().faults.clear();
    }

    /// Somebody else puts a manifest, its blobs included, under a tag.
    pub fn foreign_push(&self, path: &str, tag: &str, manifest: &Manifest) {
        self.state().store.foreign_push(path, tag, manifest);
    }

    /// The requests so far.
    pub fn log(&self) -> Vec<Seen> {
        self.state().log.clone()
    }

    /// How many requests so far are `on`.
    pub fn count(&self, on: &On) -> usize {
        self.log()
            .iter()
            .filter(|seen| on.matches(&seen.method, &seen.target))
            .count()
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.state().connections
    }

    /// Empties the log.
    pub fn forget(&self) {
        self.state().log.clear();
    }
}

impl Drop for TestRegistry {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(
    listener: std::net::TcpListener,
    state: Arc<Mutex<State>>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let accept = async {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let _ = stream.set_nodelay(true);
                let state = state.clone();
                state.lock().unwrap().connections += 1;
                tokio::spawn(async move {
                    let service = service_fn(|request| fault::answer(state.clone(), request));
                    // An error here is a connection that was closed, often on purpose.
                    let _ = http1::Builder::new()
                        .timer(TokioTimer::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        };
        tokio::select! {
            () = accept => {}
            _ = stopped => {}
        }
    });
    // Connections that are being held must not keep the thread.
    runtime.shutdown_background();
}
