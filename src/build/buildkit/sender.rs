//! Sends a directory to BuildKit: names all entries, then the contents that are asked for.

use std::{
    io::Read,
    sync::{atomic::Ordering, mpsc as blocking},
};

use bytes::Bytes;
use tokio::sync::mpsc;
use tonic::Status;

use crate::{
    build::{
        buildkit::packets::{Packet, PacketType, Stat},
        context::{BuildContext, EntryKind, ExactLength},
        engine::watchdog::Activity,
    },
    error::{Error, Result},
};

/// The size of a piece of a file in bytes.
const PIECE: usize = 32 * 1024;

/// Bits of a mode as Go's `os.FileMode` has them.
const DIRECTORY: u32 = 1 << 31;
const LINK: u32 = 1 << 27;

/// What the receiver says.
pub(crate) enum SyncRequest {
    File(u32),
    Finish,
}

/// Why sending stopped.
pub(crate) enum Stopped {
    /// The receiver went away; what it says tells why.
    Gone,
    Failed(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

pub(crate) struct Sender {
    pub(crate) packets: mpsc::Sender<Result<Packet, Status>>,
    pub(crate) activity: Activity,
}

impl Sender {
    fn send(&self, kind: PacketType, id: u32, data: Bytes) -> Result<(), Stopped> {
        self.packet(Packet {
            kind: kind.into(),
            stat: None,
            id,
            data,
        })
    }

    fn packet(&self, packet: Packet) -> Result<(), Stopped> {
        self.activity.fetch_add(1, Ordering::Relaxed);
        let sent = self.packets.blocking_send(Ok(packet));
        sent.map_err(|_| Stopped::Gone)
    }

    /// A whole file, and its end.
    fn file(&self, id: u32, mut content: impl Read) -> Result<(), Stopped> {
        loop {
            let mut piece = vec![0; PIECE];
            let n = content
                .read(&mut piece)
                .map_err(|error| Error::failed("cannot send the build context").because(&error))?;
            piece.truncate(n);
            self.send(PacketType::Data, id, piece.into())?;
            if n == 0 {
                return Ok(());
            }
        }
    }
}

/// Names all entries, then sends the contents that are asked for.
pub(crate) fn send_entries(
    stats: &[Stat],
    out: &Sender,
    wanted: &blocking::Receiver<SyncRequest>,
    mut file: impl FnMut(u32) -> Result<(), Stopped>,
) -> Result<(), Stopped> {
    for stat in stats {
        out.packet(Packet {
            kind: PacketType::Stat.into(),
            stat: Some(stat.clone()),
            id: 0,
            data: Bytes::new(),
        })?;
    }
    out.send(PacketType::Stat, 0, Bytes::new())?;
    loop {
        match wanted.recv().map_err(|_| Stopped::Gone)? {
            SyncRequest::File(id) => file(id)?,
            SyncRequest::Finish => return out.send(PacketType::Finish, 0, Bytes::new()),
        }
    }
}

pub(crate) fn send_dockerfile(
    context: &BuildContext,
    out: &Sender,
    wanted: &blocking::Receiver<SyncRequest>,
) -> Result<(), Stopped> {
    let content = context.dockerfile_content();
    let stat = Stat {
        path: context.dockerfile_name().as_bytes().to_vec(),
        mode: 0o644,
        size: content.len() as i64,
        mod_time: nanoseconds(context.time()),
        link_name: Vec::new(),
    };
    send_entries(&[stat], out, wanted, |id| out.file(id, content))
}

pub(crate) fn send_context(
    context: &BuildContext,
    out: &Sender,
    wanted: &blocking::Receiver<SyncRequest>,
) -> Result<(), Stopped> {
    let mut stats = Vec::with_capacity(context.entries().len());
    for entry in context.entries() {
        let (mode, size, link_name) = match &entry.kind {
            EntryKind::Directory | EntryKind::Submodule => (0o755 | DIRECTORY, 0, &[][..]),
            EntryKind::Link { target } => (0o777 | LINK, 0, &**target),
            EntryKind::File { executable, .. } => {
                let mode = if *executable { 0o755 } else { 0o644 };
                (mode, context.size(entry)?, &[][..])
            }
        };
        stats.push(Stat {
            path: entry.path.as_bytes().to_vec(),
            mode,
            size: i64::try_from(size).unwrap_or(i64::MAX),
            mod_time: nanoseconds(context.time()),
            link_name: link_name.to_vec(),
        });
    }
    send_entries(&stats, out, wanted, |id| {
        let entry = context.entries().get(id as usize);
        let entry =
            entry.ok_or_else(|| Error::failed("BuildKit asked for a file that is not there"))?;
        let (size, content) = context.open_entry(entry)?;
        out.file(id, ExactLength::new((size, content)))
            .map_err(|stopped| match stopped {
                Stopped::Failed(error) => error.cause(format!("at `{}`", entry.path)).into(),
                gone @ Stopped::Gone => gone,
            })
    })
}

fn nanoseconds(seconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000)
}
