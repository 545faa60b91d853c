//! The schemas made from the types, and compared with the files that the program carries.
//! `HOIST_UPDATE=1 cargo test --lib schema` writes the files.

use std::{collections::BTreeMap, fs, path::Path};

use super::{SchemaSubject, lines, policy};

#[test]
fn the_files_are_made_from_the_types() {
    let made = BTreeMap::from([
        ("release", (SchemaSubject::Policy, policy::schema())),
        ("plan", (SchemaSubject::Plan, lines::plan())),
        ("log", (SchemaSubject::Log, lines::log())),
        ("lines", (SchemaSubject::Lines, lines::lines())),
        ("leg", (SchemaSubject::Leg, lines::leg())),
    ]);
    let update = std::env::var_os("HOIST_UPDATE").is_some();
    for (name, (subject, schema)) in made {
        let text = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schema/{name}.json"));
        if update {
            fs::write(&path, &text).expect("the folder is there");
            continue;
        }
        assert!(
            text == subject.text(),
            "schema/{name}.json is out of date: HOIST_UPDATE=1 cargo test --lib schema"
        );
    }
}
