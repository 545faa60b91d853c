//! What this clone remembers of registries from one release to the next: which of them take one tag in a
//! request. They are asked again after a month, for registries learn.

use std::{fs, path::PathBuf};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{io::journal_file::save_private, oci::Registry, release::facade::Release};

/// The file, in this clone's directory for hoist.
const FILE: &str = "single-tag-registries";

/// After so many days a registry is asked again.
const DAYS: i64 = 30;

impl Release {
    /// Tells the registries of this run what earlier runs in this clone found out. A file that cannot be
    /// read tells nothing, and each registry is asked.
    pub(super) fn recall_registries(&self) {
        let text = fs::read_to_string(self.registries_file()).unwrap_or_default();
        let now = Utc::now();
        for (registry, _) in remembered(&text, now) {
            self.registries.takes_single_tags_only(&registry);
        }
    }

    /// Remembers what this run found out. Without it the next run asks once more.
    pub(super) fn remember_registries(&self) {
        let text = fs::read_to_string(self.registries_file()).unwrap_or_default();
        let now = Utc::now();
        let known = remembered(&text, now);
        let found = self.registries.single_tags_only();
        let is_known = |registry: &Registry| known.iter().any(|(host, _)| host == registry);
        let new: Vec<Registry> = found.into_iter().filter(|one| !is_known(one)).collect();
        if new.is_empty() {
            return;
        }
        let all = known
            .into_iter()
            .chain(new.into_iter().map(|one| (one, now)));
        let lines: String = all
            .map(|(registry, since)| format!("{registry} {}\n", since.to_rfc3339()))
            .collect();
        let _ = save_private(&self.state_directory(), FILE, lines.as_bytes());
    }

    fn registries_file(&self) -> PathBuf {
        self.state_directory().join(FILE)
    }
}

/// The registries that take one tag in a request, and since when this is known: a line each.
fn remembered(text: &str, now: DateTime<Utc>) -> Vec<(Registry, DateTime<Utc>)> {
    let read = |line: &str| {
        let (host, since) = line.split_once(' ')?;
        let since = DateTime::parse_from_rfc3339(since)
            .ok()?
            .with_timezone(&Utc);
        let repository: crate::oci::Repository = format!("{host}/a/b").parse().ok()?;
        let age = now - since;
        let is_fresh = age >= TimeDelta::zero() && age < TimeDelta::days(DAYS);
        is_fresh.then(|| (repository.registry().clone(), since))
    };
    text.lines().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_or_no_line_of_ours_is_asked_again() {
        let now: DateTime<Utc> = "2026-11-29T12:00:00Z".parse().expect("a time");
        let text = "ghcr.io 2026-11-01T00:00:00+00:00\nold.test 2026-10-01T00:00:00+00:00\n\
                    later.test 2027-01-01T00:00:00+00:00\nnothing\n\u{0}";
        let known = remembered(text, now);
        let names: Vec<&str> = known
            .iter()
            .map(|(registry, _)| registry.as_str())
            .collect();
        assert_eq!(names, ["ghcr.io"]);
    }
}
