//! What says one thing twice in a layout or an archive: both have to agree, or the later one counts.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::*;
use crate::oci::annotation;

#[test]
fn a_hard_link_is_the_file_that_has_the_name_when_it_is_read() {
    let world = World::new();
    let (layout, _) = Layout::simple();
    let mut newer = Layout::default();
    let manifest = newer.image(MediaType::OCI_LAYER_GZIP, "two", "amd64");
    newer.entry(describe(MediaType::OCI_MANIFEST, &manifest), None);
    let files = layout.all().into_iter().chain(newer.files.clone());
    let index = json!({"schemaVersion": 2, "manifests": newer.entries}).to_string();
    let start = files.fold(Tar::new(), |tar, (name, bytes)| tar.file(&name, &bytes));
    let tar = start
        .file("new.json", index.as_bytes())
        .raw("index.json", tar::EntryType::Link, "new.json", 0)
        .file("new.json", b"{}");
    let image = world.archive(&tar.bytes()).expect("it is whole");
    assert_eq!(image.manifest.bytes, manifest);
}

#[test]
fn entries_of_one_image_agree_in_any_order() {
    let world = World::new();
    for (key, values) in [
        (annotation::REVISION, ["a", "b"]),
        (annotation::VERSION, ["1.0.0", "9.9.9"]),
        (annotation::LEG, ["{}", r#"{"dirty":true}"#]),
    ] {
        for [one, other] in [values, [values[1], values[0]]] {
            let (mut layout, _) = Layout::simple();
            let mut second = layout.entries[0].clone();
            layout.entries[0]["annotations"] = json!({ key: one });
            second["annotations"] = json!({ key: other });
            layout.entries.push(second);
            let error = world.archive(&layout.tar()).expect_err("they differ");
            let told = format!("`{key}` is `{one}` and `{other}`");
            assert!(error.causes().join("").contains(&told), "{error:?}");
        }
    }
    for first in [0, 1] {
        let (mut layout, _) = Layout::simple();
        layout.entries.push(layout.entries[0].clone());
        layout.entries[first]["annotations"] = json!({"hoist.leg": "{}"});
        let image = world.archive(&layout.tar()).expect("one says more");
        assert!(image.listed.contains_key("hoist.leg"), "{first}");
    }
    let (mut layout, _) = Layout::simple();
    let mut second = layout.entries[0].clone();
    layout.entries[0]["platform"] = json!({"os": "linux", "architecture": "amd64"});
    second["platform"] = json!({"os": "linux", "architecture": "arm64"});
    layout.entries.push(second);
    let error = world.archive(&layout.tar()).expect_err("they differ");
    assert!(
        error
            .causes()
            .join("")
            .contains("`platform` is `linux/amd64`"),
        "{error:?}"
    );
}

#[test]
fn a_copy_of_the_content_in_a_descriptor_is_the_content() {
    let world = World::new();
    for (copy, is_right) in [(None, true), (Some("e30="), false), (Some("?"), false)] {
        let (mut layout, manifest) = Layout::simple();
        let right = BASE64.encode(&manifest);
        layout.entries[0]["data"] = json!(copy.unwrap_or(&right));
        assert_eq!(world.archive(&layout.tar()).is_ok(), is_right, "{copy:?}");
    }
}

#[test]
fn a_layout_of_another_version_of_the_format_is_refused() {
    let world = World::new();
    for (version, is_read) in [("1.0.0", true), ("1.1.0", true), ("9.0.0", false)] {
        let (layout, _) = Layout::simple();
        let marker = json!({ "imageLayoutVersion": version }).to_string();
        let files = layout.all().into_iter();
        let files = files.filter(|(name, _)| name != "oci-layout");
        let tar = files.fold(Tar::new(), |tar, (name, bytes)| tar.file(&name, &bytes));
        let tar = tar.file("oci-layout", marker.as_bytes());
        assert_eq!(world.archive(&tar.bytes()).is_ok(), is_read, "{version}");
    }
}
