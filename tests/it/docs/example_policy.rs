//! `release.toml.example` tells the truth: as it stands it is the defaults, and each key without
//! a default parses once it is uncommented.

use hoist::policy::Policy;

const EXAMPLE: &str = include_str!("../../../release.toml.example");

#[test]
fn the_example_is_the_defaults() {
    assert_eq!(
        Policy::parse(EXAMPLE, "release.toml.example").unwrap(),
        Policy::default()
    );
}

/// `# key = value` and `# [table]` are keys; every other comment is prose.
fn commented_out(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("# ")?;
    let key = rest.split(" = ").next()?;
    let is_key = rest.contains(" = ")
        && key.chars().all(|c| c.is_ascii_lowercase() || c == '-')
        && rest.parse::<toml::Table>().is_ok();
    let is_table = rest.starts_with('[') && rest.ends_with(']');
    (is_key || is_table).then_some(rest)
}

/// An image needs a repository, beside one of the main image, and something that sets it apart.
fn with_image(name: &str, key: &str) -> String {
    let mut text = "[image]\nrepository = \"acme/main\"\n[images.worker]\n".to_owned();
    for (known, value) in [
        ("repository", "\"acme/worker\""),
        ("dockerfile", "\"other\""),
    ] {
        if known != name {
            text.push_str(&format!("{known} = {value}\n"));
        }
    }
    format!("{text}{key}\n")
}

/// What a key needs beside it.
fn beside(table: &str, name: &str) -> &'static str {
    match (table, name) {
        ("[sign]", "run" | "with") => "",
        ("[sign]", "public-key" | "tlog") => "with = \"cosign\"\nkey = \"k\"\n",
        ("[sign]", "identity") => "with = \"cosign\"\nissuer = \"i\"\n",
        ("[sign]", "issuer") => "with = \"cosign\"\nidentity = \"i\"\n",
        ("[sign]", _) => "with = \"cosign\"\n",
        _ => "",
    }
}

/// The commented keys of a table, together.
fn keys_below(lines: &[&str], table: &str) -> String {
    let header = format!("# {table}");
    let below = lines.iter().skip_while(|line| **line != header).skip(1);
    let below = below.take_while(|line| !line.trim_start_matches("# ").starts_with('['));
    let keys = below.filter_map(|line| commented_out(line));
    keys.map(|key| format!("{key}\n")).collect()
}

#[test]
fn every_commented_key_parses_once_uncommented() {
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    let mut seen = 0;
    for (index, line) in lines.iter().enumerate() {
        let Some(key) = commented_out(line) else {
            continue;
        };
        if key.starts_with('[') {
            continue;
        }
        seen += 1;
        let name = key.split(" = ").next().unwrap();
        // The nearest table above, commented or not, is where the key belongs.
        let table = lines[..index]
            .iter()
            .rev()
            .find_map(|above| {
                let above = above.strip_prefix("# ").unwrap_or(above);
                above.starts_with('[').then_some(above)
            })
            .unwrap();
        let text = match table {
            "[images.worker]" => with_image(name, key),
            // What such a table needs stands in it together.
            "[[attach]]" => format!("{table}\n{}[variants.alpine]\n", keys_below(&lines, table)),
            "[[announce]]" => format!("{table}\n{}", keys_below(&lines, table)),
            table => format!("{table}\n{}{key}\n", beside(table, name)),
        };
        let policy = Policy::parse(&text, name)
            .unwrap_or_else(|error| panic!("{text}: {error} {:?}", error.first_hint()));
        if !["plain-http", "latest-suffix", "images"].contains(&name) {
            assert_ne!(policy, Policy::default(), "{text} changes nothing");
        }
    }
    assert!(seen >= 15, "only {seen} commented keys were found");
}
