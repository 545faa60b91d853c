//! Paths of a tree. Git and Linux have names of bytes, so no path is taken for text.

use std::{ffi::OsStr, fmt, os::unix::ffi::OsStrExt, path::Path};

use crate::text::{is_harmful, sanitize_line};

/// How much of a path is shown in a message, in characters.
const SHOWN: usize = 300;

/// A path inside a tree: relative to the tree's root, `/` between the parts, without empty parts,
/// `.` and `..`. The empty path is the root.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TreePath(Vec<u8>);

impl TreePath {
    pub(crate) fn root() -> Self {
        Self::default()
    }

    /// The path of the entry called `name` in this directory.
    pub(crate) fn join(&self, name: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(self.0.len() + 1 + name.len());
        bytes.extend_from_slice(&self.0);
        if !bytes.is_empty() && !name.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(name);
        Self(bytes)
    }

    /// The directory that holds the entry; of the root, the root.
    pub(crate) fn parent(&self) -> Self {
        match self.0.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => Self(self.0[..slash].to_vec()),
            None => Self::root(),
        }
    }

    /// The last part.
    pub(crate) fn file_name(&self) -> &[u8] {
        self.0.rsplit(|&byte| byte == b'/').next().unwrap_or(&[])
    }

    /// The path seen from `directory`, if it lies below it.
    pub(crate) fn below(&self, directory: &Self) -> Option<Self> {
        if directory.0.is_empty() {
            return Some(self.clone());
        }
        let rest = self.0.strip_prefix(&*directory.0)?.strip_prefix(b"/")?;
        Some(Self(rest.to_vec()))
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.0
            .split(|&byte| byte == b'/')
            .filter(|part| !part.is_empty())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

/// As it is shown to a person: harmless on a terminal, with the bytes that are not text as `\xff`.
impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if is_harmful(c) {
                    text.extend(c.escape_default());
                } else {
                    text.push(c);
                }
            }
            for byte in chunk.invalid() {
                text.push_str(&format!("\\x{byte:02x}"));
            }
        }
        f.write_str(&sanitize_line(&text, SHOWN))
    }
}

impl From<&str> for TreePath {
    /// Joins the parts of a path of the policy. Parts that lead upwards are resolved by text alone;
    /// the policy refuses a path that leaves the repository.
    fn from(text: &str) -> Self {
        let mut path = Self::root();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => path = path.parent(),
                part => path = path.join(part.as_bytes()),
            }
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use crate::build::context::path::TreePath;

    #[test]
    fn paths_are_bytes_and_are_shown_as_text() {
        let path = TreePath::from("./a//b/../c").join(b"\xe9 \x1b\xc3\xa9");
        assert_eq!(path.as_bytes(), b"a/c/\xe9 \x1b\xc3\xa9");
        assert_eq!(path.to_string(), "a/c/\\xe9 \\u{1b}é");
        assert_eq!(path.parent(), TreePath::from("a/c"));
        assert_eq!(path.file_name(), b"\xe9 \x1b\xc3\xa9");
        assert_eq!(path.parts().count(), 3);
        assert_eq!(
            path.below(&"a".into()),
            Some(TreePath::from("c").join(path.file_name()))
        );
        assert!(path.below(&"a".into()).is_some_and(|seen| !seen.is_root()));
        assert_eq!(TreePath::from("ab/c").below(&"a".into()), None);
        assert_eq!(
            TreePath::from("a").below(&TreePath::root()),
            Some("a".into())
        );
    }
}
