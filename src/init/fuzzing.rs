//! What is drafted from the files of other tools, for fuzz targets and the laws that they share with the
//! tests. This module is not part of the public interface.

use crate::{
    error::Result,
    init::{Found, FoundFile},
};

/// The text of the policy and the notes that are drafted from these files, each with its path, in a
/// repository of `github.com/acme/api` that has released 1.2.3.
///
/// # Errors
/// A bug: whatever is found, a valid policy can be drafted.
pub fn draft(files: &[(&str, &str)]) -> Result<(String, Vec<String>)> {
    let files = files.iter().map(|(path, text)| FoundFile {
        path: (*path).to_owned(),
        text: (*text).to_owned(),
    });
    let found = Found {
        remote: Some((
            "origin".to_owned(),
            "https://github.com/acme/api".to_owned(),
        )),
        git_tags: vec!["v1.2.3".to_owned()],
        files: files.collect(),
        messages: vec!["feat: more".to_owned()],
        ..Found::default()
    };
    let (draft, _) = crate::init::draft(&found)?;
    Ok((draft.text, draft.notes))
}
