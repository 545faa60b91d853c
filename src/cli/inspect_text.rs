//! The words of `hoist inspect`.

use std::path::Path;

use super::table::{hanging, paragraph};
use crate::{
    release::{Changes, Hidden, Omitted, Report},
    text::{bytes, sanitize_line},
};

/// How many of the largest files and of the contents that are there several times are shown.
const SHOWN: usize = 5;

/// The columns of a size, before a text.
const SIZE: usize = 11;

/// The columns of a digest, before a text.
const DIGEST: usize = 13;

/// A report for a person, in lines that fit `width`.
pub(super) fn text(report: &Report, width: Option<usize>) -> String {
    let mut page = ReportLines {
        lines: Vec::new(),
        width,
    };
    page.head(report);
    page.layers(report);
    page.waste(report);
    page.duplicates(report);
    page.files(report);
    if let Some(changes) = &report.changes {
        page.changes(changes);
    }
    page.referrers(report);
    page.budget(report);
    page.advice(report);
    page.lines.join("\n")
}

/// The lines so far.
struct ReportLines {
    lines: Vec<String>,
    width: Option<usize>,
}

impl ReportLines {
    fn text(&mut self, text: &str) {
        self.lines.extend(paragraph(text, self.width));
    }

    /// A text behind something, or behind blanks, in a column.
    fn item(&mut self, before: &str, column: usize, text: &str) {
        let head = format!("{before:>column$}  ");
        self.lines.extend(hanging(&head, text, self.width));
    }

    fn section(&mut self, heading: &str) {
        self.lines.push(String::new());
        self.text(heading);
    }

    /// What a list leaves out.
    fn omitted(&mut self, omitted: Omitted) {
        if let Some(words) = omitted.words() {
            self.item("", SIZE, &format!("and {words}"));
        }
    }

    fn head(&mut self, report: &Report) {
        let platform = report.platform.as_ref();
        let platform = platform.map_or(String::new(), |it| format!(" ({})", sanitize_line(it, 60)));
        self.text(&format!(
            "{}{platform}: {} to pull, {} unpacked, {} wasted",
            titled(report),
            bytes(report.size),
            bytes(report.unpacked),
            bytes(report.wasted),
        ));
        if !report.other_platforms.is_empty() {
            let others = report.other_platforms.iter();
            let others: Vec<_> = others.map(|other| sanitize_line(other, 60)).collect();
            self.text(&format!("not shown: its images for {}", others.join(", ")));
        }
        if let Some(base) = &report.base {
            let distribution = base.distribution.as_deref();
            let shown = base.name.as_deref().or(distribution).unwrap_or("unknown");
            let pinned = match base.pinned {
                Some(true) => ", pinned",
                Some(false) => ", not pinned",
                None => "",
            };
            let made = base
                .created
                .map(|at| at.format(", made %Y-%m-%d").to_string());
            let made = made.unwrap_or_default();
            self.text(&format!("base {}{pinned}{made}", sanitize_line(shown, 200)));
        }
        if report.user.root {
            self.text("runs as root");
        } else if let Some(user) = &report.user.name {
            self.text(&format!("runs as user {}", sanitize_line(user, 100)));
        }
    }

    fn layers(&mut self, report: &Report) {
        self.lines.push(String::new());
        self.lines.push(format!(
            "layer         {:>9} {:>9} {:>7} {:>9}",
            "pull", "unpacked", "files", "wasted"
        ));
        for layer in &report.layers {
            let made = layer.created_by.as_deref().unwrap_or_default();
            let shared = match layer.shared {
                Some(true) => "= ",
                Some(false) => "+ ",
                None => "",
            };
            let head = format!(
                "{}  {:>9} {:>9} {:>7} {:>9}  ",
                layer.digest.short(),
                bytes(layer.size),
                bytes(layer.unpacked),
                layer.files,
                bytes(layer.wasted),
            );
            let unread = match &layer.unread {
                Some(media_type) => format!("not read: {} ", sanitize_line(media_type, 80)),
                None => String::new(),
            };
            let made = format!("{shared}{unread}{}", sanitize_line(made, 80));
            self.lines.extend(hanging(&head, &made, self.width));
        }
    }

    fn waste(&mut self, report: &Report) {
        if !report.waste.is_empty() {
            self.section("wasted:");
        }
        for waste in &report.waste {
            let how = match (waste.how, waste.same_content) {
                (Hidden::Deleted, _) => "deleted",
                (Hidden::Overwritten, false) => "overwritten",
                (Hidden::Overwritten, true) => "overwritten with the same",
            };
            let path = sanitize_line(&waste.path, 200);
            let layer = waste.hidden_by + 1;
            let text = format!("/{path}  {how} by layer {layer}");
            self.item(&bytes(waste.size), SIZE, &text);
        }
        self.omitted(report.omitted_waste);
    }

