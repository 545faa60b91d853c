//! This machine and this process, for a lock's owner: facts read once at the edge.

use std::fs;

/// What identifies a process across machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessIdentity {
    /// The machine's name.
    pub name: String,
    /// The boot and the process namespace; a process id means the same only within both.
    pub boot: String,
    /// This process.
    pub pid: u32,
}

impl ProcessIdentity {
    /// Reads `/proc`. Where there is none, the boot is one that equals no other.
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
        let boot = read("/proc/sys/kernel/random/boot_id").unwrap_or_else(random);
        Self {
            name: crate::text::sanitize_line(&name, 100),
            boot: format!("{boot} {namespace}"),
            pid: std::process::id(),
        }
    }

    /// Whether a process of this machine runs. A zombie does not.
    #[must_use]
    pub fn runs(pid: u32) -> bool {
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
            return false;
        };
        // The state follows the command, which is in parentheses and may contain any character.
        let state = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.trim().chars().next());
        !matches!(state, Some('Z' | 'X'))
    }
}

/// 32 hex digits that no other process has.
#[must_use]
pub fn random() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    // The keys of std's hash maps are the operating system's random numbers.
    let word = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", word(), word())
}

#[cfg(test)]
mod tests {
    use crate::io::process::*;

    #[test]
    fn this_process_runs_and_a_made_up_one_does_not() {
        assert!(ProcessIdentity::runs(std::process::id()));
        assert!(!ProcessIdentity::runs(u32::MAX));
    }

    #[test]
    fn two_random_names_differ() {
        assert_ne!(random(), random());
        assert_eq!(random().len(), 32);
    }
}
