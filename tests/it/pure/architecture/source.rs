//! A plain read of the source: modules, the paths that a file names, and where a name is defined.
//!
//! It needs no compiler and sees what a reader sees: `use` trees and paths that start with
//! `crate`, `super`, `self`, a module beside the file, or a foreign crate's name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use regex::Regex;

/// One file: its module path (`io::registry::client`) and its code without comments and tests.
pub struct Source {
    pub path: PathBuf,
    pub module: String,
    pub code: String,
    /// Lines before the file's tests.
    pub lines: usize,
}

/// All files of the crate that are not compiled for tests only.
pub struct Crate {
    pub sources: Vec<Source>,
}

static USE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"((?:pub(?:\([^)]*\))?\s+)?)\buse\s+([^;]+);").unwrap());
static PATH: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:^|[^\w:])([a-z_]\w*(?:::\w+)+)").unwrap());

impl Crate {
    /// Reads the files below `root`, the folder of `lib.rs`.
    pub fn read(root: &Path) -> Self {
        let mut folders = vec![root.to_owned()];
        let mut texts = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = fs::read_to_string(&path).unwrap();
                    texts.push((path.strip_prefix(root).unwrap().to_owned(), text));
                }
            }
        }
        texts.sort();
        assert!(texts.len() > 20, "the source was not found");
        Self::of(&texts)
    }

    /// The same of texts that are given, for tests of the reader.
    pub fn of(texts: &[(PathBuf, String)]) -> Self {
        let sources: Vec<_> = texts
            .iter()
            .map(|(path, text)| Source::new(path.clone(), text))
            .collect();
        let for_tests: BTreeSet<String> = texts
            .iter()
            .zip(&sources)
            .flat_map(|((_, text), source)| test_modules(text, &source.module))
            .collect();
        let sources = sources
            .into_iter()
            .filter(|source| !for_tests.iter().any(|module| source.is_in(module)))
            .collect();
        Self { sources }
    }

    /// Which file uses which others, and the names that it takes from each. A name that a module
    /// only hands on (`pub use`) counts as taken from where it is defined.
    pub fn imports(&self) -> BTreeMap<&str, BTreeMap<&str, BTreeSet<String>>> {
        let modules: BTreeSet<&str> = self.sources.iter().map(|s| &*s.module).collect();
        let handed_on: BTreeMap<&str, BTreeMap<String, String>> = self
            .sources
            .iter()
            .map(|source| (&*source.module, source.handed_on(&modules)))
            .collect();
        let mut imports: BTreeMap<&str, BTreeMap<&str, BTreeSet<String>>> = BTreeMap::new();
        for source in &self.sources {
            let taken = imports.entry(&source.module).or_default();
            for path in source.paths(&modules) {
                let Some(inner) = path.strip_prefix("crate::") else {
                    continue;
                };
                let Some((module, name)) = home(inner, &modules, &handed_on) else {
                    continue;
                };
                if module != source.module {
                    taken.entry(module).or_default().insert(name);
                }
            }
        }
        imports
    }
}

/// The module that defines what a path inside the crate names, and the name.
fn home<'a>(
    path: &str,
    modules: &BTreeSet<&'a str>,
    handed_on: &BTreeMap<&str, BTreeMap<String, String>>,
) -> Option<(&'a str, String)> {
    let mut path = path.to_owned();
    // No chain of re-exports is that long; a circle of them would not compile.
    for _ in 0..8 {
        let module = modules
            .iter()
            .filter(|module| !module.is_empty() && is_within(&path, module))
            .max_by_key(|module| module.len())
            .copied();
        let module = module.or_else(|| modules.get("").copied())?;
        let rest = path[module.len()..].trim_start_matches("::");
        let name = rest.split("::").next().unwrap_or_default().to_owned();
        match handed_on.get(module).and_then(|names| names.get(&name)) {
            Some(further) => path.clone_from(further),
            None => return Some((module, name)),
        }
    }
    None
}