    fn duplicates(&mut self, report: &Report) {
        if report.duplicated > 0 {
            let heading = format!("duplicated, {} together:", bytes(report.duplicated));
            self.section(&heading);
        }
        for duplicate in report.duplicates.iter().take(SHOWN) {
            let paths = duplicate.paths.iter();
            let paths: Vec<_> = paths
                .map(|path| format!("/{}", sanitize_line(path, 100)))
                .collect();
            let more = match duplicate.copies - duplicate.paths.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let text = format!("{}{more}", paths.join(", "));
            self.item(&bytes(duplicate.extra), SIZE, &text);
        }
        let hidden = report.duplicates.iter().skip(SHOWN);
        let hidden: Vec<u64> = hidden.map(|duplicate| duplicate.extra).collect();
        self.omitted(Omitted {
            count: report.omitted_duplicates.count + hidden.len(),
            bytes: report.omitted_duplicates.bytes + hidden.iter().sum::<u64>(),
        });
    }

    fn files(&mut self, report: &Report) {
        if !report.largest.is_empty() {
            self.section("largest files:");
        }
        for file in report.largest.iter().take(SHOWN) {
            let path = sanitize_line(&file.path, 200);
            let text = format!("/{path}  layer {}", file.layer + 1);
            self.item(&bytes(file.size), SIZE, &text);
        }
        let shown = report.largest.len().min(SHOWN);
        let more = report.files.saturating_sub(shown);
        if !report.largest.is_empty() && more > 0 {
            self.item("", SIZE, &format!("and {more} more"));
        }
        if !report.secrets.is_empty() {
            self.section("look like secrets:");
        }
        for secret in &report.secrets {
            let hidden = match secret.hidden_by {
                Some(by) => format!(", hidden by layer {}, and still in the image", by + 1),
                None => String::new(),
            };
            let path = sanitize_line(&secret.path, 200);
            let text = format!("/{path}  layer {}{hidden}", secret.layer + 1);
            self.item("", SIZE, &text);
        }
        self.omitted(report.omitted_secrets);
    }

    fn changes(&mut self, changes: &Changes) {
        let sign = if changes.size < 0 { "-" } else { "+" };
        let files = changes.files;
        self.section(&format!(
            "since {}: {sign}{}, {} to pull for who has it; files: {} new, {} gone, {} changed",
            name(&changes.since),
            bytes(changes.size.unsigned_abs()),
            bytes(changes.to_pull),
            files.added,
            files.removed,
            files.changed
        ));
        for change in &changes.largest {
            let (before, now) = (change.before.unwrap_or(0), change.now.unwrap_or(0));
            let what = match (change.before, change.now) {
                (None, _) => "  new",
                (_, None) => "  gone",
                _ => "",
            };
            let sign = if now < before { "-" } else { "+" };
            let size = format!("{sign}{}", bytes(now.abs_diff(before)));
            let path = sanitize_line(&change.path, 200);
            self.item(&size, SIZE, &format!("/{path}{what}"));
        }
        self.omitted(changes.omitted);
    }

    fn referrers(&mut self, report: &Report) {
        if !report.referrers.is_empty() {
            self.section("about it:");
        }
        for referrer in &report.referrers {
            let kind = referrer.artifact_type.as_deref().unwrap_or("unknown type");
            self.item(referrer.digest.short(), DIGEST, &sanitize_line(kind, 200));
        }
    }

    fn budget(&mut self, report: &Report) {
        if !report.over_budget.is_empty() {
            self.section("over its budget:");
        }
        for excess in &report.over_budget {
            self.item(&excess.rule, SIZE, &excess.text);
            for cause in &excess.causes {
                self.item("", SIZE, &format!("because {cause}"));
            }
        }
    }

    fn advice(&mut self, report: &Report) {
        if !report.advice.is_empty() {
            self.section("advice, with what it saves unpacked:");
        }
        for advice in &report.advice {
            let saves = advice.saves.map_or(String::new(), bytes);
            self.item(&saves, SIZE, &sanitize_line(&advice.why, 300));
            let text = format!("→ {}", sanitize_line(&advice.text, 300));
            self.item("", SIZE, &text);
        }
        if let Some(words) = report.without_advice() {
            self.section(&words);
        }
    }
}

/// What was looked at, and which image of the policy it is, where that is not the main one.
fn titled(report: &Report) -> String {
    let title = name(&report.image);
    match report.name.as_deref() {
        None | Some("main") => title,
        Some(image) => format!("`{image}` {title}"),
    }
}

