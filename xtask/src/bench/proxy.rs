//! A TCP proxy that makes the way to a registry long: every byte arrives half a round trip later, on
//! either way, whatever is under way beside it. It can make the way narrow, too: then all connections
//! share so many bytes in a second, in each direction. It counts connections and requests.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
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
    /// Leads to `target`, with this round trip, and where it is narrow so many megabits in a second.
    pub fn start(target: SocketAddr, round_trip: Duration, megabits: Option<u64>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let shared = counts.clone();
        let ways = [(); 2].map(|()| {
            let narrow = megabits.map(|megabits| Arc::new(NarrowWay::new(megabits)));
            Way {
                late: round_trip / 2,
                narrow,
            }
        });
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let (counts, ways) = (shared.clone(), ways.clone());
                thread::spawn(move || {
                    // The client's handshake was with this machine, and is paid here.
                    thread::sleep(round_trip);
                    if let Ok(server) = TcpStream::connect(target) {
                        let _ = join(&client, &server, ways, &counts);
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

/// One direction of all connections.
#[derive(Clone)]
struct Way {
    /// How long a byte is on its way.
    late: Duration,
    narrow: Option<Arc<NarrowWay>>,
}

/// What all connections share in one direction.
struct NarrowWay {
    /// How long one byte takes.
    byte: f64,
    /// When the last byte that was let in is through.
    free: Mutex<Instant>,
}

impl NarrowWay {
    fn new(megabits: u64) -> Self {
        Self {
            byte: 8e-6 / megabits as f64,
            free: Mutex::new(Instant::now()),
        }
    }

    /// When so many bytes are through that come now.
    fn through(&self, bytes: usize) -> Instant {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let takes = Duration::from_secs_f64(self.byte * bytes as f64);
        *free = (*free).max(Instant::now()) + takes;
        *free
    }
}

impl Way {
    /// How much is read at once: on a narrow way small pieces, so that the connections take turns.
    fn piece(&self) -> usize {
        match self.narrow {
            Some(_) => 8 << 10,
            None => 64 << 10,
        }
    }

    /// When so many bytes that come now are there. On a narrow way this waits until they are through: whoever
    /// sends more has to wait.
    fn due(&self, bytes: usize) -> Instant {
        let through = match &self.narrow {
            Some(narrow) => {
                let through = narrow.through(bytes);
                thread::sleep(through.saturating_duration_since(Instant::now()));
                through
            }
            None => Instant::now(),
        };
        through + self.late
    }
}

fn join(
    client: &TcpStream,
    server: &TcpStream,
    [up, down]: [Way; 2],
    counts: &Arc<Counts>,
) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    carry(
        client.try_clone()?,
        server.try_clone()?,
        up,
        Some(counts.clone()),
    );
    carry(server.try_clone()?, client.try_clone()?, down, None);
    Ok(())
}

/// Carries bytes from one side to the other, each as late as it is to be.
fn carry(mut from: TcpStream, mut to: TcpStream, way: Way, counts: Option<Arc<Counts>>) {
    // So many pieces are under way at most: whoever sends faster than the other side reads waits.
    let (sender, receiver) = mpsc::sync_channel::<(Instant, Vec<u8>)>(256);
    thread::spawn(move || {
        let mut buffer = vec![0; way.piece()];
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
            if sender.send((way.due(read), piece.to_vec())).is_err() {
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
