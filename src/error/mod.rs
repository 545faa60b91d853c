//! What failed, what is true outside now, and what to do next.

mod code;

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use crate::text::sanitize;

pub use code::{ErrorCode, ErrorKind};

/// One failure, for a person and for a program.
///
/// A person reads what failed on which named thing ([`Error::message`]), its causes, what is true
/// outside now ([`Error::state_now`]), and commands that help. A program decides by
/// [`Error::code`], [`Error::kind`] and [`Error::exit_code`]; texts can change.
///
/// Texts are lower-case fragments without a full stop; names stand in backticks. Credentials never
/// reach an error. Control characters, terminal escapes among them, become `\u{…}` on the way in:
/// errors quote files, commits and registries.
///
/// `{}` gives the message alone, `{:#}` the causes too, behind colons. [`std::error::Error::source`]
/// is the first cause, whose own source is the next: what other crates said is kept as text, so
/// that their types are not part of this crate's surface.
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    code: ErrorCode,
    message: String,
    cause: Option<Box<CauseChain>>,
    excerpts: Vec<Excerpt>,
    state: Option<String>,
    hints: Vec<String>,
}

/// A piece of a file or of a program's output that shows what went wrong, line by line as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Excerpt {
    /// What it is a piece of.
    pub title: String,
    /// The lines, without line breaks. Terminal escapes are taken off.
    pub lines: Vec<String>,
}

