//! `cargo xtask bench`: hoist beside its peers, in one run and in turns, written to `BENCHMARKS.md`; what was
//! aimed at, and two releases as drawings, to `docs/performance.md`.
//!
//! A peer that this machine does not have, and that cannot be had from Debian, is said to be absent.

mod history;
mod layout;
mod page;
mod peers;
pub mod proxy;
mod publish;
pub mod run;
mod waterfall;

use std::{fs, path::PathBuf, process::Command};

pub use page::Goal;
use page::Page;

use crate::{Result, cargo, succeed};

/// How often each thing is measured.
const ROUNDS: usize = 5;
/// What the rows of the program are called that is measured.
pub const OWN: &str = "hoist";

/// The program that is measured, and what the page will say.
pub struct Bench {
    pub hoist: PathBuf,
    /// An older hoist, which is measured in turns with this one.
    pub before: Option<PathBuf>,
    pub page: String,
    pub rounds: usize,
    performance: Page,
}

const USAGE: &str =
    "usage: cargo xtask bench [history] [publish] [--quick] [--binary FILE] [--before FILE]";

pub fn run(args: &[&str]) -> Result<()> {
    let mut bench = Bench {
        hoist: PathBuf::new(),
        before: None,
        page: String::new(),
        rounds: ROUNDS,
        performance: Page::default(),
    };
    let mut parts = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match *arg {
            "--quick" => bench.rounds = 1,
            "--binary" => bench.hoist = rest.next().ok_or(USAGE)?.into(),
            "--before" => bench.before = Some(fs::canonicalize(rest.next().ok_or(USAGE)?)?),
            "history" | "publish" => parts.push(*arg),
            _ => return Err(USAGE.into()),
        }
    }
    if bench.hoist.as_os_str().is_empty() {
        succeed(cargo().args(["build", "--release", "--locked", "--bin", "hoist"]))?;
        let target = std::env::current_exe()?;
        let target = target.ancestors().nth(2).ok_or("cargo's target folder")?;
        bench.hoist = target.join("release/hoist");
    }
    bench.hoist = fs::canonicalize(&bench.hoist)?;
    let wants = |part: &str| parts.is_empty() || parts.contains(&part);
    bench.begin();
    if wants("history") {
        history::measure(&mut bench)?;
    }
    if wants("publish") {
        publish::measure(&mut bench)?;
    }
    bench.page.push_str("\n## What was aimed at\n\n");
    bench.page.push_str(&bench.performance.goals());
    fs::write("BENCHMARKS.md", &bench.page)?;
    bench.performance.write(&bench.on_what())?;
    print!("{}", bench.page);
    Ok(())
}

impl Bench {
    fn begin(&mut self) {
        self.page = format!(
            "# Benchmarks\n\nWritten by `cargo xtask bench`, which runs everything below in turns on one machine. Each figure is the\n\
             middle one of {} runs. CPU is that of the program and all that it started; it depends least on what else the machine\n\
             does. `peak` is the program's own memory. `in a row` is how many requests had to wait for the answer to another one,\n\
             one after another.\n\n{}\n",
            self.rounds,
            self.on_what(),
        );
    }

    /// When it was measured, and on which machine.
    fn on_what(&self) -> String {
        let output = |program: &str, args: &[&str]| {
            let output = Command::new(program).args(args).output();
            let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
            text.unwrap_or_default().trim().to_owned()
        };
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpus
            .lines()
            .find_map(|line| line.strip_prefix("model name"));
        let model = model
            .unwrap_or_default()
            .trim_start_matches(['\t', ' ', ':']);
        format!(
            "{}, {} of {model}, kernel {}.",
            output("date", &["-u", "+%Y-%m-%d"]),
            output("nproc", &[]),
            output("uname", &["-r"]),
        )
    }

    /// The programs of ours that are measured, with the names of their rows.
    pub fn programs(&self) -> Vec<(String, PathBuf)> {
        let own = [(OWN.to_owned(), self.hoist.clone())];
        let before = self.before.clone();
        let before = before.map(|before| (format!("{OWN} before"), before));
        own.into_iter().chain(before).collect()
    }

    /// Something that was aimed at.
    pub fn goal(&mut self, goal: Goal) {
        self.performance.goals.push(goal);
    }

    /// A release as a drawing.
    pub fn draw(&mut self, title: &'static str, drawing: &str) {
        self.performance.drawings.push((title, drawing.to_owned()));
    }

    /// A heading.
    pub fn section(&mut self, title: &str) {
        self.page.push_str(&format!("\n## {title}\n\n"));
    }

    /// A table's row; the first one of a table is its head.
    pub fn row(&mut self, cells: &[String]) {
        self.page.push_str(&format!("| {} |\n", cells.join(" | ")));
    }

    /// The head of a table.
    pub fn head(&mut self, cells: &[&str]) {
        let cells: Vec<String> = cells.iter().map(ToString::to_string).collect();
        self.row(&cells);
        let line = vec!["---".to_owned(); cells.len()];
        self.row(&line);
    }

    /// A line of text.
    pub fn text(&mut self, text: &str) {
        self.page.push_str(text);
        self.page.push('\n');
    }
}
