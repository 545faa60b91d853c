//! What a person sees on terminals of three widths: no line that could be broken is wider.

use std::process::Stdio;

use testkit::sandbox::Clone;

use crate::{
    registry::server::{Delete, TestRegistry},
    support::{Run, World},
};

/// Names of the length that companies have.
const NAMES: [&str; 2] = ["platform/payments/ledger-api", "mirror/ledger"];

/// Runs the binary on a terminal that is so wide (`script` and `stty`, which every Debian system has).
fn at_width(clone: &Clone<'_>, args: &str, columns: usize) -> Run {
    let line = format!(
        "stty cols {columns} rows 50; exec {} {args}",
        env!("CARGO_BIN_EXE_hoist")
    );
    let mut script = clone.command("script");
    script
        .args(["--quiet", "--return", "--flush", "--command", &line])
        .arg("/dev/null")
        .stdin(Stdio::null());
    Run::of(&mut script)
}

/// The lines as a person sees them, without colours.
fn lines(run: &Run) -> Vec<String> {
    let colours = regex::Regex::new("\u{1b}\\[[0-9;?]*[A-Za-z]").unwrap();
    let text = colours.replace_all(&run.stdout, "").into_owned();
    let lines = text.lines().map(|line| line.trim_end().to_owned());
    lines.collect()
}

/// Whether a line is one word, which is copied as it is.
fn is_one_word(line: &str) -> bool {
    let line = line.trim();
    let in_quotes = line.starts_with('`') && line.trim_end_matches([',', ';', ')']).ends_with('`');
    !line.contains(' ') || in_quotes
}

#[cfg(target_os = "linux")]
#[test]
fn every_table_fits_its_terminal() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &NAMES);
    let clone = world.released();
    world.hoist(&clone, &["release", "--yes"]);
    world.change(
        &clone,
        "feat: take payments in the currencies that customers have on their accounts",
    );
    registry.foreign_push(NAMES[0], "latest", &crate::publish::scene::foreign());
    for columns in [60, 80, 120] {
        for args in [
            "plan",
            "plan --explain",
            "verify",
            "verify --all",
            "repair",
            "inspect",
            "inspect 1.1.0 --since 1.0.0",
            "tags 1.0.0 --explain",
            "tags --explain",
            "next --explain",
            "log",
            "check",
            "status",
        ] {
            let run = at_width(&clone, args, columns);
            let lines = lines(&run);
            assert!(!lines.is_empty(), "{args}: {run}");
            for line in lines {
                let wide = line.chars().count() > columns && !is_one_word(&line);
                assert!(!wide, "{args} at {columns}: {line}\n{run}");
            }
        }
    }
}
