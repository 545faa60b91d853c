//! The shape of the crate: who may use whom, no circles, one name for one type, how long a file may
//! be, who may print.
//!
//! The floors are those of `docs/design.md`.

mod circles;
mod floors;
mod names;
mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use circles::{circles, ties};
use floors::Design;
use names::doubles;
use regex::Regex;
use source::{Crate, Source};

/// `HOIST_SOURCE` names another checkout's `src`, to hold an older tree against the same rules.
fn the_crate() -> Crate {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    Crate::read(&std::env::var_os("HOIST_SOURCE").map_or_else(own, PathBuf::from))
}

fn modules(all: &Crate) -> BTreeSet<&str> {
    all.sources.iter().map(|source| &*source.module).collect()
}

#[test]
fn modules_use_only_what_the_design_allows() {
    let (design, all) = (Design::read(), the_crate());
    let modules = modules(&all);
    let against: Vec<_> = all
        .sources
        .iter()
        .flat_map(|source| design.violations(source, &modules))
        .collect();
    assert!(against.is_empty(), "{against:#?}");
}

#[test]
fn every_row_of_the_floors_is_a_module() {
    let (design, all) = (Design::read(), the_crate());
    let modules = modules(&all);
    for floor in &design.floors {
        assert!(
            modules.contains(&*floor.module),
            "there is no module `{}`",
            floor.module
        );
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let all = the_crate();
    let imports = all.imports();
    let knots: Vec<_> = circles(&imports)
        .iter()
        .map(|circle| ties(&imports, circle))
        .collect();
    assert!(knots.is_empty(), "{} circles: {knots:#?}", knots.len());
}

#[test]
fn no_two_types_have_one_name() {
    let doubles = doubles(&the_crate().sources);
    assert!(doubles.is_empty(), "{doubles:#?}");
}

/// The figures of the house, folder by folder: `cargo test --test it the_house -- --ignored --nocapture`.
#[test]
#[ignore = "prints a table"]
#[expect(clippy::print_stdout, reason = "the table is what it is for")]
fn the_house_in_figures() {
    let all = the_crate();
    let imports = all.imports();
    let circles = circles(&imports);
    let folder = |module: &str| module.split("::").next().unwrap_or_default().to_owned();
    let mut rows: BTreeMap<String, [usize; 4]> = BTreeMap::new();
    for source in &all.sources {
        let row = rows.entry(folder(&source.module)).or_default();
        row[0] += 1;
        row[1] += imports[&*source.module].len();
    }
    for circle in &circles {
        for module in circle {
            rows.entry(folder(module)).or_default()[3] += 1;
        }
        let first = circle.first().expect("a circle has members");
        rows.entry(folder(first)).or_default()[2] += 1;
    }
    println!("folder      files  imports  circles  files in circles");
    for (folder, [files, imports, circles, knotted]) in rows {
        println!("{folder:10} {files:6} {imports:8} {circles:8} {knotted:17}");
    }
    let mut lines: Vec<_> = all.sources.iter().map(|source| source.lines).collect();
    lines.sort_unstable();
    println!(
        "median lines of a file before its tests: {}",
        lines[lines.len() / 2]
    );
}

#[test]
fn no_file_is_long() {
    let long: Vec<_> = the_crate()
        .sources
        .into_iter()
        .filter(|source| source.lines > 400)
        .map(|source| {
            let path = source.path.display();
            format!("{path}: {} lines before its tests", source.lines)
        })
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn only_the_command_line_prints_and_exits_and_nothing_unwraps() {
    let loud = Regex::new(r"\be?print(ln)?!|\bdbg!|\bprocess::exit\b").unwrap();
    let careless = Regex::new(r"\.unwrap\(\)|\btodo!|\bunimplemented!").unwrap();
    let against: Vec<_> = the_crate()
        .sources
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
    let design = Design::read();
    let beside = BTreeSet::from(["plan", "plan::tags", "oci", "io", "io::git", "publish"]);
    let against = |path: &str, text: &str| {
        design
            .violations(&Source::new(path.into(), text), &beside)
            .len()
    };
    for (path, text, count) in [
        (
            "plan/mod.rs",
            "use crate::oci::Tag;\nuse chrono::DateTime;",
            0,
        ),
        ("plan/mod.rs", "use crate::{oci::Tag, io::{git, self}};", 2),
        ("plan/mod.rs", "fn f() { tags::g() }", 0),
        (
            "plan/tags/decide.rs",
            "fn f() { super::super::super::publish::run() }",
            1,
        ),
        (
            "plan/tags/decide.rs",
            "use super::TagSet; // crate::io::x",
            0,
        ),
        ("plan/history/levels.rs", "let now = chrono::Utc::now();", 1),
        ("plan/history/levels.rs", "let word = \"std::fs::read\";", 0),
        ("oci/name.rs", "use std::{fmt, fs};", 1),
        ("io/registry/client.rs", "fn f(r: git2::Repository) {}", 1),
        ("io/git/walk.rs", "fn f(r: git2::Repository) {}", 0),
        ("io/layout.rs", "use crate::publish::Outcome;", 1),
        ("cli/plan.rs", "use bollard::Docker;", 1),
        ("publish/mod.rs", "use crate::io::registry::Registries;", 1),
        (
            "publish/mod.rs",
            "use crate::io::registry::RepositoryApi;",
            0,
        ),
        (
            "publish/protocol/state.rs",
            "use crate::io::registry::RepositoryApi;",
            1,
        ),
        ("nowhere/mod.rs", "fn f() {}", 1),
        (
            "oci/mod.rs",
            "#[cfg(test)]\nmod tests {\n use crate::io::x; }",
            0,
        ),
        ("oci/mod.rs", "#[cfg(test)]\nuse crate::io::x;\n", 0),
    ] {
        assert_eq!(against(path, text), count, "{path}: {text}");
    }
}

#[test]
fn the_reader_finds_type_names_that_are_declared_twice() {
    let files = |texts: &[(&str, &str)]| {
        let texts: Vec<_> = texts
            .iter()
            .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()))
            .collect();
        doubles(&Crate::of(&texts).sources)
    };
    for (first, second) in [
        ("pub struct Found;", "pub(in crate::a) enum Found<'a> {"),
        ("trait Found {", "fn f() {\n    struct Found(u8);\n}"),
        ("union Found {", "pub(crate) type Found = String;"),
    ] {
        assert_eq!(
            files(&[("a.rs", first), ("b/c.rs", second)]),
            ["Found: a, b::c"]
        );
    }
    for (path, second) in [
        ("b.rs", "impl Deref for A {\n    type Found = B;\n}"),
        (
            "b.rs",
            "// struct Found;\nconst TEXT: &str = \"struct Found\";",
        ),
        ("b.rs", "struct FoundTag;\nfn f() -> Found {}"),
        ("b.rs", "#[cfg(test)]\nmod tests {\n    struct Found;\n}"),
        ("release/blocking.rs", "pub struct Found;"),
    ] {
        assert_eq!(
            files(&[("a.rs", "pub struct Found;"), (path, second)]),
            [""; 0],
            "{second}"
        );
    }
}

