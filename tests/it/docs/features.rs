//! What the crate's features bring, for programs that embed hoist: no crate comes without its feature, the README
//! tells the truth about how many there are, and the source asks for a feature at its one seam.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use regex::Regex;

/// The crates that only this feature needs. Both use `rustls` and `ring`.
const ENGINE: [&str; 5] = [
    "bollard",
    "bollard-buildkit-proto",
    "prost",
    "tonic",
    "tonic-prost",
];
const REGISTRY: [&str; 3] = ["reqwest", "rustls-platform-verifier", "tower-http"];
const TLS: [&str; 3] = ["rustls", "tokio-rustls", "ring"];
const CLI: [&str; 3] = ["clap", "indicatif", "saphyr"];
/// By how many crates the README may be off: dependencies of dependencies come and go with updates.
const OFF: usize = 6;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The names and versions of all crates that a program gets with these features, hoist among them.
fn crates(features: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--edges=normal",
            "--prefix=none",
            "--locked",
            "--offline",
        ])
        .args(["--no-default-features", "--features", features])
        .args(["--package=hoist", "--format={p}"])
        .current_dir(ROOT)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn no_crate_comes_without_its_feature() {
    for (features, there, absent) in [
        ("", vec![], vec![&ENGINE[..], &REGISTRY, &TLS, &CLI]),
        ("engine", vec![&ENGINE[..], &TLS], vec![&REGISTRY[..], &CLI]),
        (
            "registry",
            vec![&REGISTRY[..], &TLS],
            vec![&ENGINE[..], &CLI],
        ),
        (
            "engine,registry",
            vec![&ENGINE[..], &REGISTRY, &TLS],
            vec![&CLI[..]],
        ),
        ("cli", vec![&ENGINE[..], &REGISTRY, &TLS, &CLI], vec![]),
    ] {
        let all = crates(features);
        let has = |name: &str| {
            let start = format!("{name} ");
            all.iter().any(|line| line.starts_with(&start))
        };
        assert!(has("git2"), "{features}: the tree was not read");
        for name in there.concat() {
            assert!(has(name), "`{features}` does not bring {name}");
        }
        for name in absent.concat() {
            assert!(!has(name), "`{features}` brings {name}");
        }
    }
}

/// The rows of the README's table of features: the features, and how many crates they bring.
fn rows() -> Vec<(String, usize)> {
    let text = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let row = Regex::new(r"(?m)^\| (none|(?:`[a-z]+`(?:, )?)+) \|[^|]+\| (\d+) \|").unwrap();
    row.captures_iter(&text)
        .map(|row| {
            let features = row[1].replace(['`', ' '], "").replace("none", "");
            (features, row[2].parse().unwrap())
        })
        .collect()
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "the README counts for Linux")]
fn the_readme_says_how_many_crates_a_feature_brings() {
    let rows = rows();
    let named: Vec<_> = rows.iter().map(|(features, _)| &**features).collect();
    let wanted = ["", "registry", "engine", "engine,registry", "cli"];
    assert_eq!(named, wanted, "the rows of README.md");
    for (features, said) in rows {
        let is = crates(&features).len();
        assert!(
            said.abs_diff(is) <= OFF,
            "README.md says {said} crates for `{features}`, and there are {is}"
        );
    }
}

/// Where the source may ask for the features `engine` and `registry`.
const SEAMS: [&str; 2] = ["build/mod.rs", "io/http/mod.rs"];

#[test]
fn the_source_asks_for_a_feature_at_its_seam_alone() {
    let asks = Regex::new(r#"feature = "(engine|registry)""#).unwrap();
    let source = Path::new(ROOT).join("src");
    let mut folders = vec![source.clone()];
    let mut found = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if asks.is_match(&fs::read_to_string(&path).unwrap()) {
                let inside = path.strip_prefix(&source).unwrap();
                found.insert(inside.to_str().unwrap().to_owned());
            }
        }
    }
    assert_eq!(found, SEAMS.map(str::to_owned).into());
}