/// One cause, and behind it that cause's own.
#[derive(Debug, Clone)]
struct CauseChain {
    text: String,
    next: Option<Box<CauseChain>>,
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with nothing but a kind and a message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: kind.code(),
            message: sanitize(message.into()),
            cause: None,
            excerpts: Vec::new(),
            state: None,
            hints: Vec::new(),
        }
    }

    /// Wrong command line or `release.toml` (exit 2).
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// The facts say no (exit 4).
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, message)
    }

    /// Something failed before any tag moved (exit 6).
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// Another release is in the way (exit 5).
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Busy, message)
    }

    /// A bug in hoist (exit 1).
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Bug, message)
    }

    /// Says which failure it is; without this the code is that of the kind.
    #[must_use]
    pub fn with_code(mut self, code: ErrorCode) -> Self {
        self.code = code;
        self
    }

    /// The same failure with another weight: what it means depends on what went before it.
    #[must_use]
    pub(crate) fn of_kind(mut self, kind: ErrorKind, code: ErrorCode) -> Self {
        (self.kind, self.code) = (kind, code);
        self
    }

    /// Adds one cause, behind those that are there.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.push_cause(sanitize(cause.into()));
        self
    }

    /// Adds an error and everything below it as causes, leaving out links that only repeat.
    #[must_use]
    pub fn because(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = sanitize(error.to_string());
            if self
                .causes()
                .last()
                .is_none_or(|last| !last.contains(&text))
            {
                self.push_cause(text);
            }
            next = error.source();
        }
        self
    }

    fn push_cause(&mut self, text: String) {
        let mut end = &mut self.cause;
        while let Some(cause) = end {
            end = &mut cause.next;
        }
        *end = Some(Box::new(CauseChain { text, next: None }));
    }

    /// Adds a piece of a file or of a program's output, unless it is empty.
    #[must_use]
    pub(crate) fn excerpt(mut self, title: impl Into<String>, lines: Vec<String>) -> Self {
        if !lines.is_empty() {
            self.excerpts.push(Excerpt {
                title: sanitize(title.into()),
                lines: lines.into_iter().map(sanitize).collect(),
            });
        }
        self
    }

    /// Says what is true outside now.
    #[must_use]
    pub fn state(mut self, state: impl Into<String>) -> Self {
        self.state = Some(sanitize(state.into()));
        self
    }

    /// Adds something that helps, behind what is there.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(sanitize(hint.into()));
        self
    }

    /// The same error of one of several images: the message names it, and the commands of the hints
    /// are about it. `label` is the image's policy file.
    #[must_use]
    pub fn of_image(mut self, label: &str) -> Self {
        self.message = format!("`{}`: {}", sanitize(label.to_owned()), self.message);
        self.map_hints(|hint| hint.replace("`hoist ", &format!("`hoist --config {label} ")))
    }

    /// The same error with other words in its hints.
    #[must_use]
    pub(crate) fn map_hints(mut self, change: impl Fn(&str) -> String) -> Self {
        for hint in &mut self.hints {
            *hint = change(hint);
        }
        self
    }

    /// Which sort of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Which failure it is.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The exit code of the program for this error: one of [`exit`](crate::exit).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.kind.exit_code()
    }

    /// What failed on which named thing.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Why, outermost first.
    #[must_use]
    pub fn causes(&self) -> Vec<&str> {
        let first = self.cause.as_deref();
        let chain = std::iter::successors(first, |cause| cause.next.as_deref());
        chain.map(|cause| &*cause.text).collect()
    }

    /// What shows the failure: the lines of a Dockerfile, the last lines of a step's output.
    #[must_use]
    pub fn excerpts(&self) -> &[Excerpt] {
        &self.excerpts
    }

    /// What is true outside now.
    #[must_use]
    pub fn state_now(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// What helps, the most likely first: commands that run as they stand, or the next best thing
    /// to do.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// The most likely of [`Error::hints`].
    #[must_use]
    pub fn first_hint(&self) -> Option<&str> {
        self.hints.first().map(String::as_str)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if f.alternate() {
            for cause in self.causes() {
                write!(f, ": {cause}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl fmt::Display for CauseChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for CauseChain {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.next.as_deref().map(|cause| cause as _)
    }
}

/// `hint` is the first of `hints`: it is older, and was the only one.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let excerpts = usize::from(!self.excerpts.is_empty());
        let mut document = serializer.serialize_struct("Error", 8 + excerpts)?;
        document.serialize_field("kind", &self.kind)?;
        document.serialize_field("code", &self.code)?;
        document.serialize_field("exit", &self.exit_code())?;
        document.serialize_field("message", &self.message)?;
        document.serialize_field("causes", &self.causes())?;
        if !self.excerpts.is_empty() {
            document.serialize_field("excerpts", &self.excerpts)?;
        }
        document.serialize_field("state", &self.state)?;
        document.serialize_field("hint", &self.first_hint())?;
        document.serialize_field("hints", &self.hints)?;
        document.end()
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Error {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Error".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "properties": {
                "kind": generator.subschema_for::<ErrorKind>(),
                "code": generator.subschema_for::<ErrorCode>(),
                "exit": { "description": "The exit code for this error.", "type": "integer" },
                "message": { "type": "string" },
                "causes": { "type": "array", "items": { "type": "string" } },
                "state": {
                    "description": "What is true outside now.",
                    "type": ["string", "null"],
                },
                "hint": {
                    "description": "The first of `hints`.",
                    "type": ["string", "null"],
                },
                "hints": {
                    "description": "Commands that help.",
                    "type": "array",
                    "items": { "type": "string" },
                },
                "excerpts": {
                    "description": "Pieces of a file or of a program's output that show what went wrong.",
                    "type": "array",
                    "items": generator.subschema_for::<Excerpt>(),
                },
            },
            "required": [
                "kind", "code", "exit", "message", "causes", "state", "hint", "hints",
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn causes_are_a_chain_of_sources_and_a_list() {
        let below = std::io::Error::other("no space left");
        let error = Error::failed("cannot write `a`")
            .because(&below)
            .cause("the disk is full");
        assert_eq!(error.to_string(), "cannot write `a`");
        assert_eq!(
            format!("{error:#}"),
            "cannot write `a`: no space left: the disk is full"
        );
        let first = error.source().expect("a cause");
        assert_eq!(first.to_string(), "no space left");
        let second = first.source().expect("a second cause");
        assert_eq!(second.to_string(), "the disk is full");
        assert!(second.source().is_none());
    }

    #[test]
    fn the_document_has_the_code_and_every_hint() {
        let error = Error::refused("`1.2.0` is taken")
            .with_code(ErrorCode::VersionTaken)
            .hint("first")
            .hint("second");
        let document = serde_json::to_value(&error).expect("plain data");
        assert_eq!(
            document,
            serde_json::json!({
                "kind": "refused", "code": "version-taken", "exit": 4, "message": "`1.2.0` is taken",
                "causes": [], "state": null, "hint": "first", "hints": ["first", "second"],
            })
        );
    }

    #[test]
    fn the_document_has_excerpts_where_there_are_some() {
        let error = Error::failed("the build failed")
            .excerpt("nothing", Vec::new())
            .excerpt("the last line", vec!["  x\u{1b}c".to_owned()]);
        let document = serde_json::to_value(&error).expect("plain data");
        assert_eq!(
            document["excerpts"],
            serde_json::json!([{"title": "the last line", "lines": ["  x\\u{1b}c"]}])
        );
    }

    #[test]
    fn an_error_of_one_of_several_images_names_it_in_message_and_commands() {
        let error = Error::busy("the lock is taken")
            .hint("`hoist status` shows it; `git fetch`")
            .of_image("services/api/release.toml");
        assert_eq!(
            error.message(),
            "`services/api/release.toml`: the lock is taken"
        );
        assert_eq!(
            error.hints(),
            ["`hoist --config services/api/release.toml status` shows it; `git fetch`"]
        );
    }
}
