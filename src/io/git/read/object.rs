//! A commit object's text: headers, then a blank line, then the message.
//!
//! It is parsed here and not by libgit2, because a walk needs only three of its fields, and because
//! messages must be kept byte by byte.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use git2::Oid;

/// The fields of a commit that a walk needs.
pub(crate) struct Header {
    pub(crate) parents: Vec<Oid>,
    /// The committer's date, seconds since 1970 UTC; 0 where it cannot be read.
    pub(crate) date: i64,
}

/// The fields of a commit that people read.
pub(crate) struct Text {
    pub(crate) author: String,
    pub(crate) email: String,
    /// The author's date, seconds since 1970 UTC; 0 where it cannot be read.
    pub(crate) written: i64,
    pub(crate) message: String,
}

impl Header {
    pub(crate) fn parse(object: &[u8]) -> Option<Self> {
        let mut header = Self {
            parents: Vec::new(),
            date: 0,
        };
        let mut lines = headers(object);
        lines.next().filter(|(key, _)| *key == b"tree")?;
        for (key, value) in lines {
            match key {
                b"parent" => header.parents.push(oid(value)?),
                b"committer" => {
                    header.date = date(value);
                    return Some(header);
                }
                _ => {}
            }
        }
        Some(header)
    }
}

/// The id of a commit's tree.
pub(crate) fn tree(object: &[u8]) -> Option<Oid> {
    headers(object)
        .next()
        .filter(|(key, _)| *key == b"tree")
        .and_then(|(_, value)| oid(value))
}

impl Text {
    /// Decodes by the encoding that the commit declares; what does not fit it, and what declares
    /// none and is not UTF-8, becomes U+FFFD, so that the rest still counts.
    pub(crate) fn parse(object: &[u8]) -> Self {
        let value = |wanted: &[u8]| {
            headers(object)
                .find(|(key, _)| *key == wanted)
                .map(|(_, value)| value)
        };
        let author = decode(encoding(object), value(b"author").unwrap_or_default());
        let (name, rest) = author.split_once('<').unwrap_or((&author, ""));
        let email = rest.split('>').next().unwrap_or_default();
        Self {
            author: name.trim().to_owned(),
            email: email.trim().to_owned(),
            written: value(b"author").map_or(0, date),
            message: message(object).into_owned(),
        }
    }
}

/// `key value` lines up to the blank one; continued lines (signatures) are left out.
fn headers(object: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    object
        .split(|byte| *byte == b'\n')
        .take_while(|line| !line.is_empty())
        .filter(|line| line[0] != b' ')
        .filter_map(|line| {
            let space = line.iter().position(|byte| *byte == b' ')?;
            Some((&line[..space], &line[space + 1..]))
        })
}

/// A commit's message, decoded as [`Text`] has it.
pub(crate) fn message(object: &[u8]) -> Cow<'_, str> {
    decode(encoding(object), message_bytes(object))
}

/// The encoding that a commit declares, where it can be true: a message in UTF-16 would end at its first
/// NUL, and one for which the standard has nothing but a replacement character would lose the whole
/// message.
fn encoding(object: &[u8]) -> Option<&'static Encoding> {
    headers(object)
        .find(|(key, _)| *key == b"encoding")
        .and_then(|(_, value)| Encoding::for_label_no_replacement(value))
        .filter(|encoding| ![UTF_16LE, UTF_16BE].contains(encoding))
}

fn decode<'a>(encoding: Option<&'static Encoding>, bytes: &'a [u8]) -> Cow<'a, str> {
    match encoding {
        Some(encoding) => encoding.decode_without_bom_handling(bytes).0,
        None => String::from_utf8_lossy(bytes),
    }
}

fn message_bytes(object: &[u8]) -> &[u8] {
    if object.first() == Some(&b'\n') {
        return &object[1..];
    }
    let end = object.windows(2).position(|pair| pair == b"\n\n");
    end.map_or(&[], |end| &object[end + 2..])
}

fn oid(hex: &[u8]) -> Option<Oid> {
    Oid::from_str(std::str::from_utf8(hex).ok()?).ok()
}

/// `Name <address> 1700000000 +0100`
fn date(signature: &[u8]) -> i64 {
    let start = signature
        .iter()
        .rposition(|byte| *byte == b'>')
        .map_or(0, |place| place + 1);
    std::str::from_utf8(&signature[start..])
        .ok()
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use crate::io::git::read::object::*;

    const OBJECT: &[u8] = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\
        parent 1111111111111111111111111111111111111111\n\
        author J\xe9r\xf4me <j@example.org> 1700000000 +0100\n\
        committer A <a@b> 1700000060 +0100\n\
        encoding ISO-8859-1\n\
        gpgsig -----BEGIN\n parent 2222222222222222222222222222222222222222\n -----END\n\
        \nfeat!: \xe9t\xe9\n\nbody\n";

    #[test]
    fn a_commit_is_read_as_git_wrote_it() {
        let header = Header::parse(OBJECT).expect("a header");
        assert_eq!(header.parents.len(), 1);
        assert_eq!(header.date, 1_700_000_060);
        let text = Text::parse(OBJECT);
        assert_eq!(text.author, "Jérôme");
        assert_eq!(text.email, "j@example.org");
        assert_eq!(text.written, 1_700_000_000);
        assert_eq!(text.message, "feat!: été\n\nbody\n");
    }

    #[test]
    fn a_label_that_cannot_be_true_hides_no_message() {
        for label in ["UTF-16LE", "hz-gb-2312", "iso-2022-kr", "latin-0"] {
            let object = format!("tree x\nencoding {label}\n\nfeat!: x\n");
            assert_eq!(
                Text::parse(object.as_bytes()).message,
                "feat!: x\n",
                "{label}"
            );
        }
    }

    #[test]
    fn odd_bytes_are_no_panic() {
        for bytes in [
            &b""[..],
            b"\n",
            b"tree x",
            b"blob",
            b"tree \n\n",
            &[0xff; 9],
        ] {
            assert!(Header::parse(bytes).is_none_or(|header| header.parents.is_empty()));
            Text::parse(bytes);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let mut object = OBJECT[..OBJECT.len() - bytes.len().min(OBJECT.len())].to_vec();
            object.extend(&bytes);
            Header::parse(&object);
            Header::parse(&bytes);
            Text::parse(&object);
            tree(&object);
        }
    }
}
