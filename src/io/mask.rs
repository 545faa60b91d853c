//! Secrets that come back: servers, proxies and programs repeat what they were given, whole or in parts, and
//! written in other ways. What they say is shown without it.

use std::{collections::HashSet, ops::Range};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use url::Url;

/// What stands for a secret.
const MASK: &str = "***";
/// Shorter secrets are not looked for: they occur in any text.
const SHORTEST: usize = 3;
/// A part of a secret that has so many characters is hidden.
const PART: usize = 6;
/// The same where the secret is written as base64 or in hexadecimal digits.
const ENCODED_PART: usize = 8;
/// The longest escape of one character.
const LONGEST_ESCAPE: usize = 12;
/// How often a text may have been written in another way.
const LAYERS: usize = 3;
/// Words in the addresses of chat rooms that everybody knows, and their answers use.
const PUBLIC: [&str; 22] = [
    "api",
    "hook",
    "hooks",
    "incoming",
    "incomingwebhook",
    "invoke",
    "manual",
    "messages",
    "paths",
    "rooms",
    "services",
    "slack",
    "spaces",
    "thread",
    "trigger",
    "triggers",
    "webhook",
    "webhookb2",
    "webhooks",
    "workflow",
    "workflows",
    "true",
];

/// What must not be shown of texts from outside.
#[derive(Clone, Default)]
pub(crate) struct Mask {
    whole: Vec<Vec<u8>>,
    parts: HashSet<[u8; PART]>,
    encoded_parts: HashSet<[u8; ENCODED_PART]>,
}

/// A byte of a text as it is read, and where it is written.
struct ByteRead {
    byte: u8,
    place: Range<usize>,
}

impl Mask {
    /// Hides these secrets, and parts of them.
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut mask = Self::default();
        for secret in secrets {
            mask.add(secret);
            mask.parts.extend(windows(&read(secret)));
            for form in encoded(secret) {
                mask.encoded_parts.extend(windows(form.as_bytes()));
            }
        }
        mask
    }

    /// Hides these secrets where they are whole: for texts about anything, in which parts would be found by
    /// chance.
    pub(crate) fn of_whole<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut mask = Self::default();
        for secret in secrets {
            mask.add(secret);
        }
        mask
    }

    /// Hides what an address holds but for its host, for addresses that are a secret.
    pub(crate) fn of_address(url: &Url) -> Self {
        let mut secrets: Vec<String> = Vec::new();
        let user = [url.username(), url.password().unwrap_or_default()];
        secrets.extend(user.map(plain));
        secrets.push(user.map(plain).join(":"));
        secrets.extend(url.path().split('/').map(plain));
        for (key, value) in url.query_pairs() {
            secrets.push(match value.is_empty() {
                true => key.into_owned(),
                false => value.into_owned(),
            });
        }
        secrets.extend(url.fragment().map(plain));
        secrets.retain(|secret| !PUBLIC.contains(&secret.to_ascii_lowercase().as_str()));
        Self::new(secrets.iter().map(String::as_str))
    }

    fn add(&mut self, secret: &str) {
        let forms = encoded(secret).into_iter().map(String::into_bytes);
        for form in [read(secret)].into_iter().chain(forms) {
            if form.len() >= SHORTEST {
                self.whole.push(form);
            }
        }
    }

    /// The text without the secrets.
    pub(crate) fn hide(&self, text: &str) -> String {
        let hidden = self.hidden(text);
        let mut shown = String::with_capacity(text.len());
        let mut is_open = true;
        for (at, character) in text.char_indices() {
            if hidden[at] {
                if is_open {
                    shown.push_str(MASK);
                }
            } else {
                shown.push(character);
            }
            is_open = !hidden[at];
        }
        shown
    }

    /// Which bytes of a text belong to a secret.
    fn hidden(&self, text: &str) -> Vec<bool> {
        let mut hidden = vec![false; text.len()];
        if self.whole.is_empty() {
            return hidden;
        }
        let text = as_read(text);
        let bytes: Vec<u8> = text.iter().map(|read| read.byte).collect();
        let mut mark = |from: usize, length: usize| {
            for read in &text[from..from + length] {
                hidden[read.place.clone()].fill(true);
            }
        };
        for secret in &self.whole {
            for (at, _) in bytes
                .windows(secret.len())
                .enumerate()
                .filter(|(_, window)| *window == secret.as_slice())
            {
                mark(at, secret.len());
            }
        }
        for (at, window) in bytes.windows(PART).enumerate() {
            if self.parts.contains(window) {
                mark(at, PART);
            }
        }
        for (at, window) in bytes.windows(ENCODED_PART).enumerate() {
            if self.encoded_parts.contains(window) {
                mark(at, ENCODED_PART);
            }
        }
        hidden
    }
}

