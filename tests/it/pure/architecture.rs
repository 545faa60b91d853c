//! The shape of the crate: who may use whom, how long a file may be, who may print.
//!
//! A plain read of the source: `use` trees, paths that start with `crate`, `super` or a crate's
//! name. It needs no compiler and sees what a reader sees.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use regex::Regex;

/// What a module of the crate may use of the others. The longest matching `module` decides.
struct Rule {
    module: &'static str,
    may: &'static [&'static str],
    /// Whether it may reach the outside world at all.
    pure: bool,
}

const DATA: &[&str] = &["oci", "policy", "event", "error", "text", "git"];
const PLAN: &[&str] = &["plan", "oci", "policy", "error", "text", "git"];
const PROTOCOL: &[&str] = &[
    "publish", "plan", "oci", "policy", "error", "event", "text", "git",
];
const IO: &[&str] = &["io", "oci", "policy", "event", "error", "text", "git"];
const BUILD: &[&str] = &[
    "build", "io", "oci", "policy", "event", "error", "text", "git",
];

const RULES: &[Rule] = &[
    rule("oci", DATA, true),
    rule("policy", DATA, true),
    rule("event", DATA, true),
    rule("error", DATA, true),
    rule("git", DATA, true),
    rule("plan", PLAN, true),
    rule("publish::protocol", PROTOCOL, true),
    rule(
        "publish",
        &[
            "publish", "plan", "oci", "policy", "error", "event", "outcome", "io", "text", "git",
        ],
        false,
    ),
    rule("io", IO, false),
    rule("build", BUILD, false),
    // Facts are what the repository says; deciding about them is not its business.
    rule(
        "io::git",
        &[
            "io",
            "oci",
            "policy",
            "event",
            "error",
            "text",
            "git",
            "plan::history::facts",
        ],
        false,
    ),
    rule(
        "cli",
        &[
            "cli", "init", "release", "project", "outcome", "event", "error", "oci", "policy",
            "plan", "io", "text", "git",
        ],
        false,
    ),
];

const fn rule(module: &'static str, may: &'static [&'static str], pure: bool) -> Rule {
    Rule { module, may, pure }
}

/// The outside world, and the only places that may touch it. Pure modules may touch none of it.
const OUTSIDE: &[(&str, &[&str])] = &[
    ("git2", &["io::git", "build::context"]),
    ("bollard", &["build::docker"]),
    ("reqwest", &["io::http", "io::registry"]),
    ("docker_credential", &["io::credentials"]),
    ("fs4", &["io"]),
    ("tempfile", &["io", "build", "release"]),
    (
        "tokio",
        &["io", "build", "publish", "release", "cli", "testing"],
    ),
    (
        "std::fs",
        &[
            "io", "build", "release", "project", "init", "cli", "testing",
        ],
    ),
    ("std::env", &["io", "build", "cli", "init"]),
    // Addresses are data; sockets and name resolution are not.
    ("std::net::TcpStream", &["io", "build"]),
    ("std::net::TcpListener", &["io"]),
    ("std::net::ToSocketAddrs", &["io", "build"]),
    ("std::os", &["io", "build", "cli", "init"]),
    ("std::process", &["io", "build", "cli", "init", "main"]),
    // The transaction sees traits; who stands behind them is chosen by the facade.
    (
        "crate::io::registry::Registries",
        &["io", "release", "cli", "init"],
    ),
    (
        "crate::io::journal_file::JournalDirectory",
        &["io", "release"],
    ),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("indicatif", &["cli"]),
    ("anstream", &["cli"]),
    ("anstyle", &["cli"]),
];

/// One file: its module path (`io::registry::client`) and its code without comments and tests.
struct Source {
    path: PathBuf,
    module: String,
    code: String,
    lines: usize,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            // A `tests.rs` is compiled for tests only.
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && path.file_stem().is_some_and(|stem| stem != "tests")
            {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(&root).unwrap().to_owned();
                sources.push(Source::new(path, &text));
            }
        }
    }
    assert!(sources.len() > 20, "the source was not found");
    sources
}

impl Source {
    fn new(path: PathBuf, text: &str) -> Self {
        let module = path.with_extension("");
        let mut module: Vec<_> = module.iter().map(|part| part.to_str().unwrap()).collect();
        if matches!(module.last(), Some(&("mod" | "lib"))) {
            module.pop();
        }
        let before_tests: Vec<_> = text
            .lines()
            .take_while(|line| *line != "#[cfg(test)]")
            .collect();
        Self {
            module: module.join("::"),
            lines: before_tests.len(),
            code: without_words(&before_tests.join("\n")),
            path,
        }
    }

    fn is_in(&self, module: &str) -> bool {
        is_within(&self.module, module)
    }

    /// Every path that the code names, from the crate's root or from a foreign crate's name.
    fn paths(&self) -> Vec<String> {
        static USES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\buse\s+([^;]+);").unwrap());
        static PATH: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"(?:^|[^\w:])([a-z_]\w*(?:::\w+)+)").unwrap());
        let mut found = Vec::new();
        for tree in USES.captures_iter(&self.code) {
            expand("", &tree[1], &mut found);
        }
        let rest = USES.replace_all(&self.code, "");
        found.extend(PATH.captures_iter(&rest).map(|path| path[1].to_owned()));
        found.iter().map(|path| self.resolved(path)).collect()
    }

    /// `crate::a` as `a`, `super::a` by this file's place; a foreign path stays.
    fn resolved(&self, path: &str) -> String {
        let mut here: Vec<_> = self.module.split("::").collect();
        let mut rest = path;
        if let Some(inner) = rest.strip_prefix("crate::") {
            return format!("crate::{inner}");
        }
        if !rest.starts_with("super::") && !rest.starts_with("self::") {
            return path.to_owned();
        }
        rest = rest.strip_prefix("self::").unwrap_or(rest);
        while let Some(inner) = rest.strip_prefix("super::") {
            here.pop();
            rest = inner;
        }
        here.push(rest);
        format!("crate::{}", here.join("::"))
    }
}

