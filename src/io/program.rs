//! Programs that end with this process. Each runs in a process group of its own, with whatever it
//! starts in turn (`git` starts `ssh`, helpers and hooks), and the group is ended as a whole.
//!
//! A group of its own is never in the foreground of a terminal: a program that would ask a person there
//! is stopped by the kernel, so callers must tell it not to ask.

use std::{
    io,
    process::{ExitStatus, Output},
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, copy, sink},
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

/// How long a program has to end by itself after SIGTERM: time enough to remove its own lock files.
const MOMENT: Duration = Duration::from_millis(250);

/// How often it is looked for processes that a program has left, at most.
const LOOKS: usize = 10;

/// How long the output of a program is still read when it has ended: what it left behind in the
/// background may keep its pipes open for ever.
const DRAIN: Duration = Duration::from_secs(2);

/// The groups of the programs that run now.
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

fn running() -> MutexGuard<'static, Vec<Pid>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program that runs, with all that it has started. Dropped, all of it is ended.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    group: Pid,
}

impl Program {
    /// Starts a program. Where its streams go is up to `command`.
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        // Under the lock, so that no program is missed that starts while all are ended.
        let mut running = running();
        let child = command.process_group(0).kill_on_drop(true).spawn()?;
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let group = id
            .and_then(Pid::from_raw)
            .expect("a child that was just started has a process id");
        running.push(group);
        Ok(Self { child, group })
    }

    /// Writes `input`, reads the output, of which at most `most` bytes a stream are kept, and waits for the
    /// end of the program.
    pub(super) async fn output(mut self, input: &[u8], most: u64) -> io::Result<Output> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let (mut to, out, err) = (
            self.child.stdin.take(),
            self.child.stdout.take(),
            self.child.stderr.take(),
        );
        let write = async {
            if let Some(to) = &mut to {
                // A program that ends before it has read everything says why by itself.
                let _ = to.write_all(input).await;
            }
            drop(to);
        };
        let read_out = beginning(out, &mut stdout, most);
        let read_err = beginning(err, &mut stderr, most);
        let mut pipes = Box::pin(async { tokio::join!(write, read_out, read_err) });
        let first = tokio::select! {
            status = self.child.wait() => Some(status),
            _ = &mut pipes => None,
        };
        let status = match first {
            Some(status) => {
                self.forget();
                let _ = timeout(DRAIN, &mut pipes).await;
                status
            }
            None => self.child.wait().await,
        };
        drop(pipes);
        Ok(Output {
            status: status?,
            stdout,
            stderr,
        })
    }

    /// Ends when the leader has ended. Nobody has waited for it then, so its number is still its own.
    pub(super) fn leader_ended(&self) -> JoinHandle<()> {
        let leader = self.group;
        tokio::task::spawn_blocking(move || await_leader(leader))
    }

    /// Ends whatever still runs of it, and gives the status of its leader.
    pub(super) async fn end(mut self) -> io::Result<ExitStatus> {
        let group = self.group;
        // It can take a moment, which no other task should have to wait for.
        let ended = tokio::task::spawn_blocking(move || end(&[group])).await;
        drop(ended);
        let status = self.child.wait().await;
        self.forget();
        status
    }

    fn forget(&self) {
        running().retain(|group| *group != self.group);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let mut running = running();
        if self.child.id().is_some() {
            end(&[self.group]);
        }
        running.retain(|group| *group != self.group);
    }
}

/// Reads to the end, and keeps the beginning. What cannot be read is as if it were not there.
async fn beginning(from: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>, most: u64) {
    if let Some(mut from) = from {
        let _ = (&mut from).take(most).read_to_end(kept).await;
        let _ = copy(&mut from, &mut sink()).await;
    }
}

/// Ends every program that this process runs. For the last moment before the process exits.
pub(crate) fn end_all() {
    let groups: Vec<Pid> = running().drain(..).collect();
    end(&groups);
}