#[test]
fn the_reader_finds_circles_behind_re_exports() {
    let files = |texts: &[(&str, &str)]| {
        let texts: Vec<_> = texts
            .iter()
            .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()))
            .collect();
        let all = Crate::of(&texts);
        let imports = all.imports();
        circles(&imports)
            .iter()
            .map(|circle| circle.iter().copied().collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
    };
    // A module that hands on what stands below it is on the way, not on a circle.
    assert_eq!(
        files(&[
            ("a/mod.rs", "mod b;\nmod c;\npub use b::B;"),
            ("a/b.rs", "struct B;"),
            ("a/c.rs", "use super::B;"),
        ]),
        [""; 0]
    );
    // One that defines what its child uses, and uses the child, is.
    assert_eq!(
        files(&[
            ("a/mod.rs", "mod b;\nstruct A;\nfn f() { b::g() }"),
            ("a/b.rs", "use super::A;\nfn g() {}"),
        ]),
        ["a a::b"]
    );
    // A detour through a re-export does not hide it.
    assert_eq!(
        files(&[
            ("a/mod.rs", "mod b;\nmod c;\npub use b::B;"),
            ("a/b.rs", "use super::c::C;\nstruct B;"),
            ("a/c.rs", "use crate::a::B;\nstruct C;"),
        ]),
        ["a::b a::c"]
    );
    // Tests may look at what they like.
    assert_eq!(
        files(&[
            (
                "a/mod.rs",
                "#[cfg(test)]\nmod laws;\nmod b;\nstruct A;\nfn f() { b::g() }"
            ),
            (
                "a/b.rs",
                "fn g() {}\n#[cfg(test)]\nmod tests {\n    use super::super::A;\n}"
            ),
            ("a/laws.rs", "use super::A;"),
        ]),
        [""; 0]
    );
}
