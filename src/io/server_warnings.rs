//! What registries and forges say beside their answers: `Warning: 299`, such as the end of an account or of an
//! old interface (RFC 7234, 5.5; the distribution specification, "Warnings"). Each is shown once a run.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use url::Url;

use crate::{event::Events, io::http::Response, text::sanitize_line};

/// The only code that the distribution specification knows.
const CODE: &str = "299";
/// Longest header that is read, in bytes: the specification's own limit.
const LONGEST: usize = 4096;
/// Longest warning that is shown, in characters.
const SHOWN: usize = 300;
/// Most warnings that are shown of one server.
const MOST: usize = 5;

/// The warnings of a run that were shown. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerWarnings {
    shown: Arc<Mutex<BTreeSet<(String, String)>>>,
}

impl ServerWarnings {
    /// Shows what the answer of `url` warns of.
    pub(crate) fn tell(&self, events: &Events, url: &Url, answer: &Response) {
        if answer.header("warning").is_none() {
            return;
        }
        let mask = answer.mask();
        let texts = answer.all("warning").take(MOST);
        let texts: Vec<String> = texts.map(|text| mask.hide(text)).collect();
        self.tell_all(events, url, texts.iter().map(String::as_str));
    }

    fn tell_all<'a>(&self, events: &Events, url: &Url, headers: impl Iterator<Item = &'a str>) {
        let host = url.host_str().unwrap_or_default();
        let host = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        for text in headers.take(MOST).flat_map(warnings) {
            let mut shown = self.shown.lock().expect("no thread panics with the lock");
            let of_host = shown.iter().filter(|(other, _)| *other == host).count();
            let is_new = of_host < MOST && shown.insert((host.clone(), text.clone()));
            drop(shown);
            if is_new {
                events.warning(format!("{host} says: {text}"));
            }
        }
    }
}

/// The texts of a `Warning` header: of those with code 299 and without an agent's name.
pub(crate) fn warnings(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = value;
    if value.len() > LONGEST {
        return found;
    }
    while let Some((before, quoted)) = rest.split_once('"') {
        let Some((text, after)) = unquoted(quoted) else {
            break;
        };
        let before = before.trim_start_matches([',', ' ', '\t']);
        let mut words = before.split_ascii_whitespace();
        let is_it =
            words.next() == Some(CODE) && words.next() == Some("-") && words.next().is_none();
        let text = sanitize_line(text.trim(), SHOWN);
        if is_it && !text.is_empty() && found.len() < MOST {
            found.push(text);
        }
        rest = after;
    }
    found
}

/// A quoted text without its escapes, and what follows it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((out, &text[at + 1..])),
            '\\' => out.push(characters.next()?.1),
            other => out.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_a_code_an_agent_and_a_text() {
        for (header, expected) in [
            (
                r#"299 - "Your account has expired""#,
                &["Your account has expired"][..],
            ),
            (r#"299 - "a", 299 - "b, c""#, &["a", "b, c"]),
            (r#"299 - "a \"b\" \\ c""#, &[r#"a "b" \ c"#]),
            (
                r#"299 - "dated" "Sun, 29 Nov 2026 20:00:00 GMT""#,
                &["dated"],
            ),
            (r#"199 - "other code", 299 - "a""#, &["a"]),
            (r#"299 proxy.example.org "other agent""#, &[]),
            ("299 - \"bell\u{7}\"", &["bell\\u{7}"]),
            (r#"299 - "never ends"#, &[]),
            (r#"299 - "escape at the end\"#, &[]),
            (r#"299 - """#, &[]),
            ("299 -", &[]),
            ("", &[]),
        ] {
            let found = warnings(header);
            let found: Vec<_> = found
                .iter()
                .map(|text| text.replace('\u{fffd}', ""))
                .collect();
            assert_eq!(found, expected, "{header}");
        }
        assert!(warnings(&format!("299 - \"{}\"", "x".repeat(LONGEST))).is_empty());
    }

    #[test]
    fn each_is_shown_once_and_no_server_floods() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let events = Events::new({
            let heard = heard.clone();
            move |event| {
                heard
                    .lock()
                    .expect("nobody panics")
                    .push(format!("{event:?}"))
            }
        });
        let told = ServerWarnings::default();
        let url = |text: &str| Url::parse(text).expect("an address");
        let (one, other) = (url("https://a.example/v2/"), url("https://b.example:5000/"));
        for _ in 0..3 {
            told.tell_all(&events, &one, [r#"299 - "old""#].into_iter());
            told.clone()
                .tell_all(&events, &other, [r#"299 - "old""#].into_iter());
        }
        assert_eq!(heard.lock().expect("nobody panics").len(), 2);
        for number in 0..100 {
            let header = format!("299 - \"{number}\"");
            told.tell_all(&events, &one, [&*header].into_iter());
        }
        assert_eq!(heard.lock().expect("nobody panics").len(), 1 + MOST);
    }
}