/// A reference as it is; of a path its last part says enough.
fn name(image: &str) -> String {
    let path = Path::new(image);
    let short = path.is_absolute().then(|| path.file_name()).flatten();
    sanitize_line(
        &short.map_or(image.into(), |name| name.to_string_lossy()),
        300,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        oci::{Contents, Digest, LayerContents, LayerEntry, LayerEntryKind},
        plan::inspect::inspect,
    };

    #[test]
    fn the_files_that_are_not_listed_are_counted() {
        for (files, more) in [
            (5, None),
            (6, Some("and 1 more")),
            (40, Some("and 35 more")),
        ] {
            let entries = (1..=files).map(|number| LayerEntry {
                path: format!("file{number}"),
                size: number,
                kind: LayerEntryKind::File,
                content: None,
                private_key: false,
            });
            let layer = LayerContents {
                unread: None,
                digest: Digest::of(b"a"),
                diff_id: Digest::of(b"a"),
                size: 100,
                created_by: None,
                entries: entries.collect(),
            };
            let contents = Contents {
                layers: vec![layer],
                ..Contents::default()
            };
            let shown = text(&inspect("acme/api:2", &contents, None), None);
            match more {
                Some(more) => assert!(shown.contains(more), "{shown}"),
                None => assert!(!shown.contains(" more"), "{shown}"),
            }
        }
    }

    #[test]
    fn what_a_list_leaves_out_is_said() {
        let paths = (10..35).map(|number| format!("srv/{number}/.env"));
        let entries = paths.chain(["var/lib/apt/lists/x".to_owned()]);
        let entries = entries.map(|path| LayerEntry {
            path,
            size: 250_000,
            kind: LayerEntryKind::File,
            content: None,
            private_key: false,
        });
        let layer = LayerContents {
            unread: None,
            digest: Digest::of(b"a"),
            diff_id: Digest::of(b"a"),
            size: 100,
            created_by: None,
            entries: entries.collect(),
        };
        let contents = Contents {
            layers: vec![layer],
            ..Contents::default()
        };
        let shown = text(&inspect("acme/api:2", &contents, None), None);
        assert_eq!(shown.matches("/.env  layer 1").count(), 20 + 5, "{shown}");
        for says in [
            "and 5 more, 1.2 MB",
            "caches below 1.0 MB each, without advice: 250.0 kB in 1 place, the largest apt's package lists in /var/lib/apt/lists",
        ] {
            assert!(shown.contains(says), "{says}: {shown}");
        }
    }

    #[test]
    fn the_report_reads_from_the_top() {
        let layer = |text: &str, path: &str, size: u64| LayerContents {
            unread: None,
            digest: Digest::of(text.as_bytes()),
            diff_id: Digest::of(text.as_bytes()),
            size: size / 2,
            created_by: Some(format!("COPY {text}")),
            entries: vec![LayerEntry {
                path: path.to_owned(),
                size,
                kind: LayerEntryKind::File,
                content: None,
                private_key: false,
            }],
        };
        let contents = |layers: Vec<LayerContents>| Contents {
            user: Some("1".into()),
            layers,
            ..Contents::default()
        };
        let old = contents(vec![layer("a", "app", 2_500_000)]);
        let new = contents(vec![
            layer("a", "app", 2_500_000),
            layer("b\u{1b}", "app", 900),
        ]);
        let report = inspect("acme/api:2", &new, Some(("acme/api:1", &old)));
        let shown = text(&report, None);
        insta::assert_snapshot!(shown, @r"
        acme/api:2: 1.3 MB to pull, 2.5 MB unpacked, 2.5 MB wasted
        runs as user 1

        layer              pull  unpacked   files    wasted
        ca978112ca1b     1.2 MB    2.5 MB       1    2.5 MB  = COPY a
        d75bef6b2919      450 B     900 B       1       0 B  + COPY b\u{1b}

        wasted:
             2.5 MB  /app  overwritten by layer 2

        largest files:
              900 B  /app  layer 2

        since acme/api:1: +450 B, 450 B to pull for who has it; files: 0 new, 0 gone, 1 changed
            -2.5 MB  /app

        advice, with what it saves unpacked:
             2.5 MB  files that a later layer overwrites are pulled twice, /app of layer 1 among them (by layer 2)
                     → change files in the RUN that makes them, or write them once
        ");
        for width in [60, 80, 120] {
            for line in text(&report, Some(width)).lines() {
                let taken = console::measure_text_width(line);
                assert!(taken <= width, "{taken} of {width}: {line}");
            }
        }
        let narrow = text(&report, Some(60));
        insta::assert_snapshot!(narrow, @r"
        acme/api:2: 1.3 MB to pull, 2.5 MB unpacked, 2.5 MB wasted
        runs as user 1

        layer              pull  unpacked   files    wasted
        ca978112ca1b     1.2 MB    2.5 MB       1    2.5 MB
            = COPY a
        d75bef6b2919      450 B     900 B       1       0 B
            + COPY b\u{1b}

        wasted:
             2.5 MB  /app  overwritten by layer 2

        largest files:
              900 B  /app  layer 2

        since acme/api:1: +450 B, 450 B to pull for who has it;
            files: 0 new, 0 gone, 1 changed
            -2.5 MB  /app

        advice, with what it saves unpacked:
             2.5 MB  files that a later layer overwrites are pulled
                     twice, /app of layer 1 among them (by layer 2)
                     → change files in the RUN that makes them, or
                     write them once
        ");
    }
}
