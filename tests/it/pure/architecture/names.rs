//! Type names that are declared more than once.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;

use crate::pure::architecture::source::Source;

/// Modules whose types carry the names of others on purpose: `release::blocking` is the same facade
/// for callers without a runtime.
const MIRRORS: [&str; 1] = ["release::blocking"];

/// Each type name that stands for more than one thing, with the modules that declare it.
pub fn doubles(sources: &[Source]) -> Vec<String> {
    // Associated types are indented; their names are those of the trait.
    static DECLARED: LazyLock<Regex> = LazyLock::new(|| {
        let visible = r"(?:pub(?:\([^)]*\))?\s+)?";
        let item = format!(r"^\s*{visible}(?:struct|enum|union|trait)\s+(\w+)");
        Regex::new(&format!(r"(?m){item}|^{visible}type\s+(\w+)")).unwrap()
    });
    let mut declared: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for source in sources {
        if MIRRORS.contains(&&*source.module) {
            continue;
        }
        for found in DECLARED.captures_iter(&source.code) {
            let name = found.get(1).or(found.get(2)).unwrap();
            let places = declared.entry(name.as_str().to_owned()).or_default();
            places.push(&source.module);
        }
    }
    declared
        .iter()
        .filter(|(_, places)| places.len() > 1)
        .map(|(name, places)| format!("{name}: {}", places.join(", ")))
        .collect()
}