/// Modules that a file declares for tests only.
fn test_modules(text: &str, module: &str) -> Vec<String> {
    static DECLARED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"#\[cfg\(test\)\]\s*(?:pub(?:\([^)]*\))? )?mod (\w+);").unwrap()
    });
    DECLARED
        .captures_iter(text)
        .map(|found| match module {
            "" => found[1].to_owned(),
            module => format!("{module}::{}", &found[1]),
        })
        .collect()
}

impl Source {
    pub fn new(path: PathBuf, text: &str) -> Self {
        static TESTS: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"(?m)^#\[cfg\(test\)\]\n(?:#\[[^\n]*\n)*mod \w+ \{").unwrap()
        });
        static FOR_TESTS: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"(?m)^#\[cfg\(test\)\]\n[^\n]*;\n").unwrap());
        let module = path.with_extension("");
        let mut module: Vec<_> = module.iter().map(|part| part.to_str().unwrap()).collect();
        if matches!(module.last(), Some(&("mod" | "lib"))) {
            module.pop();
        }
        let before_tests = match TESTS.find(text) {
            Some(tests) => &text[..tests.start()],
            None => text,
        };
        Self {
            module: module.join("::"),
            lines: before_tests.lines().count(),
            code: without_words(&FOR_TESTS.replace_all(before_tests, ""))
                // A visibility names a module without using it.
                .replace("pub(in crate::", "pub(in "),
            path,
        }
    }

    pub fn is_in(&self, module: &str) -> bool {
        is_within(&self.module, module)
    }

    /// Every path that the code names, from the crate's root (`crate::…`) or from a foreign crate's
    /// name. What it only hands on is left out.
    pub fn paths(&self, modules: &BTreeSet<&str>) -> Vec<String> {
        let mut found = Vec::new();
        for tree in USE.captures_iter(&self.code) {
            let mut paths = Vec::new();
            expand("", &tree[2], &mut paths);
            // A `pub use` of this crate hands on; one of a foreign crate is a use all the same.
            let hands_on = !tree[1].is_empty();
            let paths = paths.iter().map(|path| self.resolved(path, modules));
            found.extend(paths.filter(|path| !(hands_on && path.starts_with("crate::"))));
        }
        let rest = USE.replace_all(&self.code, "");
        let inline = PATH.captures_iter(&rest);
        found.extend(inline.map(|path| self.resolved(&path[1], modules)));
        found
    }

    /// The names that this file hands on, and where they come from.
    fn handed_on(&self, modules: &BTreeSet<&str>) -> BTreeMap<String, String> {
        let mut names = BTreeMap::new();
        for tree in USE.captures_iter(&self.code) {
            if tree[1].is_empty() {
                continue;
            }
            let mut paths = Vec::new();
            expand("", &tree[2], &mut paths);
            for path in paths {
                let path = self.resolved(&path, modules);
                if let Some(inner) = path.strip_prefix("crate::") {
                    let name = inner.rsplit("::").next().unwrap_or_default();
                    names.insert(name.to_owned(), inner.to_owned());
                }
            }
        }
        names
    }

    /// `crate::a` as it is, `super::a` and `beside::a` by this file's place; a foreign path stays.
    fn resolved(&self, path: &str, modules: &BTreeSet<&str>) -> String {
        let mut here: Vec<_> = self
            .module
            .split("::")
            .filter(|part| !part.is_empty())
            .collect();
        let mut rest = path;
        if path.starts_with("crate::") {
            return path.to_owned();
        }
        if !rest.starts_with("super::") && !rest.starts_with("self::") {
            let first = rest.split("::").next().unwrap_or_default();
            let child = here
                .iter()
                .copied()
                .chain([first])
                .collect::<Vec<_>>()
                .join("::");
            if !modules.contains(&*child) {
                return path.to_owned();
            }
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

pub fn is_within(path: &str, module: &str) -> bool {
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
        let path = format!("{prefix}{}", name.trim());
        found.push(path.trim_end_matches("::self").to_owned());
    }
}