/// Ends groups whose leaders have not been waited for, so their ids belong to nobody else. All of them
/// have the same moment to end by themselves.
fn end(groups: &[Pid]) {
    // A group that is gone is what is wanted, so no answer matters here.
    for group in groups {
        let _ = kill_process_group(*group, Signal::TERM);
        let _ = kill_process_group(*group, Signal::CONT);
    }
    let until = Instant::now() + MOMENT;
    let (tell, ended) = mpsc::channel();
    for leader in groups.iter().copied() {
        let tell = tell.clone();
        // Where no thread can be had, nothing is waited for.
        let _ = thread::Builder::new().spawn(move || {
            await_leader(leader);
            let _ = tell.send(());
        });
    }
    drop(tell);
    for _ in groups {
        let left = until.saturating_duration_since(Instant::now());
        if ended.recv_timeout(left).is_err() {
            break;
        }
    }
    for group in groups {
        let _ = kill_process_group(*group, Signal::KILL);
    }
}

/// Ends every process of this user whose environment had `mark` when it began. Where the system does not
/// show environments, there is nothing to see.
pub(super) fn end_marked(mark: &str) {
    let marked = |id: &i32| {
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|entry| entry == mark.as_bytes())
    };
    // What starts while the others are ended is found by the next look.
    for _ in 0..LOOKS {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let found: Vec<i32> = ids.filter(marked).collect();
        if found.is_empty() {
            return;
        }
        for id in found.into_iter().filter_map(Pid::from_raw) {
            // One that is gone is what is wanted.
            let _ = kill_process(id, Signal::KILL);
        }
    }
}

/// Returns when the leader of a group has ended, and leaves its end for others to wait for.
fn await_leader(leader: Pid) {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while matches!(waitid(WaitId::Pid(leader), look), Err(Errno::INTR)) {}
}

#[cfg(test)]
mod tests {
    use std::{path::Path, process::Stdio};

    use super::*;

    const MOST: u64 = 2 << 20;

    fn shell(script: &str) -> Program {
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Program::start(&mut command).expect("there is a shell")
    }

    fn pid_in(path: &Path) -> i32 {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            if let Ok(pid) = text.trim().parse() {
                return pid;
            }
            assert!(Instant::now() < until, "it never began");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn ends(pid: i32) {
        let until = Instant::now() + Duration::from_secs(20);
        while crate::io::process::ProcessIdentity::runs(pid.unsigned_abs(), None) {
            assert!(Instant::now() < until, "{pid} still runs");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[tokio::test]
    async fn input_goes_in_and_output_comes_out() {
        let output = shell("cat; echo no >&2; exit 3").output(b"yes", MOST).await;
        let output = output.expect("it ran");
        assert_eq!(
            (&*output.stdout, &*output.stderr),
            (&b"yes"[..], &b"no\n"[..])
        );
        assert_eq!(output.status.code(), Some(3));
        // More than a pipe holds, in both directions, to a program that does not listen.
        let large = vec![b'x'; 1 << 20];
        let output = shell("exec cat")
            .output(&large, MOST)
            .await
            .expect("it ran");
        assert_eq!(output.stdout.len(), large.len());
        let output = shell("head -c 100000 /dev/zero").output(b"", 10).await;
        assert_eq!(output.expect("it ran").stdout, [0; 10]);
        let output = shell("exit 0").output(&large, MOST).await.expect("it ran");
        assert!(output.status.success());
    }

    #[tokio::test]
    async fn what_stays_in_the_background_does_not_hold_the_answer() {
        let begun = Instant::now();
        let output = shell("sleep 30 & echo done").output(b"", MOST).await;
        assert_eq!(output.expect("it ran").stdout, b"done\n");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    #[tokio::test]
    async fn a_program_that_is_dropped_ends_with_all_that_it_started() {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, script) in [
            ("child", "sleep 600 & echo $! >PLACE; wait"),
            (
                "deaf",
                "trap '' TERM; (echo $$ >PLACE; exec sleep 600); sleep 600",
            ),
            (
                "stopped",
                "sleep 600 & echo $! >PLACE; kill -STOP $!; kill -STOP $$",
            ),
        ] {
            let place = dir.path().join(name);
            let script = script.replace("PLACE", &place.display().to_string());
            let work = shell(&script).output(b"", MOST);
            let pid = tokio::select! {
                _ = work => panic!("it ended"),
                pid = tokio::task::spawn_blocking(move || pid_in(&place)) => pid,
            };
            ends(pid.expect("no panic"));
        }
    }
}
