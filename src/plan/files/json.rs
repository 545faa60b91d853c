//! `package.json` and npm's lock files.

use jsonc_parser::{
    ParseOptions,
    cst::{CstInputValue, CstObject, CstRootNode},
};

/// Strict JSON: no comments, no trailing commas.
fn parse(text: &str) -> Result<CstRootNode, String> {
    let strict = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        ..ParseOptions::default()
    };
    CstRootNode::parse(text, &strict).map_err(|error| format!("it is not valid JSON: {error}"))
}

/// Whether there was a version to set.
fn set(object: Option<&CstObject>, version: &str) -> bool {
    let property = object.and_then(|object| object.get("version"));
    let is_text = |property: &jsonc_parser::cst::CstObjectProp| {
        property
            .value()
            .is_some_and(|value| value.as_string_lit().is_some())
    };
    match property.filter(is_text) {
        Some(property) => {
            property.set_value(CstInputValue::String(version.to_owned()));
            true
        }
        None => false,
    }
}

/// The `version` at the top.
pub(super) fn package(text: &str, version: &str) -> Result<String, String> {
    let root = parse(text)?;
    let object = root.object_value().ok_or("it is not a JSON object")?;
    if !set(Some(&object), version) {
        return Err("it has no `version`".into());
    }
    Ok(root.to_string())
}

/// The version at the top, and that of the package at the root of the tree.
pub(super) fn lock(text: &str, version: &str) -> Result<String, String> {
    let root = parse(text)?;
    let object = root.object_value().ok_or("it is not a JSON object")?;
    set(Some(&object), version);
    let packages = object.get("packages").and_then(|all| all.object_value());
    let own = packages
        .and_then(|packages| packages.get(""))
        .and_then(|own| own.object_value());
    set(own.as_ref(), version);
    Ok(root.to_string())
}
