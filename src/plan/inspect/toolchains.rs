//! Programs that build others, and what comes with them. Their presence says that an image was not made in stages.

use std::collections::BTreeSet;

use crate::plan::inspect::{claims::Claims, merge::Merged};

/// What only a build needs.
#[derive(Default)]
pub(super) struct BuildTools {
    /// The names of the tools.
    pub(super) names: BTreeSet<&'static str>,
    /// A program that shows it.
    pub(super) example: String,
    /// Bytes that go with them.
    pub(super) size: u64,
}

/// A tool: how it is called, the programs that show that it is there, and the directories that hold nothing else.
struct Tool {
    name: &'static str,
    programs: &'static [&'static str],
    directories: &'static [&'static str],
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "Go",
        programs: &["usr/local/go/bin/go", "usr/lib/go/bin/go"],
        directories: &["usr/local/go", "usr/lib/go"],
    },
    Tool {
        name: "Rust",
        programs: &[
            "usr/local/cargo/bin/cargo",
            "root/.cargo/bin/cargo",
            "usr/bin/cargo",
        ],
        directories: &[
            "usr/local/cargo",
            "usr/local/rustup",
            "root/.cargo",
            "root/.rustup",
        ],
    },
    Tool {
        name: "Maven",
        programs: &[
            "usr/share/maven/bin/mvn",
            "opt/maven/bin/mvn",
            "usr/bin/mvn",
        ],
        directories: &["usr/share/maven", "opt/maven"],
    },
    Tool {
        name: "Gradle",
        programs: &["opt/gradle/bin/gradle", "usr/bin/gradle"],
        directories: &["opt/gradle", "usr/share/gradle"],
    },
    Tool {
        name: "CMake",
        programs: &["usr/bin/cmake"],
        directories: &["usr/share/cmake"],
    },
    Tool {
        name: "the .NET SDK",
        programs: &["usr/share/dotnet/dotnet", "usr/lib/dotnet/dotnet"],
        directories: &["usr/share/dotnet/sdk", "usr/lib/dotnet/sdk"],
    },
];

/// Programs of compilers for C, without the prefix of a target and the number of a version.
const C_PROGRAMS: &[&str] = &[
    "gcc",
    "g++",
    "cpp",
    "cc",
    "c++",
    "clang",
    "clang++",
    "cc1",
    "cc1plus",
    "ld",
    "as",
    "ar",
    "ranlib",
    "make",
    "cmake",
    "ctest",
    "cpack",
    "lto-dump",
    "gcov",
    "gcov-tool",
    "gcov-dump",
];
/// Those of them that compile.
const C_COMPILERS: &[&str] = &["gcc", "g++", "cc1", "clang", "clang++"];
/// What comes with them and is of no use without them.
const C_DIRECTORIES: &[&str] = &["usr/lib/gcc", "usr/libexec/gcc", "usr/include"];
/// The file that cargo puts into a directory of its own results.
const CARGO_TARGET: &str = ".rustc_info.json";
/// What cargo keeps beside the programs that it has built: `target/release/deps`.
const CARGO_RESULTS: &[&str] = &["deps", "build", "incremental", ".fingerprint"];

/// Everything in the image that only a build needs. Its files are claimed.
pub(super) fn build_tools(merged: &Merged, claims: &mut Claims<'_>) -> Option<BuildTools> {
    let mut found = BuildTools::default();
    let mut files: Vec<&String> = Vec::new();
    for tool in TOOLS {
        let Some(program) = tool.program(merged) else {
            continue;
        };
        found.add(tool.name, program);
        let below = tool.directories.iter().flat_map(|at| merged.below(at));
        files.extend(below.map(|(path, _)| path));
        files.extend(tool.programs.iter().filter_map(|program| {
            let known = merged.paths.get_key_value(*program);
            known.map(|(path, _)| path)
        }));
    }
    let programs = merged.below("usr/bin").chain(merged.below("usr/local/bin"));
    let programs = programs.chain(merged.below("usr/libexec/gcc"));
    let programs: Vec<_> = programs.map(|(path, _)| path).collect();
    let compiler = programs.iter().find(|path| is_program(path, C_COMPILERS));
    if let Some(compiler) = compiler {
        found.add("a compiler for C", compiler);
        let below = C_DIRECTORIES.iter().flat_map(|at| merged.below(at));
        files.extend(below.map(|(path, _)| path));
        files.extend(programs.iter().filter(|path| is_program(path, C_PROGRAMS)));
        let archives = merged.below("usr/lib").map(|(path, _)| path);
        files.extend(archives.filter(|path| path.ends_with(".a")));
    }
    for target in cargo_targets(merged) {
        let below = merged.below(&target).map(|(path, _)| path);
        let results = below.filter(|path| is_cargo_result(&path[target.len() + 1..]));
        let results: Vec<_> = results.collect();
        if let Some(first) = results.first() {
            found.add("what cargo has built", first);
            files.extend(results);
        }
    }
    found.size = claims.take(files);
    (!found.names.is_empty()).then_some(found)
}

impl BuildTools {
    fn add(&mut self, name: &'static str, example: &str) {
        if self.names.is_empty() {
            self.example = example.to_owned();
        }
        self.names.insert(name);
    }
}

impl Tool {
    /// Of .NET the runtime has the same program, so that the SDK has to be there.
    fn program(&self, merged: &Merged) -> Option<&'static str> {
        let program = self
            .programs
            .iter()
            .find(|it| merged.paths.contains_key(**it))?;
        let sdk = self.directories.iter().find(|at| at.ends_with("/sdk"));
        let whole = sdk.is_none()
            || self
                .directories
                .iter()
                .any(|at| merged.below(at).next().is_some());
        whole.then_some(program)
    }
}

/// Whether the last part of the path is one of these, with a prefix such as `x86_64-linux-gnu-` or an end such as `-12`.
fn is_program(path: &str, names: &[&str]) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    let bare = match name.split_once("-linux-") {
        Some((_, rest)) => rest.split_once('-').map_or(name, |(_, program)| program),
        None => name,
    };
    names.contains(&bare)
}

fn cargo_targets(merged: &Merged) -> Vec<String> {
    let marks = merged.paths.keys();
    let target = marks.filter_map(|path| path.strip_suffix(CARGO_TARGET)?.strip_suffix('/'));
    target.map(str::to_owned).collect()
}

/// `release/deps/…`, or `x86_64-unknown-linux-musl/release/deps/…`.
fn is_cargo_result(path: &str) -> bool {
    let mut parts = path.split('/').skip(1).take(2);
    parts.any(|part| CARGO_RESULTS.contains(&part)) && path.matches('/').count() > 1
}
