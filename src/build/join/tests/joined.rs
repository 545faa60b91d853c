//! What is joined, and to what.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    build::join::{
        content::LegContent,
        index::join,
        tests::{COMMIT, Made, PARENT, described, entries, expected, joined, made, permutations},
    },
    oci::{Descriptor, Index, MediaType, annotation},
};

#[test]
fn the_order_of_the_legs_does_not_matter() {
    let mut windows = made("e", "windows/amd64").config("os.version", json!("10.0.20348.1"));
    windows.listed =
        json!({"os": "windows", "architecture": "amd64", "os.version": "10.0.20348.1"});
    let legs = [
        described("a", "linux/arm64/v8").attested(),
        made("b", "linux/amd64").nested(2),
        described("c", "linux/arm/v7"),
        made("d", "linux/s390x").attested().nested(3),
        windows.nested(1),
    ]
    .map(|made| made.leg());
    let wanted = [
        "linux/arm64",
        "linux/amd64",
        "linux/arm/v7",
        "windows/amd64",
    ];
    let first = joined(&legs, &["linux/arm64"][..0]);
    assert_eq!(
        entries(&first),
        [
            "linux/amd64",
            "linux/arm/v7",
            "linux/arm64/v8",
            "linux/s390x",
            "windows/amd64 (os.version 10.0.20348.1)",
            "unknown/unknown",
            "unknown/unknown",
        ]
    );
    assert_eq!(first.children.len(), 7);
    let all = permutations(&legs);
    assert_eq!(all.len(), 120);
    for legs in &all {
        let again = joined(legs, &[]);
        assert_eq!(again.manifest, first.manifest);
        assert_eq!(again.children, first.children);
    }
    // One that the policy does not name does not belong to its image.
    let error = join(&legs, Some(&expected(&wanted))).expect_err("s390x");
    assert!(
        format!("{error:#}").contains("`d` is for linux/s390x"),
        "{error:#}"
    );
}

#[test]
fn a_single_leg_stays_as_it_is() {
    for made in [
        described("a", "linux/amd64"),
        made("a", "linux/amd64"),
        made("a", "linux/amd64").attested(),
        described("a", "linux/amd64").attested().nested(3),
    ] {
        let leg = made.leg();
        let manifest = leg.manifest.clone();
        assert_eq!(joined(&[leg], &["linux/amd64"]).manifest, manifest);
    }
}

#[test]
fn what_all_images_say_is_said_of_the_index() {
    let legs = [
        made("a", "linux/amd64").leg(),
        made("b", "linux/arm64").leg(),
    ];
    let index: Index =
        serde_json::from_slice(&joined(&legs, &[]).manifest.bytes).expect("an index");
    let shared = BTreeMap::from([(
        "org.opencontainers.image.title".to_owned(),
        "api".to_owned(),
    )]);
    assert_eq!(index.annotations, shared);
    assert_eq!(index.media_type, Some(MediaType::OCI_INDEX.into()));
    let docker = |file, platform| {
        Made {
            docker: true,
            ..made(file, platform)
        }
        .leg()
    };
    let legs = [docker("a", "linux/amd64"), docker("b", "linux/arm64")];
    let index: Index =
        serde_json::from_slice(&joined(&legs, &[]).manifest.bytes).expect("an index");
    assert_eq!(index.media_type, Some(MediaType::DOCKER_INDEX.into()));
    assert!(index.annotations.is_empty());
}

