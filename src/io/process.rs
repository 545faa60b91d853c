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
        assert!(ProcessIdentity::runs(std::process::id()));
        assert!(!ProcessIdentity::runs(u32::MAX));
    }

    #[test]
    fn two_random_names_differ() {
        assert_ne!(random_name(), random_name());
        assert_eq!(random_name().len(), 32);
    }
}
