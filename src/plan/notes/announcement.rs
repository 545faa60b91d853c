//! Messages about a version that is public, made from the project's own templates.

use minijinja::{Error as TemplateError, ErrorKind as TemplateErrorKind, Value, value::Serde};
use serde::Serialize;

use crate::{
    error::{Error, Result},
    git::CommitId,
    oci::{Digest, ImageName, Repository},
    plan::notes::engine,
};

/// What a template can name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Announcement {
    /// The version that is public.
    pub version: String,
    /// The version before it.
    pub previous: Option<String>,
    /// Whether it is a pre-release.
    pub prerelease: bool,
    /// The name of its git tag.
    pub tag: String,
    /// Its commit.
    pub commit: CommitId,
    /// The day of the release, as `2026-11-29`.
    pub date: String,
    /// What is published where.
    pub images: Vec<AnnouncedImage>,
    /// Each tag with its repository.
    pub tags: Vec<String>,
    /// The release notes, markdown.
    pub notes: String,
}

/// An image in one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnnouncedImage {
    /// Which image of the release it is.
    #[serde(flatten)]
    pub image: ImageName,
    /// The repository.
    pub repository: Repository,
    /// The manifest or index.
    pub digest: Digest,
    /// Both as one name: `repository@digest`.
    pub reference: String,
}

/// The JSON that a template makes. A text that stands in it is escaped, so that it can stand between
/// quotation marks whatever it holds; `| tojson` writes a value whole, with its own.
///
/// # Errors
/// Usage (exit 2): the template cannot be read or filled in, or what it makes is not JSON.
pub fn announcement(told: &Announcement, (name, source): (&str, &str)) -> Result<String> {
    let mut environment = engine::engine();
    environment.add_filter("tojson", |value: Value| {
        json(&value).map(Value::from_safe_string)
    });
    environment.add_filter("truncate", |text: String, length: usize| {
        match text.char_indices().nth(length) {
            Some((end, _)) => format!("{}…", text[..end].trim_end()),
            None => text,
        }
    });
    environment.set_formatter(|out, _, value| {
        let text = match value.as_str() {
            Some(text) if !value.is_safe() => {
                let quoted = json(&Value::from(text))?;
                quoted[1..quoted.len() - 1].to_owned()
            }
            Some(text) => text.to_owned(),
            None if value.is_undefined() => String::new(),
            None => json(value)?,
        };
        out.write_str(&text).map_err(TemplateError::from)
    });
    let text = environment
        .render_named_str(name, source, Serde(told))
        .map_err(|error| {
            let fails = Error::usage(format!("the template `{name}` of an announcement fails"));
            engine::because(fails, &error)
                .hint("docs/announcements.md lists what a template can name")
        })?;
    let text = text.trim();
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| {
        Error::usage(format!("the template `{name}` of an announcement does not make JSON"))
            .because(&error)
            .hint("texts go between quotation marks: `\"text\": \"{{ version }}\"`; `| tojson` writes a list")
    })?;
    Ok(text.to_owned())
}

fn json(value: &Value) -> std::result::Result<String, TemplateError> {
    serde_json::to_string(value).map_err(|error| {
        TemplateError::new(TemplateErrorKind::BadSerialization, "a value is not JSON")
            .with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use crate::plan::notes::announcement::*;

    fn told() -> Announcement {
        let repository: Repository = "docker.io/acme/api".parse().expect("a good name");
        let digest = Digest::of(b"x");
        Announcement {
            version: "1.3.0".to_owned(),
            previous: None,
            prerelease: false,
            tag: "v1.3.0".to_owned(),
            commit: "0123456789012345678901234567890123456789"
                .parse()
                .expect("an id"),
            date: "2026-11-29".to_owned(),
            images: vec![AnnouncedImage {
                image: ImageName::main(),
                reference: repository.digest(&digest),
                repository,
                digest,
            }],
            tags: vec!["docker.io/acme/api:1.3.0".to_owned()],
            notes: "- say \"hello\"\n- \\ and \u{1}\n".to_owned(),
        }
    }

    fn made(source: &str) -> std::result::Result<serde_json::Value, String> {
        let text = announcement(&told(), ("t.json.jinja", source));
        let text = text.map_err(|error| format!("{error:#}"))?;
        Ok(serde_json::from_str(&text).expect("it was looked at"))
    }

    #[test]
    fn whatever_a_text_holds_the_message_is_json() {
        let notes = told().notes;
        let message = made(r#"{"text": "{{ version }}: {{ notes }}", "n": {{ notes | tojson }}}"#);
        let message = message.expect("JSON");
        assert_eq!(message["text"], format!("1.3.0: {notes}"));
        assert_eq!(message["n"], notes);
        let message = made(
            r#"{"p": {{ previous | tojson }}, "pre": {{ prerelease }}, "tags": {{ tags | tojson }},
            "images": [{% for image in images %}"{{ image.reference }}"{% if not loop.last %},{% endif %}{% endfor %}]}"#,
        );
        let message = message.expect("JSON");
        assert_eq!(message["p"], serde_json::Value::Null);
        assert_eq!(message["pre"], false);
        assert_eq!(message["tags"][0], "docker.io/acme/api:1.3.0");
        assert!(
            message["images"][0]
                .as_str()
                .is_some_and(|it| it.contains("@sha256:"))
        );
    }

    /// The templates of the book make messages, of any notes.
    #[test]
    fn the_templates_of_the_book_make_messages() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/announcements.md");
        let page = std::fs::read_to_string(page).expect("the page is there");
        let mut count = 0;
        for block in page.split("```jinja\n").skip(1) {
            let (template, _) = block.split_once("```").expect("it is closed");
            made(template).expect(template);
            let mut long = told();
            long.notes = "- x\n".repeat(20_000);
            let text = announcement(&long, ("t", template)).expect(template);
            assert!(text.len() < 28_000, "{}", text.len());
            count += 1;
        }
        assert_eq!(count, 3);
        assert_eq!(
            made(r#""{{ version | truncate(2) }}""#).expect("JSON"),
            "1.…"
        );
        assert_eq!(
            made(r#""{{ version | truncate(5) }}""#).expect("JSON"),
            "1.3.0"
        );
    }

    #[test]
    fn a_template_that_makes_no_message_is_named() {
        for (source, says) in [
            ("{{ versoin }}", "t.json.jinja"),
            ("{% if %}", "t.json.jinja"),
            ("hello {{ version }}", "does not make JSON"),
            (r#"{"text": {{ version }}"#, "does not make JSON"),
        ] {
            let error = made(source).expect_err(source);
            assert!(error.contains(says), "{source}: {error}");
        }
    }
}