/// What is said where indexes were flattened goes to the joined index, or is named.
#[test]
fn annotations_of_indexes_are_taken_over_or_named() {
    let leg = |file: &'static str, platform: &str, docker: bool| {
        let leg = made(file, platform).attested().nested(2);
        let index_annotations = json!({
            "description": "for every platform",
            "org.opencontainers.image.title": "API",
            "inner": file,
            "of": file,
        });
        Made {
            docker,
            attested: !docker,
            index_annotations,
            outer_annotations: json!({"outer": file, "both": "1"}),
            entry_annotations: json!({"kept": file}),
            ..leg
        }
        .leg()
    };
    let legs = [
        leg("b", "linux/amd64", false),
        leg("a", "linux/arm64", false),
    ];
    let first = joined(&legs, &[]);
    let index: Index = serde_json::from_slice(&first.manifest.bytes).expect("an index");
    let shared = [
        ("description", "for every platform"),
        ("org.opencontainers.image.title", "API"),
    ];
    let shared = shared.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(index.annotations, BTreeMap::from(shared));
    assert_eq!(index.manifests[0].annotations["kept"], "b");
    let lost = |file: &str, why: &str| {
        format!(
            "annotations of the index of the leg `{file}` are not taken over into the joined one: {why}"
        )
    };
    let why = "`both`, `inner`, `outer`; only what the indexes or manifests of all legs say alike goes there";
    assert_eq!(first.left_out, [lost("a", why), lost("b", why)]);
    for legs in permutations(&legs) {
        let again = joined(&legs, &[]);
        assert_eq!(again.manifest, first.manifest);
        assert_eq!(again.left_out, first.left_out);
    }
    // A leg without an index says it in its manifest, or does not say it.
    let mut plain = made("c", "linux/s390x");
    plain.annotations = json!({"description": "for every platform"});
    let mixed = joined(&[legs[0].clone(), plain.leg()], &[]);
    let index: Index = serde_json::from_slice(&mixed.manifest.bytes).expect("an index");
    assert_eq!(index.annotations.len(), 1, "{:?}", index.annotations);
    assert_eq!(mixed.left_out.len(), 1);
    assert!(mixed.left_out[0].contains("title"), "{:?}", mixed.left_out);
    let legs = [leg("a", "linux/amd64", true), leg("b", "linux/arm64", true)];
    let of_docker = joined(&legs, &[]).left_out;
    assert!(
        of_docker[0].ends_with("a Docker manifest list has no annotations"),
        "{of_docker:?}"
    );
    assert!(joined(&legs[..1], &[]).left_out.is_empty());
}

/// A leg with an image of its own, and with the attestation of the leg `from`, whose entry is changed.
fn with_attestation(leg: &Made, from: &LegContent, change: impl Fn(&mut Descriptor)) -> LegContent {
    let index = |leg: &LegContent| -> Index {
        serde_json::from_slice(&leg.manifest.bytes).expect("an index")
    };
    let mut leg = leg.clone().nested(1).leg();
    let mut entry = index(from).manifests[1].clone();
    let attestation = from.document(&entry.digest).expect("an attestation");
    leg.children.push(attestation.clone());
    change(&mut entry);
    let mut listing = index(&leg);
    listing.manifests.push(entry);
    leg.manifest = listing.to_manifest();
    leg
}

#[test]
fn one_attestation_with_several_entries_is_the_same_in_every_order() {
    let first = made("a", "linux/amd64").attested().leg();
    let said = |file, platform, value: &str| {
        with_attestation(&made(file, platform), &first, |entry| {
            let said = entry.annotations.insert("k".to_owned(), value.to_owned());
            assert!(said.is_none());
        })
    };
    let legs = [
        first.clone(),
        said("b", "linux/arm64", "2"),
        said("c", "linux/s390x", "1"),
        said("d", "linux/ppc64le", "1"),
    ];
    let together = joined(&legs, &[]);
    let index: Index = serde_json::from_slice(&together.manifest.bytes).expect("an index");
    assert_eq!(index.manifests.len(), 5);
    assert_eq!(index.manifests[4].annotations["k"], "1");
    assert_eq!(together.left_out.len(), 1, "{:?}", together.left_out);
    assert!(
        together.left_out[0].contains("of the leg `b` are not taken over into the joined one: `k`"),
        "{:?}",
        together.left_out
    );
    for legs in permutations(&legs) {
        assert_eq!(joined(&legs, &[]).manifest, together.manifest);
    }
}

/// Whatever the second entry says otherwise is told, whichever field it is, in whichever order the legs come.
#[test]
fn every_field_that_goes_with_a_doubled_attestation_is_told() {
    let first = made("a", "linux/amd64").attested().leg();
    let fields = [
        ("artifactType", json!("application/vnd.example")),
        ("urls", json!(["https://example.com/x"])),
        ("data", json!("e30=")),
        ("com.example", json!(1)),
    ];
    for (field, value) in fields {
        let second = with_attestation(&made("b", "linux/arm64"), &first, |entry| {
            entry.other.insert(field.to_owned(), value.clone());
        });
        let told = told_in_every_order(&[first.clone(), second]);
        // The entry that is kept may be the one that says more.
        let is_kept = told.0.manifests[2].other.get(field) == Some(&value);
        assert_eq!(told.1.is_empty(), is_kept, "{field}: {told:?}");
        if !is_kept {
            assert!(told.1[0].contains(&format!("`{field}`; ")), "{told:?}");
        }
    }
    let second = with_attestation(&made("b", "linux/arm64"), &first, |entry| {
        entry.platform = "linux/arm64".parse().ok();
    });
    let (_, told) = told_in_every_order(&[first, second]);
    assert!(told[0].starts_with("fields of "), "{told:?}");
    assert!(told[0].contains("`platform`; the leg"), "{told:?}");
}

