//! A layout that stands alone and says which leg it is: it is judged as a leg that is joined.

use std::{collections::BTreeMap, slice};

use crate::{
    build::join::{
        belongs, content::LegContent, described::content, expected::Expected, index::join, leg::Leg,
    },
    error::Result,
    oci::{Image, annotation},
};

/// Compares an image of the layout `file` with the release, where the layout has the description of a leg. `Ok` has a
/// note where it is released all the same.
///
/// # Errors
/// Refused (exit 4): the description cannot be read, does not agree with the release, or is not that of the image.
pub(crate) fn judge(image: &Image, file: &str, expected: &Expected) -> Result<Option<String>> {
    let Some(text) = image.listed.get(annotation::LEG) else {
        return Ok(None);
    };
    let leg = LegContent {
        claims: Some(Leg::parse(text, file)?),
        ..content(image, file)?
    };
    join(slice::from_ref(&leg), Some(expected))?;
    Ok(leg.of_uncommitted_files())
}

/// The same from the annotations of an image in `index.json` alone, before the image is taken.
///
/// # Errors
/// As [`judge`].
pub(crate) fn judge_listed(
    listed: &BTreeMap<String, String>,
    file: &str,
    expected: &Expected,
) -> Result<()> {
    match listed.get(annotation::LEG) {
        Some(text) => belongs::check_description(&Leg::parse(text, file)?, expected, file),
        None => Ok(()),
    }
}