fn is_within(path: &str, module: &str) -> bool {
    path.strip_prefix(module)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The code without string literals and comments, which may name anything.
fn without_words(text: &str) -> String {
    static WORDS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r##"(?s)r#"(.*?)"#|'"'|'\\"'|"(?:\\.|[^"\\])*"|//[^\n]*"##).unwrap()
    });
    WORDS.replace_all(text, "").into_owned()
}

/// `a::{b, c::{d}}` as `a::b`, `a::c::d`.
fn expand(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let mut depth = 0;
    let mut start = 0;
    for (at, c) in tree.char_indices().chain([(tree.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                branch(prefix, tree[start..at].trim(), found);
                start = at + 1;
            }
            _ => {}
        }
    }
}

fn branch(prefix: &str, branch: &str, found: &mut Vec<String>) {
    if let Some((head, group)) = branch.split_once('{') {
        let group = group.trim_end().strip_suffix('}').unwrap();
        expand(&format!("{prefix}{}", head.trim()), group, found);
    } else if !branch.is_empty() {
        let name = branch.split(" as ").next().unwrap();
        found.push(format!(
            "{prefix}{}",
            name.trim().trim_end_matches("::self")
        ));
    }
}

/// What the rules say against one file.
fn violations(source: &Source) -> Vec<String> {
    let rule = RULES
        .iter()
        .filter(|rule| source.is_in(rule.module))
        .max_by_key(|rule| rule.module.len());
    let mut against = Vec::new();
    for path in source.paths() {
        if let Some(inner) = path.strip_prefix("crate::") {
            let allowed = rule.is_none_or(|rule| rule.may.iter().any(|may| is_within(inner, may)));
            if !allowed {
                against.push(format!("{} uses {path}", source.path.display()));
            }
        }
        for (outside, homes) in OUTSIDE {
            let at_home = homes.iter().any(|home| source.is_in(home));
            // What was known when it was compiled is no look at the world.
            let constant = is_within(&path, "std::env::consts");
            if is_within(&path, outside)
                && !constant
                && (!at_home || rule.is_some_and(|rule| rule.pure))
            {
                against.push(format!("{} uses {path}", source.path.display()));
            }
        }
        let clock = ["Utc::now", "Local::now", "SystemTime::now", "Instant::now"];
        if rule.is_some_and(|rule| rule.pure) && clock.iter().any(|now| path.ends_with(now)) {
            against.push(format!("{} reads the clock", source.path.display()));
        }
    }
    against
}

#[test]
fn modules_use_only_what_they_may() {
    let against: Vec<_> = sources().iter().flat_map(violations).collect();
    assert!(against.is_empty(), "{against:#?}");
}

#[test]
fn no_file_is_long() {
    let long: Vec<_> = sources()
        .into_iter()
        .filter(|source| source.lines > 400)
        .map(|source| {
            format!(
                "{}: {} lines before its tests",
                source.path.display(),
                source.lines
            )
        })
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn only_the_command_line_prints_and_exits_and_nothing_unwraps() {
    let loud = Regex::new(r"\be?print(ln)?!|\bdbg!|\bprocess::exit\b").unwrap();
    let careless = Regex::new(r"\.unwrap\(\)|\btodo!|\bunimplemented!").unwrap();
    let against: Vec<_> = sources()
        .into_iter()
        .filter(|source| {
            loud.is_match(&source.code) && !source.is_in("cli") || careless.is_match(&source.code)
        })
        .map(|source| source.path)
        .collect();
    assert!(against.is_empty(), "{against:#?}");
}

#[test]
fn the_reader_sees_each_kind_of_violation() {
    let against = |path: &str, text: &str| violations(&Source::new(path.into(), text)).len();
    assert_eq!(
        against("plan/mod.rs", "use crate::oci::Tag;\nuse chrono::DateTime;"),
        0
    );
    assert_eq!(
        against("plan/mod.rs", "use crate::{oci::Tag, io::{git, self}};"),
        2
    );
    assert_eq!(
        against(
            "plan/tags/decide.rs",
            "fn f() { super::super::super::publish::run() }"
        ),
        1
    );
    assert_eq!(
        against("plan/tags/guard.rs", "use super::TagSet; // crate::io::x"),
        0
    );
    assert_eq!(against("plan/bump.rs", "let now = chrono::Utc::now();"), 1);
    assert_eq!(against("plan/bump.rs", "let word = \"std::fs::read\";"), 0);
    assert_eq!(against("oci/name.rs", "use std::{fmt, fs};"), 1);
    assert_eq!(
        against("io/registry/client.rs", "fn f(r: git2::Repository) {}"),
        1
    );
    assert_eq!(against("io/git/walk.rs", "fn f(r: git2::Repository) {}"), 0);
    assert_eq!(against("io/layout.rs", "use crate::publish::Outcome;"), 1);
    assert_eq!(against("cli/plan.rs", "use bollard::Docker;"), 1);
    assert_eq!(
        against("publish/mod.rs", "use crate::io::registry::Registries;"),
        1
    );
    assert_eq!(
        against(
            "publish/protocol/state.rs",
            "use crate::io::registry::RepositoryApi;"
        ),
        1
    );
    assert_eq!(
        against(
            "oci/mod.rs",
            "#[cfg(test)]\nmod tests { use crate::io::x; }"
        ),
        0
    );
}
