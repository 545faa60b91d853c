//! Files that import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};

type Imports<'a> = BTreeMap<&'a str, BTreeMap<&'a str, BTreeSet<String>>>;

/// Each circle as the set of its modules, the largest first.
pub fn circles<'a>(imports: &Imports<'a>) -> Vec<BTreeSet<&'a str>> {
    let reach: BTreeMap<&str, BTreeSet<&str>> = imports
        .keys()
        .map(|&module| (module, reachable(imports, module)))
        .collect();
    let mut found: BTreeSet<BTreeSet<&str>> = BTreeSet::new();
    for (&module, others) in &reach {
        if others.contains(module) {
            let together = others.iter().filter(|other| reach[*other].contains(module));
            found.insert(together.copied().collect());
        }
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
    found
}

fn reachable<'a>(imports: &Imports<'a>, from: &str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&str> = imports[from].keys().copied().collect();
    while let Some(module) = next.pop() {
        if seen.insert(module) {
            next.extend(imports[module].keys());
        }
    }
    seen
}

/// What ties a circle: file, file that it uses, names.
pub fn ties(imports: &Imports<'_>, circle: &BTreeSet<&str>) -> Vec<String> {
    let mut ties = Vec::new();
    for from in circle {
        for (to, names) in &imports[from] {
            if circle.contains(to) {
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                ties.push(format!("{from} uses {to}: {}", names.join(", ")));
            }
        }
    }
    ties
}