/// The index, and what is told; both the same in every order.
fn told_in_every_order(legs: &[LegContent]) -> (Index, Vec<String>) {
    let first = joined(legs, &[]);
    for legs in permutations(legs) {
        let again = joined(&legs, &[]);
        assert_eq!(again.manifest, first.manifest);
        assert_eq!(again.left_out, first.left_out);
    }
    let index = serde_json::from_slice(&first.manifest.bytes).expect("an index");
    (index, first.left_out)
}

/// What `index.json` says of a manifest goes into its entry; of an index it goes where all that is said of it goes.
#[test]
fn annotations_of_an_entry_in_index_json_are_taken_over_or_named() {
    let leg = |file: &'static str, platform: &str| Made {
        listed_annotations: json!({
            "com.example.of": file,
            "org.opencontainers.image.ref.name": "latest",
            "org.opencontainers.image.created": "2026-01-01T00:00:00Z",
            "io.containerd.image.name": "docker.io/acme/api:latest",
            "containerd.io/distribution.source.docker.io": "acme/api",
            "hoist.leg": "{}",
        }),
        ..made(file, platform)
    };
    let legs = [
        leg("a", "linux/amd64").leg(),
        leg("b", "linux/arm64").leg(),
        leg("c", "linux/s390x").nested(1).leg(),
    ];
    let (index, told) = told_in_every_order(&legs);
    let said = index.manifests.iter().map(|entry| &entry.annotations);
    let said: Vec<Value> = said.map(|all| json!(all)).collect();
    let (a, b) = (
        json!({"com.example.of": "a"}),
        json!({"com.example.of": "b"}),
    );
    assert_eq!(said, [a, b, json!({})]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("of the leg `c`"), "{told:?}");
    assert!(
        told[0].contains("joined one: `com.example.of`; "),
        "{told:?}"
    );
    // A single leg stays as it is.
    let alone = leg("a", "linux/amd64").leg();
    let manifest = alone.manifest.clone();
    assert_eq!(joined(&[alone], &[]).manifest, manifest);
}

/// Fields of an index's own entry, and of an image that is listed again.
#[test]
fn fields_that_go_with_flattened_entries_are_told() {
    let changed = |leg: LegContent, change: &dyn Fn(&mut Index)| {
        let mut listing: Index = serde_json::from_slice(&leg.manifest.bytes).expect("an index");
        change(&mut listing);
        LegContent {
            manifest: listing.to_manifest(),
            ..leg
        }
    };
    let url = || ("urls".to_owned(), json!(["https://example.com/x"]));
    let of_index = changed(made("b", "linux/arm64").nested(2).leg(), &|listing| {
        listing.manifests[0].other.extend([url()]);
        listing.manifests[0].platform = "linux/arm64".parse().ok();
    });
    let again = changed(made("b", "linux/arm64").nested(1).leg(), &|listing| {
        let mut entry = listing.manifests[0].clone();
        entry.other.extend([url()]);
        listing.manifests.push(entry);
    });
    for (leg, names) in [(of_index, "`platform`, `urls`; "), (again, "`urls`; ")] {
        let (_, told) = told_in_every_order(&[made("a", "linux/amd64").leg(), leg]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("the leg `b`"), "{told:?}");
        assert!(told[0].contains(names), "{told:?}");
    }
}

