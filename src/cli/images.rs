//! What a verb came to, for one image or for several. One image is a list of one, without a file:
//! its document is the verb's document, and its failure is the verb's failure.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{exit, policy_file::PolicyFile, render::Terminal};
use crate::{
    error::{Error, Result},
    project::ImageResult,
};

/// The results of one verb.
pub(super) struct Images<T> {
    each: Vec<ImageResult<T>>,
}

impl<T> Images<T> {
    /// The results of what was asked for.
    ///
    /// # Errors
    /// What failed for the only image. The failures of several stay among the results.
    pub(super) fn of(mut each: Vec<ImageResult<T>>) -> Result<Self> {
        match each.pop() {
            Some(ImageResult {
                config: None,
                result: Err(error),
                ..
            }) => Err(error),
            last => {
                each.extend(last);
                Ok(Self { each })
            }
        }
    }

    /// Whether `--all` asked for every image, though there may be only one.
    pub(super) fn are_labelled(&self) -> bool {
        self.each.iter().any(|image| image.config.is_some())
    }

    /// Every result with its image.
    pub(super) fn iter(&self) -> impl Iterator<Item = (PolicyFile<'_>, &Result<T>)> {
        let one = |image| (PolicyFile::of(image), &image.result);
        self.each.iter().map(one)
    }

    /// What did not fail, with its image.
    pub(super) fn values(&self) -> impl Iterator<Item = (PolicyFile<'_>, &T)> {
        self.iter()
            .filter_map(|(file, result)| Some((file, result.as_ref().ok()?)))
    }

    /// The results by value, for the operation that goes on with them.
    pub(super) fn into_results(self) -> Vec<ImageResult<T>> {
        self.each
    }

    /// Each result with another value.
    pub(super) fn map<U>(self, change: impl Fn(T) -> U) -> Vec<ImageResult<U>> {
        let each = self.each.into_iter();
        each.map(|image| image.and_then(|value| Ok(change(value))))
            .collect()
    }

    /// The document of the verb: that of the only image, or one entry for each of several.
    pub(super) fn document(&self, document: impl Fn(&T) -> Value) -> Value {
        match &*self.each {
            [
                ImageResult {
                    config: None,
                    result: Ok(value),
                    ..
                },
            ] => document(value),
            _ => {
                let entry = |(file, result): (PolicyFile<'_>, &Result<T>)| {
                    entry(file, result.as_ref().map(&document))
                };
                json!({ "v": 1, "releases": self.iter().map(entry).collect::<Vec<_>>() })
            }
        }
    }

    /// Tells what failed for which image.
    pub(super) fn tell_errors(&self, terminal: &Terminal) {
        for (file, result) in self.iter() {
            if let Err(error) = result {
                terminal.error(&file.error(error));
            }
        }
    }

    /// The most severe exit code: that of a failure, or what `ok` says of a result.
    pub(super) fn code(&self, ok: impl Fn(&T) -> u8) -> u8 {
        exit::most_severe(self.each.iter().map(|image| match &image.result {
            Ok(value) => ok(value),
            Err(error) => error.exit_code(),
        }))
    }
}

/// A document of a verb as JSON.
pub(super) fn plain(document: &impl Serialize) -> Value {
    serde_json::to_value(document).expect("a document is plain data")
}

/// One image's part of a document: what the verb prints for one image, or what failed.
pub(super) fn entry(file: PolicyFile<'_>, document: Result<Value, &Error>) -> Value {
    let mut entry = Map::from_iter([("config".to_owned(), json!(file.config()))]);
    match document {
        Ok(Value::Object(fields)) => entry.extend(fields),
        Ok(other) => drop(entry.insert("value".to_owned(), other)),
        Err(error) => drop(entry.insert("error".to_owned(), json!(error))),
    }
    entry.into()
}

/// One JSON line; with several images it names its own, right after the format's version.
pub(super) fn line(file: PolicyFile<'_>, line: Value) -> Value {
    let (Some(config), Value::Object(fields)) = (file.config(), &line) else {
        return line;
    };
    let mut named = Map::from_iter([
        ("v".to_owned(), json!(1)),
        ("config".to_owned(), json!(config)),
    ]);
    named.extend(fields.clone());
    named.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(file: Option<&str>, result: Result<u8>) -> ImageResult<u8> {
        ImageResult::new(file.map(str::to_owned), result)
    }

    #[test]
    fn the_failure_of_the_only_image_is_the_verbs() {
        let failed = Images::of(vec![image(None, Err(Error::busy("locked")))]);
        assert_eq!(failed.err().as_ref().map(Error::message), Some("locked"));
        let several = Images::of(vec![
            image(Some("a"), Ok(3)),
            image(Some("b"), Err(Error::busy("locked"))),
        ]);
        let several = several.expect("the failure of one does not stop the others");
        assert_eq!(several.code(|_| exit::OK), exit::BUSY);
        assert_eq!(several.values().count(), 1);
    }

    #[test]
    fn one_document_or_an_entry_for_each() {
        let document = |value: &u8| json!({ "v": 1, "value": value });
        let one = Images::of(vec![image(None, Ok(3))]).expect("a result");
        assert_eq!(one.document(document).to_string(), r#"{"v":1,"value":3}"#);
        let labelled = Images::of(vec![image(Some("a"), Ok(3))]).expect("a result");
        assert_eq!(
            labelled.document(document).to_string(),
            r#"{"v":1,"releases":[{"config":"a","v":1,"value":3}]}"#
        );
    }
}
