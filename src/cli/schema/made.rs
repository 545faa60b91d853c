//! The schemas made from the types, and compared with the files that the program carries.
//! `HOIST_UPDATE=1 cargo test --lib schema` writes the files.

use std::{collections::BTreeMap, fs, path::Path};

use clap::ValueEnum as _;

use super::{SchemaSubject, documents, lines, policy};

#[test]
fn the_files_are_made_from_the_types() {
    let made = BTreeMap::from([
        ("release", (SchemaSubject::Policy, policy::schema())),
        ("plan", (SchemaSubject::Plan, lines::plan())),
        ("log", (SchemaSubject::Log, documents::log())),
        ("next", (SchemaSubject::Next, documents::next())),
        ("tags", (SchemaSubject::Tags, documents::tags())),
        (
            "changelog",
            (SchemaSubject::Changelog, documents::changelog()),
        ),
        ("check", (SchemaSubject::Check, documents::check())),
        ("verify", (SchemaSubject::Verify, documents::verify())),
        ("status", (SchemaSubject::Status, documents::status())),
        ("inspect", (SchemaSubject::Inspect, documents::inspect())),
        ("init", (SchemaSubject::Init, documents::init())),
        ("build", (SchemaSubject::Build, documents::build())),
        ("unlock", (SchemaSubject::Unlock, documents::unlock())),
        ("report", (SchemaSubject::Report, documents::report())),
        ("lines", (SchemaSubject::Lines, lines::lines())),
        ("leg", (SchemaSubject::Leg, lines::leg())),
    ]);
    assert_eq!(made.len(), SchemaSubject::value_variants().len());
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
