//! `docs/exit-codes.md` and `docs/troubleshooting.md` list every error code.

use std::{fs, path::Path};

use regex::Regex;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn every_error_code_is_documented() {
    let source = read("src/error/code.rs");
    let (_, codes) = source.split_once("pub enum ErrorCode {").unwrap();
    let (codes, _) = codes.split_once("\n}").unwrap();
    let variant = Regex::new(r"(?m)^    ([A-Z]\w+),$").unwrap();
    let inner = Regex::new(r"\B[A-Z]").unwrap();
    let name = |name: &str| inner.replace_all(name, "-$0").to_lowercase();
    let names: Vec<_> = variant.captures_iter(codes).map(|v| name(&v[1])).collect();
    let row = Regex::new(r"(?m)^\| `([a-z-]+)` \|").unwrap();
    assert!(names.len() > 30);
    for (document, heading) in [
        ("docs/exit-codes.md", "## Error codes"),
        ("docs/troubleshooting.md", "## By error code"),
    ] {
        let text = read(document);
        let (_, table) = text.split_once(heading).unwrap();
        let rows = row.captures_iter(table).map(|row| row[1].to_owned());
        assert_eq!(rows.collect::<Vec<_>>(), names, "{document}");
    }
}
