//! Programs of the user's project. Their output is told line by line, both streams in the order in which
//! they were written, and they end with everything that they have started.

use std::{
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::unix::pipe,
    process::Command,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    io::{
        last_lines::LastLines,
        process::random_name,
        program::{Program, end_marked},
    },
    text::output_line,
};

/// The longest line that is told, in characters.
const MAX_LINE: usize = 2_000;
/// How long the output is still read when the program has ended.
const DRAIN: Duration = Duration::from_secs(2);
/// How much of a line is read at most, in bytes.
const MAX_BYTES: usize = 1 << 16;

/// How a program came to its end.
#[derive(Debug)]
pub(crate) enum ProgramEnd {
    /// By itself.
    Exited(ExitStatus),
    /// It took longer than it may.
    TimedOut,
    /// The caller gave up.
    Cancelled,
}

/// What a program started and is still there when it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeftoverScope {
    /// What is in the program's process group is ended.
    Group,
    /// So is what left the group, as a daemon does: it is known by a variable of its environment. What is
    /// to stay begins without `HOIST_HOOK`.
    All,
}

/// The variable by which what a program has started is known.
const MARK: &str = "HOIST_HOOK";

/// Runs `command` to its end, or until `limit` is over or `cancel` is called. What it leaves in its process
/// group is ended. `tell` gets each line of its output, made harmless.
///
/// # Errors
/// It cannot be started.
pub(crate) async fn run_to_end(
    command: &mut Command,
    limit: Option<Duration>,
    cancel: &CancellationToken,
    leftovers: LeftoverScope,
    tell: impl Fn(&str),
) -> io::Result<(ProgramEnd, LastLines)> {
    let (output, both) = io::pipe()?;
    let output = pipe::Receiver::from_owned_fd(output.into())?;
    command
        .stdin(Stdio::null())
        .stdout(both.try_clone()?)
        .stderr(both);
    let mark = random_name();
    if leftovers == LeftoverScope::All {
        command.env(MARK, &mark);
    }
    let program = Program::start(command)?;
    // The program's own ends of the pipe are the only ones from now on.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut last = LastLines::default();
    let mut reading = Box::pin(read_lines(output, &mut last, &tell));
    let end = limit.map(|limit| Instant::now() + limit);
    let time_is_up = async {
        match end {
            Some(end) => sleep_until(end).await,
            None => std::future::pending().await,
        }
    };
    let mut leader_ended = program.leader_ended();
    let mut read_all = false;
    let mut time_is_up = std::pin::pin!(time_is_up);
    let ending = loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => break Some(ProgramEnd::Cancelled),
            _ = &mut leader_ended => break None,
            // Before the output, which can be more than is ever read.
            () = &mut time_is_up => break Some(ProgramEnd::TimedOut),
            () = &mut reading, if !read_all => read_all = true,
        }
    };
    // What it left running in its group would go on after its end was reported.
    let status = program.end().await;
    if leftovers == LeftoverScope::All {
        let mark = format!("{MARK}={mark}");
        // A task that panicked has ended nothing, which is not a reason to fail.
        let _ = tokio::task::spawn_blocking(move || end_marked(&mark)).await;
    }
    if !read_all {
        let _ = timeout(DRAIN, &mut reading).await;
    }
    drop(reading);
    Ok((
        match ending {
            Some(ending) => ending,
            None => ProgramEnd::Exited(status?),
        },
        last,
    ))
}

async fn read_lines(output: pipe::Receiver, last: &mut LastLines, tell: &impl Fn(&str)) {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    while let Ok(bytes) = reader.fill_buf().await {
        if bytes.is_empty() {
            break;
        }
        let (taken, whole) = match bytes.iter().position(|byte| *byte == b'\n') {
            Some(end) => (end + 1, true),
            None => (bytes.len(), false),
        };
        let room = MAX_BYTES.saturating_sub(line.len());
        line.extend_from_slice(&bytes[..taken.min(room)]);
        reader.consume(taken);
        if whole {
            tell_line(&line, last, tell);
            line.clear();
        }
    }
    if !line.is_empty() {
        tell_line(&line, last, tell);
    }
}

fn tell_line(bytes: &[u8], last: &mut LastLines, tell: &impl Fn(&str)) {
    let line = output_line(&String::from_utf8_lossy(bytes), MAX_LINE);
    last.push(&line);
    if !line.is_empty() {
        tell(&line);
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Mutex};

    use super::*;

    async fn shell(script: &str, limit: Option<Duration>) -> (ProgramEnd, LastLines, Vec<String>) {
        let told = Mutex::new(Vec::new());
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let tell = |line: &str| told.lock().expect("a list").push(line.to_owned());
        let never = CancellationToken::new();
        let ended = run_to_end(&mut command, limit, &never, LeftoverScope::All, tell).await;
        let (ending, last) = ended.expect("there is a shell");
        (ending, last, told.into_inner().expect("a list"))
    }

    fn pid(path: &Path) -> u32 {
        let text = std::fs::read_to_string(path).expect("it was written");
        text.trim().parse().expect("a number")
    }

    fn runs(pid: u32) -> bool {
        crate::io::process::ProcessIdentity::runs(pid, None)
    }

    #[tokio::test]
    async fn both_streams_are_told_in_order() {
        let script = "echo a; echo b >&2; echo; printf '  c'; exit 3";
        let (ending, last, told) = shell(script, None).await;
        assert!(matches!(ending, ProgramEnd::Exited(status) if status.code() == Some(3)));
        assert_eq!(told, ["a", "b", "  c"]);
        assert_eq!(last.into_lines(), ["a", "b", "", "  c"]);
    }

    #[tokio::test]
    async fn a_flood_takes_little_memory() {
        let script = "head -c 20000000 /dev/zero; echo; yes flood | head -n 100000";
        let (_, last, told) = shell(script, None).await;
        assert_eq!(told.len(), 100_001);
        assert!(told[0].chars().count() <= MAX_LINE * "\\u{0}".len() + 1);
        assert_eq!(last.title("of it"), "the last 50 of 100001 lines of it");
    }

    #[tokio::test]
    async fn what_it_leaves_behind_ends_with_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let place = dir.path().join("pid");
        for script in [
            "sleep 600 & echo $! >PLACE; exit 0",
            "setsid sh -c 'echo $$ >PLACE; exec sleep 600' & while ! test -s PLACE; do sleep 0.01; done",
        ] {
            let script = script.replace("PLACE", &place.display().to_string());
            let begun = Instant::now();
            let (ending, ..) = shell(&script, None).await;
            assert!(matches!(ending, ProgramEnd::Exited(status) if status.success()));
            assert!(begun.elapsed() < Duration::from_secs(60));
            let left = pid(&place);
            let until = Instant::now() + Duration::from_secs(20);
            while runs(left) && Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(!runs(left));
            std::fs::remove_file(&place).expect("it is there");
        }
    }

    #[tokio::test]
    async fn the_time_is_limited() {
        let script = "trap '' TERM; echo begun; sleep 600";
        let (ending, last, _) = shell(script, Some(Duration::from_millis(300))).await;
        assert!(matches!(ending, ProgramEnd::TimedOut));
        assert_eq!(last.into_lines(), ["begun"]);
    }

    /// Reading a flood must not keep the clock from being looked at.
    #[tokio::test]
    async fn the_time_is_limited_in_a_flood() {
        let script = "yes flood | head -n 20000000";
        let (ending, ..) = shell(script, Some(Duration::from_millis(300))).await;
        assert!(matches!(ending, ProgramEnd::TimedOut));
    }
}
