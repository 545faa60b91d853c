//! `docs/failures.md` and the tests that are named after its rows belong together: each row has a
//! test, and each such test has a row.

use std::{collections::BTreeSet, fs, path::Path};

use regex::Regex;

/// The numbers of the table's rows, in their order.
fn rows() -> Vec<u32> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/failures.md")).unwrap();
    let row = Regex::new(r"(?m)^\| (\d+) \|").unwrap();
    let numbers = row.captures_iter(&text).map(|row| row[1].parse().unwrap());
    numbers.collect()
}

/// The rows that tests and the rows of their tables are named after: `row_20_…`,
/// `rows_11_and_12_…`, `name: "row_20_…"`.
fn named(folder: &Path, found: &mut BTreeSet<u32>) {
    let test = r"#\[(?:tokio::)?test[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*(?:async )?fn ";
    let name = r"rows?_(\d+)(?:_and_(\d+))?_";
    let test = format!("(?:{test}|\\bname: \"){name}");
    let test = Regex::new(&test).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            named(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let tests = test.captures_iter(&text);
            let numbers = tests.flat_map(|names| {
                let numbers = [names.get(1), names.get(2)].into_iter().flatten();
                numbers.map(|number| number.as_str().parse::<u32>().unwrap())
            });
            found.extend(numbers.collect::<Vec<_>>());
        }
    }
}

#[test]
fn every_row_has_a_test_and_every_such_test_a_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tested = BTreeSet::new();
    named(&root.join("src"), &mut tested);
    named(&root.join("tests"), &mut tested);
    let rows = rows();
    // Numbers are names, so none is left out, none is there twice, and all stay in their order.
    assert_eq!(rows, (1..=50).collect::<Vec<_>>());
    assert_eq!(tested, rows.into_iter().collect());
}
