//! The identity of this process, for the owner of a lock, and random names.

use std::fs;

/// What identifies a process across machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessIdentity {
    /// The name of the machine.
    pub name: String,
    /// The boot and the process namespace: a process id is unique only within both.
    pub boot: String,
    /// The process id.
    pub pid: u32,
    /// When the process started, in the machine's own count, where it tells.
    pub started: Option<u64>,
}

impl ProcessIdentity {
    /// The identity of this process, from `/proc`. Where there is no `/proc`, the boot gets a random
    /// name, so that it equals no other.
    #[must_use]
    pub fn current() -> Self {
        let read = |path: &str| {
            fs::read_to_string(path)
                .ok()
                .map(|text| text.trim().to_owned())
        };
        let name = read("/proc/sys/kernel/hostname")
            .or_else(|| std::env::var("HOSTNAME").ok())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "unknown host".into());
        let namespace = fs::read_link("/proc/self/ns/pid")
            .map(|link| link.to_string_lossy().into_owned())
            .unwrap_or_default();
        let boot = read("/proc/sys/kernel/random/boot_id").unwrap_or_else(random_name);
        Self {
            name: crate::text::sanitize_line(&name, 100),
            boot: format!("{boot} {namespace}"),
            pid: std::process::id(),
            started: ProcessStat::read(std::process::id()).and_then(|stat| stat.started),
        }
    }

    /// Whether a process of this machine runs. A zombie does not; neither does one that started at
    /// another time than `started`, where that is known: it was given the id of a dead one.
    #[must_use]
    pub fn runs(pid: u32, started: Option<u64>) -> bool {
        let Some(stat) = ProcessStat::read(pid) else {
            return false;
        };
        let is_it = started.is_none() || stat.started.is_none() || stat.started == started;
        is_it && !matches!(stat.state, Some('Z' | 'X'))
    }
}

/// What `/proc/PID/stat` tells of a process.
struct ProcessStat {
    state: Option<char>,
    started: Option<u64>,
}

impl ProcessStat {
    fn read(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The state follows the command, which is in parentheses and may contain any character.
        let mut fields = stat.rsplit(')').next()?.split_whitespace();
        Some(Self {
            state: fields.next().and_then(|state| state.chars().next()),
            // Field 22; the state is field 3.
            started: fields.nth(18).and_then(|text| text.parse().ok()),
        })
    }
}

/// 32 random hexadecimal digits.
///
/// # Panics
/// The operating system has no random numbers.
#[must_use]
pub fn random_name() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has random numbers");
    format!("{:032x}", u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use crate::io::process::*;

    #[test]
    fn this_process_runs_and_an_invented_one_does_not() {
        let me = ProcessIdentity::current();
        assert!(me.started.is_some_and(|started| started > 0));
        assert!(ProcessIdentity::runs(me.pid, me.started));
        assert!(ProcessIdentity::runs(me.pid, None));
        assert!(
            !ProcessIdentity::runs(me.pid, Some(1)),
            "another one had this id"
        );
        assert!(!ProcessIdentity::runs(u32::MAX, None));
    }

    #[test]
    fn two_random_names_differ() {
        assert_ne!(random_name(), random_name());
        assert_eq!(random_name().len(), 32);
    }
}
