//! From history to the next version.

use std::{fmt::Write as _, io::Write as _, process::Stdio};

use testkit::sandbox::{Clone, GitRemote};

use super::{
    Bench, Goal,
    run::{Cost, find, measured, median, version},
};
use crate::Result;

/// Commits of the long history.
const LONG: u32 = 500_000;
/// Tags of the history with many of them.
const TAGS: u32 = 10_000;
/// How much of the processor time of `git log` the same commits may take, and how much memory, in MB.
const OF_GIT_LOG: f64 = 1.2;
const MEMORY: u64 = 100;

pub fn measure(bench: &mut Bench) -> Result<()> {
    bench.section("From history to the next version");
    for (name, program) in bench.programs() {
        bench.text(&format!("- {name}: {}", version(&program, &["--version"])));
    }
    let git = find("git").ok_or("git")?;
    bench.text(&format!("- {}", version(&git, &["--version"])));
    let cliff = find("git-cliff");
    bench.text(&match &cliff {
        Some(cliff) => format!("- {}", version(cliff, &["--version"])),
        None => "- git-cliff: absent (`cargo install git-cliff --root target/peers` puts it where it is looked for)"
            .to_owned(),
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
    let own: Vec<(String, String)> = bench
        .programs()
        .into_iter()
        .map(|(name, program)| {
            let line = format!("{} --image 127.0.0.1:1/acme/api next", program.display());
            (name.replacen("hoist", "hoist next", 1), line)
        })
        .collect();
    let cliff_line = cliff
        .as_ref()
        .map(|cliff| format!("{} --unreleased --bumped-version", cliff.display()));
    let of_cliff = cliff_line.map(|line| ("git-cliff --bumped-version".to_owned(), line));
    let mut lines = own.clone();
    lines.push((
        "git describe --tags".to_owned(),
        "git describe --tags".to_owned(),
    ));
    lines.extend(of_cliff.clone());
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
    let mut lines = own;
    lines.push((
        "git log, the same commits".to_owned(),
        "git log --format=%H%n%P%n%B v1.0.0..".to_owned(),
    ));
    lines.extend(of_cliff);
    let what = format!("{LONG} commits since the last tag");
    let costs = compare(bench, &near, &what, &lines)?;
    let of = |wanted: &str| {
        let mut rows = lines.iter().zip(&costs);
        rows.find(|((name, _), _)| name.starts_with(wanted))
            .map(|(_, cost)| *cost)
            .ok_or("a row")
    };
    let (next, log) = (of("hoist next")?, of("git log")?);
    let ratio = next.cpu / log.cpu;
    bench.goal(Goal {
        what: "`hoist next` over 500,000 commits, processor time",
        wanted: format!("at most {OF_GIT_LOG} of `git log`'s"),
        measured: format!("{ratio:.2}"),
        met: ratio <= OF_GIT_LOG,
        goes_to: "finding and unpacking the objects takes what it takes in `git log`; the rest is reading each message",
    });
    // `peak` is in MiB.
    let memory = (next.peak << 20) / 1_000_000;
    bench.goal(Goal {
        what: "the same, memory",
        wanted: format!("at most {MEMORY} MB"),
        measured: format!("{memory} MB"),
        met: memory <= MEMORY,
        goes_to: "the index of the pack, which is mapped as a whole, and what is kept of each commit, 70 bytes",
    });
    Ok(())
}

fn compare(
    bench: &mut Bench,
    clone: &Clone<'_>,
    what: &str,
    lines: &[(String, String)],
) -> Result<Vec<Cost>> {
    let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); lines.len()];
    for _ in 0..bench.rounds {
        for ((_, line), costs) in lines.iter().zip(&mut costs) {
            costs.push(measured(line, |command| surround(command, clone))?);
        }
    }
    let middles: Vec<Cost> = costs
        .into_iter()
        .map(|costs| median(costs, |cost| cost.cpu))
        .collect();
    for ((name, _), cost) in lines.iter().zip(&middles) {
        bench.row(&[
            what.to_owned(),
            name.clone(),
            format!("{:.0}", cost.cpu * 1e3),
            format!("{:.0}", cost.wall * 1e3),
            cost.peak.to_string(),
        ]);
    }
    Ok(middles)
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
