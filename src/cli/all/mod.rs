//! `--all`: every image of the repository. What the verbs share: which image a word is about, one
//! document for all, one exit code.

pub(super) mod release;

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Terminal, exit, next::Overrides};
use crate::{
    error::{Error, Result},
    project::ImageResult,
};

pub(super) fn tell_passed_over(files: &[String], terminal: &Terminal) {
    for file in files {
        terminal.note(&format!(
            "`{file}` belongs to cargo-release and is passed over"
        ));
    }
}

/// One version cannot be that of several independent images.
pub(super) fn refuse_version(overrides: &Overrides) -> Result<()> {
    match overrides.version() {
        None => Ok(()),
        Some(version) => Err(Error::usage(format!(
            "`--version {version}` is one image's, and `--all` means several"
        ))
        .state("nothing was built or moved")
        .hint(format!(
            "name the image: `hoist --config FILE release --version {version}`"
        ))),
    }
}

/// The folder of a policy file, or the file itself at the top: enough to tell images apart.
pub(super) fn short(config: &str) -> &str {
    let folder = Path::new(config).parent().and_then(Path::to_str);
    folder.filter(|folder| !folder.is_empty()).unwrap_or(config)
}

/// The error of one image: the file is named, and the hint's command is about that image.
pub(super) fn named(config: &str, error: &Error) -> Error {
    Error {
        kind: error.kind,
        message: format!("`{config}`: {}", error.message),
        causes: error.causes.clone(),
        state: error.state.clone(),
        hint: error.hint.as_ref().map(|hint| about(config, hint)),
    }
}

/// Commands of hoist in a text, each about this policy file.
pub(super) fn about(config: &str, text: &str) -> String {
    text.replace("`hoist ", &format!("`hoist --config {config} "))
}

/// One image's part of the document: what the verb prints for one image, or what failed.
pub(super) fn entry(config: &str, document: Result<Value, &Error>) -> Value {
    let mut entry = Map::from_iter([("config".to_owned(), config.into())]);
    match document {
        Ok(Value::Object(fields)) => entry.extend(fields),
        Ok(other) => drop(entry.insert("value".to_owned(), other)),
        Err(error) => drop(entry.insert("error".to_owned(), json!(error))),
    }
    entry.into()
}

/// The document of a verb that looks at all images.
pub(super) fn document(releases: &[Value]) -> Value {
    json!({ "v": 1, "releases": releases })
}

/// The policy file of one of several images.
pub(super) fn config<T>(one: &ImageResult<T>) -> &str {
    one.label.as_deref().unwrap_or_default()
}

/// Tells what failed for which image.
pub(super) fn tell_errors<T>(each: &[ImageResult<T>], terminal: &Terminal) {
    for one in each {
        if let Err(error) = &one.result {
            terminal.error(&named(config(one), error));
        }
    }
}

/// The exit code of what failed; `ok` gives that of the others.
pub(super) fn code<T>(each: &[ImageResult<T>], ok: impl Fn(&T) -> u8) -> u8 {
    exit::most_severe(each.iter().map(|one| match &one.result {
        Ok(value) => ok(value),
        Err(error) => exit::number(error.kind),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_its_image_and_its_command() {
        let error = Error::busy("the lock is taken").hint("`hoist status` shows it; `git fetch`");
        let named = named("services/api/release.toml", &error);
        assert_eq!(
            named.message,
            "`services/api/release.toml`: the lock is taken"
        );
        assert_eq!(
            named.hint.as_deref(),
            Some("`hoist --config services/api/release.toml status` shows it; `git fetch`")
        );
    }

    #[test]
    fn a_folder_is_enough_to_tell_images_apart() {
        assert_eq!(short("services/api/release.toml"), "services/api");
        assert_eq!(short("release.toml"), "release.toml");
    }
}
