//! Which image a text is about, where a verb works on several (`--all`).

use std::path::Path;

use super::table::TableCell;
use crate::{error::Error, project::ImageResult};

/// The policy file of one of several images; empty where there is only one image, so that nothing
/// has to be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PolicyFile<'a>(Option<&'a str>);

impl<'a> PolicyFile<'a> {
    pub(super) fn new(config: Option<&'a str>) -> Self {
        Self(config)
    }

    /// The image that a result is about.
    pub(super) fn of<T>(image: &'a ImageResult<T>) -> Self {
        Self(image.config.as_deref())
    }

    /// The policy file's path, where there are several images.
    pub(super) fn config(self) -> Option<&'a str> {
        self.0
    }

    /// The path's folder, or the file itself at the top: enough to tell images apart in lines that
    /// come quickly.
    pub(super) fn short(self) -> Option<&'a str> {
        let config = self.0?;
        let folder = Path::new(config).parent().and_then(Path::to_str);
        Some(folder.filter(|folder| !folder.is_empty()).unwrap_or(config))
    }

    /// A note that names its image; hoist's own commands in it are about that image.
    pub(super) fn note(self, text: &str) -> String {
        match self.0 {
            Some(config) => format!("`{config}`: {}", self.about(text)),
            None => text.to_owned(),
        }
    }

    /// Text for stdout that names its image.
    pub(super) fn data(self, text: &str) -> String {
        match self.0 {
            Some(config) => format!("{config}: {text}"),
            None => text.to_owned(),
        }
    }

    /// The row of a table, with the image in its first column.
    pub(super) fn row(self, mut row: Vec<TableCell>) -> Vec<TableCell> {
        if let Some(config) = self.0 {
            row.insert(0, config.into());
        }
        row
    }

    /// An error that names its image; the hint's commands are about that image.
    pub(super) fn error(self, error: &Error) -> Error {
        match self.0 {
            Some(config) => error.clone().of_image(config),
            None => error.clone(),
        }
    }

    /// Commands of hoist in a text, each about this image's policy file.
    pub(super) fn about(self, text: &str) -> String {
        match self.0 {
            Some(config) => text.replace("`hoist ", &format!("`hoist --config {config} ")),
            None => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_its_image_and_its_command() {
        let error = Error::busy("the lock is taken").hint("`hoist status` shows it; `git fetch`");
        let named = PolicyFile::new(Some("services/api/release.toml")).error(&error);
        assert_eq!(
            named.message(),
            "`services/api/release.toml`: the lock is taken"
        );
        assert_eq!(
            named.first_hint(),
            Some("`hoist --config services/api/release.toml status` shows it; `git fetch`")
        );
    }

    #[test]
    fn one_image_needs_no_name() {
        let one = PolicyFile::new(None);
        let error = Error::busy("the lock is taken").hint("`hoist status` shows it");
        let same = one.error(&error);
        assert_eq!(same.message(), error.message());
        assert_eq!(same.hints(), error.hints());
        assert_eq!(one.note("`hoist plan`"), "`hoist plan`");
        assert_eq!(one.row(vec!["a".into()]), ["a".into()]);
        assert_eq!(one.short(), None);
    }

    #[test]
    fn a_folder_is_enough_to_tell_images_apart() {
        let short = |config| PolicyFile::new(Some(config)).short();
        assert_eq!(short("services/api/release.toml"), Some("services/api"));
        assert_eq!(short("release.toml"), Some("release.toml"));
    }
}
