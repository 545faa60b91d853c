//! The documents say what the program does.

use std::{fs, path::Path, process::Command};

use hoist::policy::Policy;
use regex::Regex;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(super) fn documents() -> Vec<String> {
    let mut paths = vec!["README.md".to_owned()];
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            paths.push(format!("docs/{name}"));
        }
    }
    paths
}

/// The fenced blocks of a language.
pub(super) fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = Regex::new(&format!("(?ms)^```{language}\n(.*?)^```$")).unwrap();
    fence.captures_iter(text).map(|c| c[1].to_owned()).collect()
}

/// The short help of the program or of a verb.
fn help(args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hoist"));
    let output = command
        .args(args)
        .arg("-h")
        .env("COLUMNS", "100")
        .output()
        .unwrap();
    assert!(output.status.success(), "hoist {args:?} --help");
    String::from_utf8(output.stdout).unwrap()
}

/// The verbs that the program knows, from its own help.
pub(super) fn verbs() -> Vec<String> {
    let line = Regex::new(r"(?m)^  ([a-z]+)(?:  |$)").unwrap();
    let help = help(&[]);
    let (list, _) = help
        .split_once("Global options:")
        .expect("the global flags");
    let (list, more) = list.split_once("More:").expect("the other verbs");
    let listed = line.captures_iter(list).map(|c| c[1].to_owned());
    let more = more.split(',').map(|verb| verb.trim().to_owned());
    listed.chain(more).collect()
}

#[test]
fn the_exit_tables_are_the_constants() {
    let constant = Regex::new(r"pub const \w+: u8 = (\d+);").unwrap();
    let source = read("src/exit.rs");
    let codes: Vec<_> = constant
        .captures_iter(&source)
        .map(|c| c[1].to_owned())
        .collect();
    assert!(codes.len() > 9);
    let row = Regex::new(r"(?m)^\| (\d+) \|").unwrap();
    for document in ["README.md", "docs/exit-codes.md", "docs/troubleshooting.md"] {
        let text = read(document);
        let rows: Vec<_> = row.captures_iter(&text).map(|c| c[1].to_owned()).collect();
        assert_eq!(rows, codes, "{document}");
    }
}

#[test]
fn policies_in_the_documents_parse() {
    let mut count = 0;
    for document in documents() {
        for block in blocks(&read(&document), "toml") {
            Policy::parse(&block, &document).unwrap_or_else(|error| panic!("{document}: {error}"));
            count += 1;
        }
    }
    assert!(count > 0);
}

#[test]
fn commands_in_the_documents_exist() {
    let verbs = verbs();
    let word = Regex::new(r"\bhoist ((?:--image \S+ )?)([a-z]+)((?: --?[a-z-]+)*)").unwrap();
    let code = Regex::new(r"`(hoist [^`]+)`").unwrap();
    let mut count = 0;
    for document in documents() {
        let text = read(&document);
        let mut lines: Vec<_> = code.captures_iter(&text).map(|c| c[1].to_owned()).collect();
        for language in ["sh", "console", "yaml"] {
            lines.extend(blocks(&text, language));
        }
        // A comment is prose.
        let lines = lines.iter().flat_map(|text| text.lines());
        let lines = lines.filter_map(|line| line.split(" # ").next());
        for used in lines.flat_map(|line| word.captures_iter(line)) {
            assert!(
                verbs.contains(&used[2].to_owned()),
                "{document}: {}",
                &used[0]
            );
            let help = help(&[&used[2]]);
            for flag in used[3].split_whitespace() {
                // `--all` is not to be found in `--allow-dirty`.
                let whole = Regex::new(&format!(r"(?m)(?:^|[\s,]){flag}(?:[\s,=\[<]|$)")).unwrap();
                assert!(
                    whole.is_match(&help),
                    "{document}: {} has no {flag}",
                    &used[2]
                );
            }
            count += 1;
        }
    }
    assert!(count > 10);
}

/// The words of a command line up to its end, as a shell reads them. A variable is a version, which every
/// verb takes where the documents have one, or an architecture.
fn words(line: &str) -> Vec<String> {
    let architecture = Regex::new(r"linux/\$\{\{[^}]*\}\}").unwrap();
    let line = architecture.replace_all(line, "linux/amd64");
    let variable = Regex::new(r"\$\{\{[^}]*\}\}|\$\{[^}]*\}|\$\w+").unwrap();
    let mut words: Vec<String> = Vec::new();
    let (mut quote, mut inside) = (None, false);
    for letter in variable.replace_all(&line, "1.2.3").chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '\'' | '"') => {
                (quote, inside) = (
                    Some(letter),
                    inside || {
                        words.push(String::new());
                        true
                    },
                )
            }
            (None, '#' | '|' | '>' | '&' | ';' | '`' | ')') => break,
            (None, ' ') => inside = false,
            _ => {
                if !inside {
                    words.push(String::new());
                    inside = true;
                }
                words.last_mut().expect("one was begun").push(letter);
            }
        }
    }
    words
}

