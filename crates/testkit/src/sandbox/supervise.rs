//! Daemons that end when the process that started them ends.
//!
//! A small shell starts the daemon and reads from a pipe whose other end this process holds. When
//! that end closes, by a drop, at exit, after a panic or by SIGKILL, the shell stops the daemon
//! and removes its mounts, its bridge and its folder. Only if the shell itself was killed does
//! something stay; [`sweep`] removes that by the process id it recorded.

use std::{
    fs,
    io::ErrorKind,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{Packages, Result, Unavailable};

const PREFIX: &str = "hoist-box-";
/// Names a bridge in a folder that has one.
const BRIDGE: &str = "bridge";
/// The shell's process id and start time.
const SUPERVISOR: &str = "supervisor";
/// How often a daemon is asked whether it is ready.
const POLL: Duration = Duration::from_millis(20);

/// Removes all that belongs to the folder `$dir`. Mounts first, and never across a file system:
/// a mount that stays must not lose its files.
const CLEAN: &str = r#"
clean() {
    while read -r _ _ _ _ mount _; do
        case $mount in "$dir"/*) umount -l "$mount" 2>/dev/null ;; esac
    done </proc/self/mountinfo
    [ -f "$dir/bridge" ] && ip link del "$(cat "$dir/bridge")" 2>/dev/null
    rm -rf --one-file-system "$dir"
}
"#;

/// Reads until the pipe closes, then ends the daemon: politely, after 20 s for good.
const SUPERVISE: &str = r#"
dir=$1; shift
exec 3<&0 </dev/null
"$@" 3<&- >"$dir/log" 2>&1 &
daemon=$!
echo "$daemon" >"$dir/daemon"
{ read -r _ <&3; kill -TERM "$daemon"; sleep 20; kill -0 $$ && kill -KILL "$daemon"; } &
reader=$!
wait "$daemon"
kill "$reader"
clean
"#;

/// A daemon, its folder and its supervisor.
#[derive(Debug)]
pub(super) struct Supervised {
    dir: PathBuf,
    shell: Child,
}

/// A fresh, short folder for one daemon: paths of unix sockets end at 108 bytes.
///
/// # Errors
/// When the temporary folder cannot be written.
pub(super) fn folder() -> Result<PathBuf> {
    let temp = std::env::temp_dir();
    let place = if temp.as_os_str().len() > 40 {
        PathBuf::from("/tmp")
    } else {
        temp
    };
    let dir = tempfile::Builder::new()
        .prefix(PREFIX)
        .tempdir_in(place)
        .map_err(|error| Unavailable::while_doing("making a temporary folder", error))?;
    Ok(dir.keep())
}

impl Supervised {
    /// Starts `daemon` (program and arguments) in `dir`, which is removed at the end together
    /// with the bridge named in it.
    pub(super) fn start(packages: &Packages, dir: PathBuf, daemon: &[String]) -> Result<Self> {
        let shell = packages
            .command("sh")
            .arg("-c")
            .arg(format!("{CLEAN}{SUPERVISE}"))
            .arg("supervisor")
            .arg(&dir)
            .args(daemon)
            .stdin(Stdio::piped())
            // Inherited streams would keep the caller's pipes open after it ended.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is for this process; the pipe tells the shell.
            .process_group(0)
            .spawn()
            .map_err(|error| Unavailable::while_doing("starting a shell", error))?;
        let born = start_time(shell.id()).unwrap_or_default();
        fs::write(dir.join(SUPERVISOR), format!("{} {born}", shell.id()))
            .map_err(|error| Unavailable::while_doing("recording the supervisor", error))?;
        Ok(Self { dir, shell })
    }

    /// Asks `ready` until it answers.
    ///
    /// # Errors
    /// When the daemon ends, or is not ready within a minute: the end of its log is the reason.
    pub(super) fn wait_until<T>(&mut self, ready: impl Fn(&str) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut log = String::new();
        loop {
            // Read first: the folder goes with the daemon.
            if let Ok(text) = fs::read(self.dir.join("log")) {
                log = String::from_utf8_lossy(&text).into_owned();
            }
            if let Some(answer) = ready(&log) {
                return Ok(answer);
            }
            let ended = self.shell.try_wait().ok().flatten().is_some();
            if ended || Instant::now() > deadline {
                let how = if ended {
                    "ended at once"
                } else {
                    "is not ready after a minute"
                };
                let lines: Vec<_> = log.trim().lines().rev().take(3).collect();
                return Err(Unavailable::new(format!(
                    "it {how}; its log ends with: {}",
                    lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
                )));
            }
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Waiting makes the end of the scope the end of the daemon.
        let _ = self.shell.wait();
    }
}

/// Removes what daemons left whose supervisor was killed. Folders of living ones, and folders so
/// young that their supervisor may not have been recorded yet, are left alone.
pub(super) fn sweep(packages: &Packages) {
    let mut places = vec![std::env::temp_dir(), PathBuf::from("/tmp")];
    places.dedup();
    for entry in places
        .iter()
        .flat_map(|place| fs::read_dir(place).into_iter().flatten())
    {
        let Ok(entry) = entry else { continue };
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && abandoned(&entry.path()) {
            remove(packages, &entry.path());
        }
    }
}

fn abandoned(dir: &Path) -> bool {
    match fs::read_to_string(dir.join(SUPERVISOR)) {
        Ok(text) => match text.split_once(' ') {
            Some((pid, born)) => pid
                .parse()
                .is_ok_and(|pid| start_time(pid).as_deref() != Some(born)),
            None => false,
        },
        Err(error) if error.kind() == ErrorKind::NotFound => fs::metadata(dir)
            .and_then(|data| data.modified())
            .is_ok_and(|at| at.elapsed().is_ok_and(|age| age > Duration::from_secs(600))),
        Err(_) => false,
    }
}

/// Ends the recorded daemon, if the process of that id still is that daemon, and cleans up.
fn remove(packages: &Packages, dir: &Path) {
    let daemon = fs::read_to_string(dir.join("daemon")).unwrap_or_default();
    let daemon = daemon.trim();
    let command_line = fs::read(format!("/proc/{daemon}/cmdline")).unwrap_or_default();
    let ours = String::from_utf8_lossy(&command_line).contains(&*dir.to_string_lossy());
    let end = r#"dir=$1
[ -n "$2" ] && kill -TERM "$2" && while kill -0 "$2" 2>/dev/null; do sleep 0.1; done
clean"#;
    let status = packages
        .command("sh")
        .arg("-c")
        .arg(format!("{CLEAN}{end}"))
        .arg("sweep")
        .arg(dir)
        .arg(if ours { daemon } else { "" })
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if status.is_ok_and(|status| status.success()) {
        eprintln!("sandbox: removed {} of a killed run", dir.display());
    }
}

/// When a process started, in clock ticks since boot: with the id it names one process for good.
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold spaces; the start is the 20th field after it.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19).map(str::to_owned)
}

/// Records the bridge that goes with the folder.
pub(super) fn record_bridge(dir: &Path, name: &str) -> Result<()> {
    fs::write(dir.join(BRIDGE), name)
        .map_err(|error| Unavailable::while_doing("recording the bridge", error))
}

/// Runs a program of the packages to its end.
pub(super) fn run(packages: &Packages, program: &str, args: &[&str]) -> Result<()> {
    let mut command: Command = packages.command(program);
    command.args(args);
    super::packages::run(command)
}