/// All parts of a text that have this length.
fn windows<const LENGTH: usize>(text: &[u8]) -> impl Iterator<Item = [u8; LENGTH]> {
    text.windows(LENGTH)
        .filter_map(|window| window.try_into().ok())
}

/// A secret as base64, wherever in a longer text it stands, and in hexadecimal digits; in small letters, and
/// only where it says more than chance.
fn encoded(secret: &str) -> Vec<String> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(secret.as_bytes());
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let form = engine.encode(&bytes);
            // What stands before and behind has a share in the first and in the last characters.
            let first = (before * 8).div_ceil(6);
            let last = bytes.len() * 8 / 6;
            forms.extend(form.get(first..last).map(str::to_ascii_lowercase));
        }
    }
    forms.push(secret.bytes().map(|byte| format!("{byte:02x}")).collect());
    forms.retain(|form| form.len() >= ENCODED_PART);
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// A text without the ways in which it can be written: escapes of addresses, of JSON and of HTML, and the
/// difference of large and small letters.
fn read(text: &str) -> Vec<u8> {
    as_read(text).into_iter().map(|read| read.byte).collect()
}

fn as_written(text: &str) -> Vec<ByteRead> {
    let one = |(at, byte)| ByteRead {
        byte,
        place: at..at + 1,
    };
    text.bytes().enumerate().map(one).collect()
}

fn as_read(text: &str) -> Vec<ByteRead> {
    let mut reads = as_written(text);
    for _ in 0..LAYERS {
        let before = reads.len();
        reads = unescaped(&reads);
        if reads.len() == before {
            break;
        }
    }
    for read in &mut reads {
        read.byte.make_ascii_lowercase();
    }
    reads
}

/// A text with one layer of escapes taken off.
fn plain(text: &str) -> String {
    let bytes = unescaped(&as_written(text)).into_iter();
    let bytes: Vec<u8> = bytes.map(|read| read.byte).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The same text with one layer of escapes taken off.
fn unescaped(text: &[ByteRead]) -> Vec<ByteRead> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let first = text[at].byte;
        let found = match b"%\\&".contains(&first) {
            true => {
                let ahead = text[at..].iter().take(LONGEST_ESCAPE);
                let ahead: Vec<u8> = ahead.map(|read| read.byte).collect();
                escape(&ahead)
            }
            false => None,
        };
        let length = found.as_ref().map_or(1, |(length, _)| *length);
        let place = text[at].place.start..text[at + length - 1].place.end;
        match found.map(|(_, escaped)| escaped) {
            None => out.push(ByteRead { byte: first, place }),
            Some(Escaped::Byte(byte)) => out.push(ByteRead { byte, place }),
            Some(Escaped::Character(character)) => {
                let mut bytes = [0; 4];
                for byte in character.encode_utf8(&mut bytes).bytes() {
                    out.push(ByteRead {
                        byte,
                        place: place.clone(),
                    });
                }
            }
        }
        at += length;
    }
    out
}

/// What an escape stands for.
enum Escaped {
    Byte(u8),
    Character(char),
}

