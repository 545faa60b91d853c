//! `hoist inspect`: size by layer, waste, what changed, advice.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{context::Context, exit, images::Images};
use crate::{
    error::Result,
    project::ImageResult,
    release::{Changes, Hidden, InspectOptions, Layer, Report, inspect_path},
    text::{bytes, sanitize_line},
};

/// Show where an image's bytes are, what is wasted, what changed, and what would make it smaller
#[derive(Debug, clap::Args)]
pub(super) struct InspectArgs {
    /// A reference, an OCI layout or a `docker save` archive [default: the last release]
    // Not called `image`: that is the global flag.
    #[arg(value_name = "IMAGE")]
    what: Option<String>,
    /// What to compare it with [default: of a version, the release before it]
    #[arg(long, value_name = "IMAGE")]
    since: Option<String>,
    /// The last release of every image: each committed file of the policy's name
    #[arg(long, conflicts_with_all = ["what", "since"])]
    all: bool,
}

pub(super) fn run(args: InspectArgs, context: &Context) -> Result<ExitCode> {
    let terminal = &context.terminal;
    let path = |text: &String| Some(PathBuf::from(text)).filter(|path| path.exists());
    let image = args.what.as_ref().and_then(path);
    let since = args.since.as_ref().and_then(path);
    let reports = match (image, since, &args.since) {
        // Files need no repository, and so no policy.
        (Some(image), since, other) if since.is_some() == other.is_some() => {
            let report = inspect_path(&image, since.as_deref());
            vec![ImageResult::new(None, report)]
        }
        _ => context.releases(args.all)?.inspect(&InspectOptions {
            image: args.what,
            since: args.since,
        }),
    };
    let reports = Images::of(reports)?;
    if terminal.json {
        terminal.json(
            &reports
                .document(|report| serde_json::to_value(report).expect("a report is plain data")),
        );
    } else {
        for (label, report) in reports.values() {
            terminal.data(&label.data(text(report).trim_end()));
        }
    }
    reports.tell_errors(terminal);
    Ok(ExitCode::from(reports.code(|_| exit::OK)))
}

fn text(report: &Report) -> String {
    let mut out = format!(
        "{}{}: {} to pull, {} unpacked, {} wasted\n\n",
        name(&report.image),
        report
            .platform
            .as_ref()
            .map_or(String::new(), |platform| format!(
                " ({})",
                sanitize_line(platform, 60)
            )),
        bytes(report.size),
        bytes(report.unpacked),
        bytes(report.wasted),
    );
    let _ = writeln!(
        out,
        "layer         {:>9} {:>9} {:>7} {:>9}",
        "pull", "unpacked", "files", "wasted"
    );
    for layer in &report.layers {
        line(&mut out, layer);
    }
    if !report.waste.is_empty() {
        let _ = writeln!(out, "\nwasted:");
    }
    for waste in &report.waste {
        let how = match waste.how {
            Hidden::Deleted => "deleted",
            Hidden::Overwritten => "overwritten",
        };
        let _ = writeln!(
            out,
            "{:>11}  /{}  {how} by layer {}",
            bytes(waste.size),
            sanitize_line(&waste.path, 200),
            waste.hidden_by + 1
        );
    }
    if let Some(changes) = &report.changes {
        compared(&mut out, changes);
    }
    if !report.advice.is_empty() {
        let _ = writeln!(out, "\nadvice:");
    }
    for advice in &report.advice {
        let saves = advice
            .saves
            .map_or(String::new(), |saved| format!("{:>11}", bytes(saved)));
        let _ = writeln!(out, "{saves:>11}  {}", sanitize_line(&advice.why, 300));
        let _ = writeln!(out, "{:>11}  → {}", "", sanitize_line(&advice.text, 300));
    }
    out
}

fn line(out: &mut String, layer: &Layer) {
    let made = layer.created_by.as_deref().unwrap_or_default();
    let shared = match layer.shared {
        Some(true) => "= ",
        Some(false) => "+ ",
        None => "",
    };
    let _ = writeln!(
        out,
        "{}  {:>9} {:>9} {:>7} {:>9}  {shared}{}",
        layer.digest.short(),
        bytes(layer.size),
        bytes(layer.unpacked),
        layer.files,
        bytes(layer.wasted),
        sanitize_line(made, 80)
    );
}

fn compared(out: &mut String, changes: &Changes) {
    let sign = if changes.size < 0 { "-" } else { "+" };
    let files = changes.files;
    let _ = writeln!(
        out,
        "\nsince {}: {sign}{}, {} to pull for who has it; files: {} new, {} gone, {} changed",
        name(&changes.since),
        bytes(changes.size.unsigned_abs()),
        bytes(changes.to_pull),
        files.added,
        files.removed,
        files.changed
    );
    for change in &changes.largest {
        let (before, now) = (change.before.unwrap_or(0), change.now.unwrap_or(0));
        let what = match (change.before, change.now) {
            (None, _) => "  new",
            (_, None) => "  gone",
            _ => "",
        };
        let sign = if now < before { "-" } else { "+" };
        let size = format!("{sign}{}", bytes(now.abs_diff(before)));
        let _ = writeln!(
            out,
            "{size:>11}  /{}{what}",
            sanitize_line(&change.path, 200)
        );
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
        oci::{Contents, Digest, LayerContents, LayerEntry},
        plan::inspect::inspect,
    };

    #[test]
    fn the_report_reads_from_the_top() {
        let layer = |text: &str, path: &str, size: u64| LayerContents {
            digest: Digest::of(text.as_bytes()),
            diff_id: Digest::of(text.as_bytes()),
            size: size / 2,
            created_by: Some(format!("COPY {text}")),
            entries: vec![LayerEntry {
                path: path.to_owned(),
                size,
                directory: false,
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
        let shown = text(&inspect("acme/api:2", &new, Some(("acme/api:1", &old))));
        insta::assert_snapshot!(shown, @r"
        acme/api:2: 1.3 MB to pull, 2.5 MB unpacked, 2.5 MB wasted

        layer              pull  unpacked   files    wasted
        ca978112ca1b     1.2 MB    2.5 MB       1    2.5 MB  = COPY a
        d75bef6b2919      450 B     900 B       1       0 B  + COPY b\u{1b}

        wasted:
             2.5 MB  /app  overwritten by layer 2

        since acme/api:1: +450 B, 450 B to pull for who has it; files: 0 new, 0 gone, 1 changed
            -2.5 MB  /app

        advice:
             2.5 MB  files that a later layer deletes or overwrites are pulled all the same
                     → delete files in the RUN that makes them, or make them in another stage
        ");
    }
}
