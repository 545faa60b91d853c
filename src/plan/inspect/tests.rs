//! Small images in memory.

use super::*;
use crate::oci::{LayerContents, LayerEntry};

/// A layer: its instruction, then `path size` a line; a path that ends in `/` is a directory.
fn layer(created_by: &str, files: &[(&str, u64)]) -> LayerContents {
    let digest = Digest::of(format!("{created_by}{files:?}").as_bytes());
    LayerContents {
        diff_id: digest.clone(),
        digest,
        size: files.iter().map(|(_, size)| size / 2).sum(),
        created_by: Some(created_by.to_owned()),
        entries: files
            .iter()
            .map(|(path, size)| LayerEntry {
                path: path.trim_end_matches('/').to_owned(),
                size: *size,
                directory: path.ends_with('/'),
            })
            .collect(),
    }
}

fn image(layers: &[LayerContents]) -> Contents {
    Contents {
        user: Some("1000".into()),
        layers: layers.to_vec(),
        ..Contents::default()
    }
}

fn waste(layers: &[LayerContents]) -> Vec<String> {
    let report = inspect("x", &image(layers), None);
    let line = |waste: &Waste| {
        format!(
            "{} {} {}>{} {:?}",
            waste.path, waste.size, waste.layer, waste.hidden_by, waste.how
        )
    };
    report.waste.iter().map(line).collect()
}

#[test]
fn deleted_and_overwritten_files_are_waste_in_the_layer_that_holds_them() {
    let layers = [
        layer(
            "a",
            &[
                ("bin/", 0),
                ("bin/a", 100),
                ("data/x", 40),
                ("data/y/z", 30),
                ("keep", 1),
            ],
        ),
        layer(
            "b",
            &[
                ("bin/a", 70),
                ("data/.wh.x", 0),
                ("data/.wh.y", 0),
                ("none/.wh.b", 0),
            ],
        ),
        layer("c", &[(".wh.bin", 0), ("bin/b", 5)]),
    ];
    assert_eq!(
        waste(&layers),
        [
            "bin/a 100 0>1 Overwritten",
            "bin/a 70 1>2 Deleted",
            "data/x 40 0>1 Deleted",
            "data/y/z 30 0>1 Deleted",
        ]
    );
    let report = inspect("x", &image(&layers), None);
    assert_eq!(report.wasted, 240);
    let wasted: Vec<u64> = report.layers.iter().map(|layer| layer.wasted).collect();
    assert_eq!(wasted, [170, 70, 0]);
    assert_eq!((report.unpacked, report.layers[0].files), (246, 4));
}

#[test]
fn an_opaque_directory_hides_lower_layers_and_not_its_own() {
    let layers = [
        layer("a", &[("d/old", 10), ("dd/old", 10)]),
        layer("b", &[("d/new", 20), ("d/.wh..wh..opq", 0)]),
    ];
    assert_eq!(waste(&layers), ["d/old 10 0>1 Deleted"]);
}

#[test]
fn caches_that_can_be_seen_are_found_with_what_helps() {
    let layers = [
        layer(
            "RUN apt-get",
            &[
                ("var/lib/apt/lists/x", 40_000_000),
                ("var/cache/apt/y", 3_000_000),
            ],
        ),
        layer("RUN rm", &[("var/cache/apt/.wh.y", 0)]),
    ];
    let report = inspect("x", &image(&layers), None);
    let found: Vec<_> = report
        .caches
        .iter()
        .map(|cache| (&*cache.path, cache.size))
        .collect();
    assert_eq!(found, [("var/lib/apt/lists", 40_000_000)]);
    let saves: Vec<_> = report.advice.iter().map(|advice| advice.saves).collect();
    assert_eq!(saves, [Some(40_000_000), Some(3_000_000)]);
    assert!(report.advice[0].text.contains("rm -rf /var/lib/apt/lists"));
}

#[test]
fn advice_comes_with_what_was_found() {
    let mut contents = image(&[layer(
        "COPY . .",
        &[
            ("etc/debian_version", 5),
            ("usr/lib/big", 70_000_000),
            ("usr/bin/gcc", 1_000),
            ("app/.git/objects/x", 9_000),
            ("app/.env", 10),
            ("app/.environment", 10),
        ],
    )]);
    contents.user = None;
    let why = |contents: &Contents| -> Vec<String> {
        let report = inspect("x", contents, None);
        report.advice.into_iter().map(|advice| advice.why).collect()
    };
    assert_eq!(
        why(&contents),
        [
            "`.git` is in the image, with the whole history",
            "/usr/bin/gcc is in the image",
            "Debian or Ubuntu: 70 MB of system files",
            "/app/.env looks like one",
            "the image runs as root",
        ]
    );
    assert_eq!(
        why(&image(&[layer("a", &[("app", 10)])])),
        Vec::<String>::new()
    );
    let many: Vec<_> = (0..31).map(|n| layer(&format!("RUN {n}"), &[])).collect();
    assert_eq!(why(&image(&many)), ["31 layers"]);
}

#[test]
fn a_comparison_counts_files_and_bytes_to_pull() {
    let base = layer("FROM", &[("lib", 1_000), ("gone", 50)]);
    let old = image(&[base.clone(), layer("COPY a", &[("app", 100), ("same", 7)])]);
    let new = image(&[
        base.clone(),
        layer(
            "COPY b",
            &[("app", 300), ("same", 7), ("extra", 20), (".wh.gone", 0)],
        ),
    ]);
    let report = inspect("new", &new, Some(("old", &old)));
    let shared: Vec<_> = report.layers.iter().map(|layer| layer.shared).collect();
    assert_eq!(shared, [Some(true), Some(false)]);
    let changes = report.changes.expect("it was compared");
    assert_eq!((changes.size, changes.to_pull), (110, 163));
    assert_eq!(
        changes.files,
        FileChangeCount {
            added: 1,
            removed: 1,
            changed: 2
        }
    );
    let largest: Vec<_> = changes.largest.iter().map(|change| &*change.path).collect();
    assert_eq!(largest, ["app", "gone", "extra", "same"]);
    assert_eq!(inspect("new", &new, None).layers[0].shared, None);
}

#[test]
fn instructions_read_as_in_the_dockerfile() {
    for (given, shown) in [
        (
            "/bin/sh -c #(nop) COPY dir:1 in /src ",
            "COPY dir:1 in /src",
        ),
        ("/bin/sh -c apt-get update", "RUN apt-get update"),
        ("RUN /bin/sh -c make # buildkit", "RUN make"),
        ("COPY a b # buildkit", "COPY a b"),
    ] {
        assert_eq!(instruction(given), shown);
    }
}
