//! How many instructions `next`, `tags` and `plan` take on fixed repositories, as callgrind counts them, compared
//! with `instructions.txt`. `HOIST_UPDATE=1` writes the numbers anew.
//!
//! Unlike time, such a count is the same on a busy machine. It changes with the compiler, so the file names
//! the one that it holds for; with another one only growth by half is an error.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use testkit::sandbox::{Clone, Packages};

use crate::{
    registry::server::{Personality, TestRegistry},
    support::World,
};

const NAME: &str = "acme/api";
const FILE: &str = "tests/it/cli/instructions.txt";
/// How much more, in percent, one source can take: hash maps are seeded at random, what a registry answers first is
/// chance, and a debug build is cut into units that are compiled alone, differently after each small change.
const MORE: u64 = 25;
/// How much less. The numbers are those of the whole workspace, which the test command builds; the package alone has
/// fewer features of its dependencies.
const LESS: u64 = 40;
/// What another compiler may make of the same source, in percent.
const COMPILER: u64 = 50;

/// A clone with so many commits after the first one, which is v1.0.0; `tag` names the tags of the others.
fn history<'w>(
    world: &'w World<'_>,
    registry: &TestRegistry,
    name: &str,
    commits: u32,
    tag: impl Fn(u32) -> Option<String>,
) -> Clone<'w> {
    const KINDS: [&str; 4] = [
        "fix(api): one more",
        "docs: say it",
        "feat: new",
        "Merge it",
    ];
    let clone = world.remote.clone(name, &[]);
    let mut import = clone
        .command("git")
        // As plain as a pack can be: how well another version of git packs is not what is counted.
        .args(["-c", "core.compression=0", "-c", "pack.compression=0"])
        .args(["fast-import", "--quiet", "--depth=0"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = import.stdin.take().unwrap();
    let policy = format!(
        "[image]\nrepository = \"{}\"\n[image.build]\nlayout = \"dist/oci\"\n",
        registry.repository(NAME)
    );
    for number in 0..=commits {
        let kind = KINDS[number as usize % KINDS.len()];
        let message =
            format!("{kind} (#{number})\n\nWhy it was done.\n\nSigned-off-by: A <a@example.org>\n");
        let time = 1_700_000_000 + number * 60;
        let mut text = format!(
            "commit refs/heads/main\ncommitter A <a@example.org> {time} +0000\ndata {}\n{message}\n",
            message.len()
        );
        let _ = write!(
            text,
            "M 100644 inline release.toml\ndata {}\n{policy}\nM 100644 inline file\ndata 9\n{number:08}\n\n",
            policy.len()
        );
        let own = match number {
            0 => Some("v1.0.0".to_owned()),
            _ => tag(number),
        };
        if let Some(own) = own {
            let _ = write!(text, "reset refs/tags/{own}\nfrom refs/heads/main\n\n");
        }
        stdin.write_all(text.as_bytes()).unwrap();
    }
    drop(stdin);
    assert!(import.wait().unwrap().success());
    clone.git(&["reset", "--quiet", "--hard"]);
    clone.git(&["pack-refs", "--all"]);
    clone.git(&["push", "--quiet", "--tags", "origin", "main"]);
    clone
}

/// The instructions of one run of the binary, without those of the programs that it starts.
fn instructions(valgrind: &Packages, clone: &Clone<'_>, args: &[&str]) -> u64 {
    let mut command = clone.command(valgrind.program("valgrind"));
    let output = command
        .env("VALGRIND_LIB", valgrind.root().join("usr/libexec/valgrind"))
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env!("CARGO_BIN_EXE_hoist"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
    let collected = said
        .lines()
        .find_map(|line| line.split("Collected : ").nth(1));
    collected.unwrap().trim().parse().unwrap()
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The number at the end of a line, and what is before it.
fn counted(text: &str) -> impl Iterator<Item = (&str, u64)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let (name, number) = line.rsplit_once(": ")?;
        Some((name, number.parse().ok()?))
    })
}

#[test]
fn verbs_take_as_many_instructions_as_they_did() {
    let valgrind = Packages::fetch_valgrind().unwrap();
    let registry = TestRegistry::start(Personality::default());
    let worlds = [(); 2].map(|()| World::new(&registry, &[NAME]));
    let long = history(&worlds[0], &registry, "long", 1000, |_| None);
    let many = history(&worlds[1], &registry, "many", 500, |number| {
        (number < 500).then(|| format!("v1.{number}.0"))
    });
    let mut text = format!(
        "# Instructions of one run, in a debug build of {}.\n\
         # Written by HOIST_UPDATE=1 cargo test --workspace --test it instructions\n",
        compiler()
    );
    for (what, clone, args) in [
        ("next, 1,000 commits since the tag", &long, &["next"][..]),
        ("next, 500 tags, one commit since", &many, &["next"]),
        (
            "tags, 500 tags, without a registry",
            &many,
            &["tags", "--offline"],
        ),
        ("plan, 500 tags", &many, &["plan"]),
    ] {
        let count = instructions(&valgrind, clone, args);
        let _ = writeln!(text, "{what}: {count}");
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("HOIST_UPDATE").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let recorded = fs::read_to_string(&file).unwrap_or_default();
    let same_compiler = recorded.lines().next() == text.lines().next();
    let (above, below) = match same_compiler {
        true => (MORE, LESS),
        false => (COMPILER, 100),
    };
    let names = |text| {
        counted(text)
            .map(|(name, _)| name.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&recorded), names(&text));
    for ((name, before), (_, now)) in counted(&recorded).zip(counted(&text)) {
        assert!(
            now * 100 <= before * (100 + above) && now * 100 >= before * (100 - below),
            "{name}: {now} instructions, {before} before"
        );
    }
}
