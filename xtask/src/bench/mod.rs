//! `cargo xtask bench`: hoist beside its peers, in one run and in turns, written to `BENCHMARKS.md`.
//!
//! A peer that this machine does not have, and that cannot be had from Debian, is said to be absent.

mod history;
pub mod proxy;
mod publish;
pub mod run;

use std::{fs, path::PathBuf, process::Command};

use crate::{Result, cargo, succeed};

/// How often each thing is measured.
const ROUNDS: usize = 5;

/// The program that is measured, and what the page will say.
pub struct Bench {
    pub hoist: PathBuf,
    pub page: String,
    pub rounds: usize,
}

const USAGE: &str = "usage: cargo xtask bench [history] [publish] [--quick] [--binary FILE]";

pub fn run(args: &[&str]) -> Result<()> {
    let mut bench = Bench {
        hoist: PathBuf::new(),
        page: String::new(),
        rounds: ROUNDS,
    };
    let mut parts = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match *arg {
            "--quick" => bench.rounds = 1,
            "--binary" => bench.hoist = rest.next().ok_or(USAGE)?.into(),
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
    fs::write("BENCHMARKS.md", &bench.page)?;
    print!("{}", bench.page);
    Ok(())
}

impl Bench {
    fn begin(&mut self) {
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
        self.page = format!(
            "# Benchmarks\n\nWritten by `cargo xtask bench`, which runs everything below in turns on one machine. Each figure is the\n\
             middle one of {} runs. CPU is that of the program and all that it started; it depends least on what else the machine\n\
             does. `in a row` is how many requests had to wait for the answer to another one, one after another.\n\n\
             {}, {} of {model}, kernel {}.\n",
            self.rounds,
            output("date", &["-u", "+%Y-%m-%d"]),
            output("nproc", &[]),
            output("uname", &["-r"]),
        );
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
