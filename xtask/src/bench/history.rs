//! From history to the next version.

use std::{fmt::Write as _, io::Write as _, process::Stdio};

use testkit::sandbox::{Clone, GitRemote};

use super::{
    Bench,
    run::{Cost, find, measured, median, version},
};
use crate::Result;

/// Commits of the long history.
const LONG: u32 = 500_000;
/// Tags of the history with many of them.
const TAGS: u32 = 10_000;

pub fn measure(bench: &mut Bench) -> Result<()> {
    bench.section("From history to the next version");
    let hoist = bench.hoist.display().to_string();
    bench.text(&format!("- {}", version(&bench.hoist, &["--version"])));
    let git = find("git").ok_or("git")?;
    bench.text(&format!("- {}", version(&git, &["--version"])));
    let cliff = find("git-cliff");
    bench.text(&match &cliff {
        Some(cliff) => format!("- {}", version(cliff, &["--version"])),
        None => "- git-cliff: absent (`cargo install git-cliff` or PyPI)".to_owned(),
    });
    for peer in ["cog", "convco", "semantic-release"] {
        if find(peer).is_none() {
            bench.text(&format!("- {peer}: absent"));
        }
    }
    bench.text("");
    bench.head(&[
        "history",
        "program",
        "CPU, ms",
        "on the clock, ms",
        "peak, MiB",
    ]);
    let remote = GitRemote::new();
    let many = history(&remote, "many", TAGS, |number| {
        let (minor, patch) = (number / 100, number % 100);
        Some(format!("v1.{minor}.{patch}"))
    })?;
    let next = format!("{hoist} --image 127.0.0.1:1/acme/api next");
    let cliff_line = cliff
        .as_ref()
        .map(|cliff| format!("{} --unreleased --bumped-version", cliff.display()));
    let mut lines = vec![
        ("hoist next", next.clone()),
        ("git describe --tags", "git describe --tags".to_owned()),
    ];
    lines.extend(
        cliff_line
            .clone()
            .map(|line| ("git-cliff --bumped-version", line)),
    );
    compare(
        bench,
        &many,
        &format!("{TAGS} tags, one on each commit"),
        &lines,
    )?;

    let near = history(&remote, "near", LONG, |number| {
        (number == LONG - 10).then(|| "v1.0.0".to_owned())
    })?;
    let what = format!("{LONG} commits, the last tag 10 ago");
    compare(bench, &near, &what, &lines)?;
    near.git(&["tag", "--delete", "v1.0.0"]);
    let first = near.git(&["rev-list", "--max-parents=0", "HEAD"]);
    near.git(&["tag", "v1.0.0", &first]);
    near.git(&["pack-refs", "--all"]);
    let mut lines = vec![
        ("hoist next", next),
        (
            "git log, the same commits",
            "git log --format=%H%n%P%n%B v1.0.0..".to_owned(),
        ),
    ];
    lines.extend(cliff_line.map(|line| ("git-cliff --bumped-version", line)));
    let what = format!("{LONG} commits since the last tag");
    compare(bench, &near, &what, &lines)
}

fn compare(
    bench: &mut Bench,
    clone: &Clone<'_>,
    what: &str,
    lines: &[(&str, String)],
) -> Result<()> {
    let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); lines.len()];
    for _ in 0..bench.rounds {
        for ((_, line), costs) in lines.iter().zip(&mut costs) {
            costs.push(measured(line, |command| surround(command, clone))?);
        }
    }
    for ((name, _), costs) in lines.iter().zip(costs) {
        let cost = median(costs, |cost| cost.cpu);
        bench.row(&[
            what.to_owned(),
            (*name).to_owned(),
            format!("{:.0}", cost.cpu * 1e3),
            format!("{:.0}", cost.wall * 1e3),
            cost.peak.to_string(),
        ]);
    }
    Ok(())
}

/// The surroundings of a hermetic command of this clone.
fn surround(command: &mut std::process::Command, clone: &Clone<'_>) {
    let hermetic = clone.command("true");
    command.env_clear().current_dir(clone.path());
    for (name, value) in hermetic.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
}

/// A clone with so many commits, each with the tag that `tag` gives it.
fn history<'r>(
    remote: &'r GitRemote,
    name: &str,
    commits: u32,
    tag: impl Fn(u32) -> Option<String>,
) -> Result<Clone<'r>> {
    const KINDS: [&str; 8] = [
        "fix(api): one more",
        "feat: something new",
        "docs: say it",
        "chore(deps): bump a crate from 1.2.3 to 1.2.4",
        "refactor(core): move it",
        "Merge of what somebody did",
        "test: a case",
        "perf(io): less work",
    ];
    let clone = remote.clone(name, &[]);
    let mut import = clone
        .command("git")
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()?;
    let mut stdin = std::io::BufWriter::new(import.stdin.take().ok_or("a pipe")?);
    let mut text = String::new();
    for number in 0..=commits {
        text.clear();
        let kind = KINDS[number as usize % KINDS.len()];
        let message = format!(
            "{kind} (#{number})\n\nThis is what was done, and why it was done like that.\nIt takes two lines.\n\nSigned-off-by: A Developer <dev@example.org>\n"
        );
        let time = 1_600_000_000 + number * 60;
        let _ = write!(
            text,
            "commit refs/heads/main\ncommitter A Developer <dev@example.org> {time} +0000\n\
             data {}\n{message}\nM 100644 inline file\ndata 9\n{number:08}\n\n",
            message.len()
        );
        if let Some(tag) = tag(number).filter(|_| number < commits) {
            let _ = write!(text, "reset refs/tags/{tag}\nfrom refs/heads/main\n\n");
        }
        stdin.write_all(text.as_bytes())?;
    }
    drop(stdin.into_inner()?);
    if !import.wait()?.success() {
        return Err("git fast-import failed".into());
    }
    clone.git(&["reset", "--quiet", "--hard"]);
    clone.git(&["pack-refs", "--all"]);
    Ok(clone)
}
