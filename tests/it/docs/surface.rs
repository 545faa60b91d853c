//! What semver binds: the names that a program which embeds hoist can reach. A plain read of the
//! source, so that a change of the surface is seen in review.

use std::{collections::BTreeSet, fs, path::Path};

use regex::Regex;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The names that a file re-exports, and the modules that it opens without hiding them.
fn exported(path: &str) -> BTreeSet<String> {
    let source = read(path);
    let reexport =
        Regex::new(r"(?m)^pub use ([\w:]+?)(?:::\{([^}]*)\}| as (\w+)|(::\*))?;").unwrap();
    let module = Regex::new(r"(?m)^(#\[doc\(hidden\)\]\n)?pub mod (\w+);").unwrap();
    let last = |path: &str| {
        path.rsplit("::")
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let mut names = BTreeSet::new();
    for found in reexport.captures_iter(&source) {
        match (found.get(2), found.get(3), found.get(4)) {
            (Some(list), ..) => names.extend(list.as_str().split(',').filter_map(|name| {
                let name = name.trim();
                let renamed = name.rsplit_once(" as ").map_or(name, |(_, name)| name);
                (!renamed.is_empty()).then(|| last(renamed))
            })),
            (None, Some(name), _) => drop(names.insert(name.as_str().to_owned())),
            (None, None, Some(_)) => names.extend(exported(&format!("src/{}/mod.rs", &found[1]))),
            (None, None, None) => drop(names.insert(last(&found[1]))),
        }
    }
    for found in module.captures_iter(&source) {
        if found.get(1).is_none() {
            names.insert(format!("{}::", &found[2]));
        }
    }
    names
}

/// Set `HOIST_UPDATE` to write the list again after a change on purpose.
#[test]
fn the_public_surface_is_the_one_that_was_agreed() {
    let file = "tests/it/docs/surface.txt";
    let mut text = String::new();
    for (title, path) in [("hoist", "src/lib.rs"), ("hoist::oci", "src/oci/mod.rs")] {
        text.push_str(&format!("{title}\n"));
        for name in exported(path) {
            text.push_str(&format!("    {name}\n"));
        }
    }
    if std::env::var_os("HOIST_UPDATE").is_some() {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(file), &text).unwrap();
    }
    assert_eq!(read(file), text);
}
