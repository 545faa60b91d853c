//! The recipes of `CONTRIBUTING.md` name files that are there.

use std::{fs, path::Path};

use regex::Regex;

#[test]
fn the_recipes_name_files_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("CONTRIBUTING.md")).unwrap();
    let path = Regex::new(r"`((?:src|tests|docs|fuzz|crates|xtask|\.ci)/[\w./-]*)`").unwrap();
    // A name in capitals stands for the reader's own file: its folder is there.
    let own = Regex::new(r"[A-Z]+\.rs$").unwrap();
    let mut count = 0;
    for found in path.captures_iter(&text) {
        let named = own.replace(&found[1], "");
        assert!(root.join(&*named).exists(), "there is no `{}`", &found[1]);
        count += 1;
    }
    assert!(count > 30, "only {count} paths were found");
}