#[test]
fn one_attestation_of_two_images_stays_with_both() {
    let first = made("a", "linux/amd64").attested().leg();
    let other = made("b", "linux/arm64");
    let of_other = other.leg().manifest.digest().to_string();
    let second = with_attestation(&other, &first, |entry| {
        let key = annotation::REFERENCE_DIGEST.to_owned();
        entry.annotations.insert(key, of_other.clone());
    });
    // The same, where one leg has both.
    let twice = with_attestation(&other, &first, |_| {});
    let mut listing: Index = serde_json::from_slice(&twice.manifest.bytes).expect("an index");
    let of_second: Index = serde_json::from_slice(&second.manifest.bytes).expect("an index");
    listing.manifests.push(of_second.manifests[1].clone());
    let twice = LegContent {
        manifest: listing.to_manifest(),
        ..twice
    };
    for legs in [[first.clone(), second], [first, twice]] {
        for legs in permutations(&legs) {
            let together = joined(&legs, &[]);
            let index: Index = serde_json::from_slice(&together.manifest.bytes).expect("an index");
            let subjects = index.manifests[2..].iter();
            let subjects: Vec<&String> = subjects
                .map(|entry| &entry.annotations[annotation::REFERENCE_DIGEST])
                .collect();
            let images = index.manifests[..2].iter();
            let images: Vec<String> = images.map(|entry| entry.digest.to_string()).collect();
            assert_eq!(subjects, images.iter().collect::<Vec<_>>());
            assert_eq!(together.children.len(), 3);
            assert!(together.left_out.is_empty(), "{:?}", together.left_out);
        }
    }
}

#[test]
fn names_that_do_not_fit_into_a_warning_are_counted() {
    let mut many = made("a", "linux/amd64").nested(1);
    for number in 0..60 {
        many.index_annotations[format!("com.example.long.annotation.key.{number:02}")] = json!("1");
    }
    let legs = [many.leg(), made("b", "linux/arm64").leg()];
    let told = &joined(&legs, &[]).left_out[0];
    let shown = told.matches("com.example.long.annotation.key.").count();
    assert!(shown > 0 && shown < 60, "{told}");
    let more = format!("{:02}` and {} more; only what", shown - 1, 60 - shown);
    assert!(told.contains(&more), "{told}");
}

#[test]
fn a_variant_that_goes_without_saying_is_the_same() {
    for (has, wanted) in [
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64", "linux/arm64/v8"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/v6", "linux/arm"),
    ] {
        let legs = [made("a", "linux/amd64").leg(), made("b", has).leg()];
        joined(&legs, &["linux/amd64", wanted]);
    }
    // An index can say what the configuration does not.
    let mut leg = made("b", "linux/arm64").nested(1);
    leg.listed = json!({"os": "linux", "architecture": "arm64", "variant": "v8"});
    let legs = [made("a", "linux/amd64").leg(), leg.leg()];
    assert_eq!(
        entries(&joined(&legs, &[])),
        ["linux/amd64", "linux/arm64/v8"]
    );
}

#[test]
fn several_versions_of_windows_are_several_platforms() {
    let windows = |file, version: &str| {
        let leg = made(file, "windows/amd64");
        leg.config("os.version", json!(version)).leg()
    };
    let legs = [windows("b", "10.0.20348.1"), windows("a", "10.0.17763.1")];
    let joined = joined(&legs, &["windows/amd64"]);
    let shown = entries(&joined);
    assert!(
        shown[0].contains("17763") && shown[1].contains("20348"),
        "{shown:?}"
    );
}

#[test]
fn legs_of_other_builders_are_taken_by_what_they_say() {
    let silent = made("b", "linux/arm64")
        .label("revision", Value::Null)
        .label("version", json!("24.04"));
    let cut = made("c", "linux/s390x").label("revision", json!(&COMMIT[..12]));
    joined(
        &[made("a", "linux/amd64").leg(), silent.leg(), cut.leg()],
        &[],
    );
    // Others build from the commit that the release commit stands on.
    let mut on_top = expected(&[]);
    on_top.parent = Some(PARENT.parse().expect("a commit"));
    let old = |file, platform| made(file, platform).label("revision", json!(PARENT)).leg();
    let legs = [old("a", "linux/amd64"), old("b", "linux/arm64")];
    join(&legs, Some(&on_top)).expect("both are of one commit");
    let mixed = [old("a", "linux/amd64"), made("b", "linux/arm64").leg()];
    let error = join(&mixed, Some(&on_top)).expect_err("two commits");
    assert!(
        format!("{error:#}").contains("are of two commits"),
        "{error:#}"
    );
}

/// Each of several machines is right, and one leg alone says two things.
#[test]
fn a_leg_that_names_two_commits_is_refused() {
    let mut wanted = expected(&[]);
    wanted.parent = Some(PARENT.parse().expect("a commit"));
    let mut leg = made("a", "linux/amd64").label("revision", json!(PARENT));
    leg.annotations = json!({"org.opencontainers.image.revision": COMMIT});
    let error = join(&[leg.leg()], Some(&wanted)).expect_err("two commits");
    assert!(
        format!("{error:#}").contains("the leg `a` (for linux/amd64) names two commits"),
        "{error:#}"
    );
}