/// How long the escape at the beginning of a text is, and what it stands for.
fn escape(text: &[u8]) -> Option<(usize, Escaped)> {
    let number = |digits: &[u8], radix| {
        let digits = std::str::from_utf8(digits).ok()?;
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_plain.then(|| u32::from_str_radix(digits, radix).ok())?
    };
    let byte = |digits| number(digits, 16).and_then(|it| u8::try_from(it).ok());
    match text {
        [b'%', rest @ ..] => {
            let value = byte(rest.get(..2)?)?;
            Some((3, Escaped::Byte(value)))
        }
        [b'\\', b'x', rest @ ..] => {
            let value = byte(rest.get(..2)?)?;
            Some((4, Escaped::Byte(value)))
        }
        [b'\\', b'u', rest @ ..] => {
            let value = char::from_u32(number(rest.get(..4)?, 16)?)?;
            Some((6, Escaped::Character(value)))
        }
        [b'\\', next, ..] => {
            let value = match next {
                b'"' | b'\\' | b'/' | b'\'' => *next,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                _ => return None,
            };
            Some((2, Escaped::Byte(value)))
        }
        [b'&', rest @ ..] => {
            let end = rest.iter().position(|byte| *byte == b';')?;
            let value = match &rest[..end] {
                b"amp" => '&',
                b"lt" => '<',
                b"gt" => '>',
                b"quot" => '"',
                b"apos" => '\'',
                [b'#', b'x' | b'X', digits @ ..] => char::from_u32(number(digits, 16)?)?,
                [b'#', digits @ ..] => char::from_u32(number(digits, 10)?)?,
                _ => return None,
            };
            Some((end + 2, Escaped::Character(value)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const SECRET: &str = "xK/9\"f&Lq2%7vT=w";

    /// The longest piece of the secret that a text still shows, in large and small letters alike.
    fn longest_left(shown: &str) -> usize {
        let (shown, secret) = (shown.to_lowercase(), SECRET.to_lowercase());
        let starts = 0..secret.len();
        starts
            .flat_map(|from| (from + 1..=secret.len()).map(move |to| (from, to)))
            .filter(|(from, to)| shown.contains(&secret[*from..*to]))
            .map(|(from, to)| to - from)
            .max()
            .unwrap_or(0)
    }

    #[test]
    fn a_secret_is_hidden_however_it_is_written() {
        let mask = Mask::new([SECRET]);
        let json = serde_json::to_string(SECRET).expect("a text");
        let percent: String = SECRET.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let form: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
        let wide: String = SECRET
            .chars()
            .map(|c| format!("\\u{:04x}", u32::from(c)))
            .collect();
        for written in [
            SECRET.to_owned(),
            SECRET.to_uppercase(),
            json[1..json.len() - 1].to_owned(),
            json[1..json.len() - 1].replace('/', "\\/"),
            serde_json::to_string(&json).expect("a text"),
            percent.to_lowercase(),
            percent.replace('%', "%25"),
            form,
            percent,
            wide,
            SECRET.replace('&', "&amp;").replace('"', "&#34;"),
            SECRET.replace('"', "&#x22;").replace('&', "&#38;"),
        ] {
            let shown = mask.hide(&format!("no to {written}!"));
            assert!(shown.starts_with("no to "), "{shown}");
            assert!(shown.ends_with('!'), "{written}: {shown}");
            assert!(
                shown.len() <= "no to \"\\\"***\\\"\"!".len(),
                "{written}: {shown}"
            );
        }
        let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(mask.hide(&format!("is {hex}.")), "is ***.");
        for before in ["", "u:", "user:", "a:b:"] {
            let written = STANDARD.encode(format!("{before}{SECRET}"));
            let shown = mask.hide(&format!("Basic {written}"));
            assert!(shown.starts_with("Basic "), "{shown}");
            let left = shown.replace("***", "");
            // What stands before, and what its neighbours have a share in.
            assert!(
                left.len() <= "Basic ".len() + before.len() * 4 / 3 + 6,
                "{written}: {shown}"
            );
        }
    }

    #[test]
    fn parts_of_a_secret_are_hidden() {
        let mask = Mask::new([SECRET]);
        for from in 0..SECRET.len() {
            for to in from..=SECRET.len() {
                let shown = mask.hide(&format!("<<{}>>", &SECRET[from..to]));
                assert!(longest_left(&shown) < PART, "{shown}");
            }
        }
        assert_eq!(mask.hide("it begins with xK/9\"f&L"), "it begins with ***");
        assert_eq!(mask.hide("nothing of it here: é"), "nothing of it here: é");
        assert_eq!(Mask::default().hide("all"), "all");
        // Too short to mean anything.
        assert_eq!(Mask::new(["ab"]).hide("about"), "about");
        assert_eq!(Mask::new(["abc"]).hide("ABC abd"), "*** abd");
    }

    #[test]
    fn whole_secrets_are_hidden_in_texts_about_anything() {
        let secrets = ["https://registry.example.org/", "s3cr3t-word", "s3cr3t"];
        let mask = Mask::of_whole(secrets);
        assert_eq!(
            mask.hide("GET https://registry.example.com/ with s3cr3t-word, s3cr3t, s3cr3"),
            "GET https://registry.example.com/ with ***, ***, s3cr3"
        );
    }

    #[test]
    fn an_address_is_hidden_but_for_what_everybody_knows() {
        let url = "https://user1:pa%40ss@h.example.org/services/T0AB12/B0CD34/s3cr%2Ft0ken?key=tok3n-1&flagged#anchor";
        let mask = Mask::of_address(&Url::parse(url).expect("an address"));
        assert_eq!(
            mask.hide("no_service, invalid key"),
            "no_service, invalid key"
        );
        let shown = mask.hide(
            "user1 pa@ss pa%40ss T0AB12 b0cd34 s3cr/t0ken s3cr%2ft0ken t0ken tok3n-1 flagged anchor",
        );
        assert_eq!(shown, "*** *** *** *** *** *** *** t0ken *** *** ***");
        let basic = STANDARD.encode("user1:pa@ss");
        let shown = mask.hide(&basic);
        assert!(shown.starts_with("***") && shown.len() <= 5, "{shown}");
    }
}