/// Every flag is known, and every value is one that its flag takes. Nothing is run.
#[test]
fn command_lines_in_the_documents_parse() {
    let start = Regex::new(r"(?:^|[\s(])hoist (-?-?[a-z].*)").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    for document in documents() {
        let text = read(&document);
        let blocks = ["sh", "console", "yaml"].map(|language| blocks(&text, language));
        for line in blocks.iter().flatten().flat_map(|block| block.lines()) {
            let line = line.trim_start_matches("$ ");
            // A comment is prose, and so is an address.
            let code = line.split(" # ").next().unwrap_or(line);
            let is_command = !code.trim_start().starts_with('#') && !code.contains('…');
            let Some(found) = start.captures(code).filter(|_| is_command) else {
                continue;
            };
            let mut words = words(&found[1]);
            let end = words.iter().position(|word| word == "--");
            words.insert(end.unwrap_or(words.len()), "--help".to_owned());
            let mut command = Command::new(env!("CARGO_BIN_EXE_hoist"));
            let output = command.args(&words).current_dir(folder.path()).output();
            let output = output.unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{document}: {words:?}: {said}");
            count += 1;
        }
    }
    assert!(count > 40, "{count}");
}

#[test]
fn every_verb_is_in_the_readme() {
    let readme = read("README.md");
    for verb in verbs() {
        let row = Regex::new(&format!("(?m)^\\| [^|]*`{verb}[ `]")).unwrap();
        assert!(verb == "help" || row.is_match(&readme), "{verb}");
    }
}

#[test]
fn help_fits_a_screen() {
    for verb in verbs().iter().filter(|verb| *verb != "help") {
        let help = help(&[verb]);
        assert!(help.lines().count() <= 40, "{verb}:\n{help}");
    }
    assert!(help(&[]).lines().count() <= 40);
}

#[test]
fn every_page_is_in_the_book() {
    let summary = read("docs/SUMMARY.md");
    for document in documents() {
        let name = document.strip_prefix("docs/").unwrap_or("SUMMARY.md");
        assert!(
            name == "SUMMARY.md" || summary.contains(&format!("]({name})")),
            "{document} is not in docs/SUMMARY.md"
        );
    }
}

/// The names by which links reach the headings of a page, as GitHub and mdBook make them.
fn headings(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in prose(text).lines().filter(|line| line.starts_with('#')) {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let is_kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let name = words.chars().filter(is_kept).collect::<String>();
        let name = name.replace(' ', "-");
        let before = names.iter().filter(|one| **one == name).count();
        names.push(match before {
            0 => name,
            count => format!("{name}-{count}"),
        });
    }
    names
}

/// A text without its fenced blocks.
fn prose(text: &str) -> String {
    let fence = Regex::new(r"(?ms)^ *```.*?^ *```$").unwrap();
    fence.replace_all(text, "").into_owned()
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)#:\s]*)(?:#([^)\s]*))?\)").unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let more = ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
    let mut headed = 0;
    for document in documents().into_iter().chain(more.map(str::to_owned)) {
        let folder = root.join(&document).parent().unwrap().to_owned();
        let text = read(&document);
        for link in link.captures_iter(&prose(&text)) {
            let (file, heading) = (&link[1], link.get(2));
            let path = folder.join(file);
            assert!(file.is_empty() || path.exists(), "{document}: {file}");
            // What is not in the book has no page there.
            let leaves = document.starts_with("docs/") && file.starts_with("..");
            assert!(!leaves, "{document}: {file} is not in the book");
            if let Some(heading) = heading {
                let target = match file {
                    "" => text.clone(),
                    _ => fs::read_to_string(&path).unwrap(),
                };
                let name = heading.as_str().to_owned();
                assert!(
                    headings(&target).contains(&name),
                    "{document}: {file}#{name}"
                );
                headed += 1;
            }
        }
    }
    assert!(headed > 10, "{headed}");
}

/// GitHub takes old versions of actions out of service, so the documents show those of the pipelines.
#[test]
fn documents_name_the_actions_that_the_pipelines_use() {
    let action = Regex::new(r"uses: (actions/[a-z-]+)@(\S+)(?: # (v\d+)\S*)?").unwrap();
    let mut majors = std::collections::BTreeMap::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ci/github");
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for found in action.captures_iter(&text) {
            let major = majors.entry(found[1].to_owned());
            assert_eq!(*major.or_insert(found[3].to_owned()), found[3]);
        }
    }
    let mut count = 0;
    for document in documents() {
        for found in action.captures_iter(&read(&document)) {
            let major = found.get(3).map_or(&found[2], |major| major.as_str());
            assert_eq!(major, majors[&found[1]], "{document}: {}", &found[0]);
            count += 1;
        }
    }
    assert!(count > 8, "only {count} were found");
}

/// Whoever types the lines one after another would be told that there is nothing to commit.
#[test]
fn commits_in_the_documents_have_something_to_commit() {
    let mut count = 0;
    for document in documents() {
        for block in blocks(&read(&document), "sh") {
            let mut is_staged = false;
            for line in block.lines() {
                is_staged |= line.contains("git add ");
                if !line.contains("git commit") {
                    continue;
                }
                let stages = ["commit -am ", "--allow-empty"];
                assert!(
                    is_staged || stages.iter().any(|flag| line.contains(flag)),
                    "{document}: `{line}`"
                );
                is_staged = false;
                count += 1;
            }
        }
    }
    assert!(count > 3, "only {count} were found");
}
