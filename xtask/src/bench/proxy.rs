//! A TCP proxy that makes the way to a registry long: every byte arrives half a round trip later, on
//! either way, whatever is under way beside it. It counts connections and requests.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use crate::Result;

/// What a request's first line ends with.
const REQUEST: &[u8] = b" HTTP/1.1\r\n";

/// A proxy that runs as long as the process does.
pub struct Proxy {
    address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    connections: AtomicU64,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Proxy {
    /// Leads to `target`, with this round trip.
    pub fn start(target: SocketAddr, round_trip: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let shared = counts.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let counts = shared.clone();
                thread::spawn(move || {
                    // The client's handshake was with this machine, and is paid here.
                    thread::sleep(round_trip);
                    if let Ok(server) = TcpStream::connect(target) {
                        let _ = join(&client, &server, round_trip / 2, &counts);
                    }
                });
            }
        });
        Ok(Self { address, counts })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests and connections since this was asked last.
    pub fn take(&self) -> (u64, u64) {
        (
            self.counts.requests.swap(0, Ordering::Relaxed),
            self.counts.connections.swap(0, Ordering::Relaxed),
        )
    }

    /// How many bytes were sent to the registry since this was asked last.
    pub fn take_bytes(&self) -> u64 {
        self.counts.bytes.swap(0, Ordering::Relaxed)
    }
}

fn join(
    client: &TcpStream,
    server: &TcpStream,
    one_way: Duration,
    counts: &Arc<Counts>,
) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    carry(
        client.try_clone()?,
        server.try_clone()?,
        one_way,
        Some(counts.clone()),
    );
    carry(server.try_clone()?, client.try_clone()?, one_way, None);
    Ok(())
}

/// Carries bytes from one side to the other, each as late as it is to be.
fn carry(mut from: TcpStream, mut to: TcpStream, late: Duration, counts: Option<Arc<Counts>>) {
    // So many pieces are under way at most: whoever sends faster than the other side reads waits.
    let (sender, receiver) = mpsc::sync_channel::<(Instant, Vec<u8>)>(256);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        let mut end: Vec<u8> = Vec::new();
        loop {
            let read = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            let piece = &buffer[..read];
            if let Some(counts) = &counts {
                counts.bytes.fetch_add(read as u64, Ordering::Relaxed);
                // A first line can be cut between two pieces.
                end.extend_from_slice(piece);
                let found = end
                    .windows(REQUEST.len())
                    .filter(|at| *at == REQUEST)
                    .count();
                counts.requests.fetch_add(found as u64, Ordering::Relaxed);
                let keep = end.len().min(REQUEST.len() - 1);
                end.drain(..end.len() - keep);
            }
            if sender
                .send((Instant::now() + late, piece.to_vec()))
                .is_err()
            {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, piece) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&piece).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}
