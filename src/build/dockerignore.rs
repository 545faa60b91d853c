//! `.dockerignore`: which paths of a build context the builder sees. Pure.
//!
//! The rules are those of Docker's own matcher (moby/patternmatcher), not gitignore's: a pattern
//! is anchored at the context's root, `**` spans any number of directories, a pattern that
//! matches a directory takes everything below it, `!` brings back, and the last pattern that
//! matches decides. Oddities that builds rely on are kept: a leading `**` also matches within a
//! name (`**log` takes `catalog`), and a trailing `**` any continuation (`doc**` takes `docker`).
//!
//! Names and patterns are bytes. Where Docker reads characters, a byte that is not UTF-8 is one
//! character, U+FFFD; so `?` matches it.

use std::borrow::Cow;

use regex::Regex;

use crate::text::sanitize_line;

/// The longest line in bytes that Docker reads.
const MAX_LINE: usize = 64 * 1024 - 1;

/// A parsed ignore file.
#[derive(Debug, Default)]
pub(crate) struct Ignore {
    patterns: Vec<IgnorePattern>,
}

/// A line that is not a valid pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: `{pattern}` is not a valid pattern: {rule}")]
pub(crate) struct PatternError {
    /// Counted from 1.
    pub(crate) line: usize,
    /// The line as it was read.
    pub(crate) pattern: String,
    /// The rule that it breaks.
    pub(crate) rule: &'static str,
}

/// What an [`Ignore`] decides about one path.
#[derive(Debug, Clone, Default)]
pub(crate) struct IgnoreVerdict {
    /// The builder does not see the path.
    pub(crate) ignored: bool,
    /// Which patterns matched, for the paths below.
    matched: Vec<bool>,
}

impl IgnoreVerdict {
    /// The verdict on the context's root, which is always seen.
    pub(crate) fn root() -> Self {
        Self::default()
    }
}

#[derive(Debug)]
struct IgnorePattern {
    /// `!`: what it matches is seen again.
    brings_back: bool,
    matcher: Matcher,
}

#[derive(Debug)]
enum Matcher {
    Exact(Vec<u8>),
    Prefix(Vec<u8>),
    /// The text after a leading `**`.
    Suffix(Vec<u8>),
    Regex(Regex),
}

impl Ignore {
    /// Reads an ignore file's text. Comments start with `#` in the first column.
    ///
    /// # Errors
    /// The first line that is not a valid pattern; Docker refuses to build with such a file too.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, PatternError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut patterns = Vec::new();
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            if line.starts_with(b"#") {
                continue;
            }
            let pattern = trim(line);
            if pattern.is_empty() && line.len() <= MAX_LINE {
                continue;
            }
            let parsed = match pattern {
                _ if line.len() > MAX_LINE => Err("it is longer than 64 KiB"),
                // No name has one. A file in UTF-16 has many, and would keep nothing out.
                _ if line.contains(&0) => Err("it has a zero byte, so the file is not UTF-8 text"),
                pattern => IgnorePattern::parse(pattern),
            };
            patterns.push(parsed.map_err(|rule| PatternError {
                line: index + 1,
                pattern: sanitize_line(&decode(pattern), 200),
                rule,
            })?);
        }
        Ok(Self { patterns })
    }

    /// Judges one path of a walk from the context's root: relative, `/` between the parts.
    /// `parent` is the verdict on its directory ([`IgnoreVerdict::root`] at the top).
    ///
    /// Docker judges during such a walk too, which has an effect: a pattern that did not match a
    /// directory is tried on the file alone.
    pub(crate) fn judge(&self, path: &[u8], parent: &IgnoreVerdict) -> IgnoreVerdict {
        let path = (path, &*decode(path));
        let mut verdict = IgnoreVerdict {
            ignored: false,
            matched: vec![false; self.patterns.len()],
        };
        for (index, pattern) in self.patterns.iter().enumerate() {
            let inherited = parent.matched.get(index).is_some_and(|matched| *matched);
            // A pattern that cannot change the verdict is not tried.
            let tried = pattern.brings_back == verdict.ignored && pattern.matcher.matches(path);
            if inherited || tried {
                verdict.matched[index] = true;
                verdict.ignored = !pattern.brings_back;
            }
        }
        verdict
    }

    /// Whether a pattern may bring back something below an ignored directory, so that it must be
    /// walked all the same.
    pub(crate) fn brings_back(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.brings_back)
    }
}

impl IgnorePattern {
    fn parse(line: &[u8]) -> Result<Self, &'static str> {
        let (brings_back, rest) = match line.strip_prefix(b"!") {
            Some(rest) => (true, trim(rest)),
            None => (false, line),
        };
        let cleaned = clean(rest);
        let text = match cleaned.strip_prefix(b"/") {
            Some([]) if brings_back => &[],
            Some(relative) if !relative.is_empty() => relative,
            _ => &*cleaned,
        };
        if text.is_empty() || (brings_back && rest.is_empty()) {
            return Err("nothing follows the `!`");
        }
        check_syntax(text)?;
        Ok(Self {
            brings_back,
            matcher: Matcher::compile(text)?,
        })
    }
}

impl Matcher {
    fn compile(pattern: &[u8]) -> Result<Self, &'static str> {
        let mut source = String::from("^");
        let mut kind = MatcherKind::Exact;
        let text = decode(pattern);
        let mut chars = text.chars().peekable();
        let mut first = true;
        while let Some(c) = chars.next() {
            match c {
                '*' if chars.next_if_eq(&'*').is_some() => {
                    chars.next_if_eq(&'/');
                    kind = if chars.peek().is_some() {
                        source.push_str("(.*/)?");
                        MatcherKind::Regex
                    } else if kind == MatcherKind::Exact {
                        MatcherKind::Prefix
                    } else {
                        source.push_str(".*");
                        MatcherKind::Regex
                    };
                    if first {
                        kind = MatcherKind::Suffix;
                    }
                }
                '*' => {
                    source.push_str("[^/]*");
                    kind = MatcherKind::Regex;
                }
                '?' => {
                    source.push_str("[^/]");
                    kind = MatcherKind::Regex;
                }
                '\\' => {
                    source.push('\\');
                    // A backslash at the very end was refused before.
                    source.extend(chars.next());
                    kind = MatcherKind::Regex;
                }
                '[' | ']' => {
                    source.push(c);
                    kind = MatcherKind::Regex;
                }
                '.' | '+' | '(' | ')' | '|' | '{' | '}' | '$' => source.extend(['\\', c]),
                other => source.push(other),
            }
            first = false;
        }
        source.push('$');
        Ok(match kind {
            MatcherKind::Exact => Self::Exact(pattern.to_vec()),
            MatcherKind::Prefix => Self::Prefix(pattern[..pattern.len() - 2].to_vec()),
            MatcherKind::Suffix => Self::Suffix(pattern[2..].to_vec()),
            MatcherKind::Regex => Self::Regex(
                Regex::new(&from_go(&source)?).map_err(|_| "it is not a valid expression")?,
            ),
        })
    }

    /// The path comes as bytes, and as Docker reads it.
    fn matches(&self, (path, text): (&[u8], &str)) -> bool {
        match self {
            Self::Exact(exact) => path == exact,
            Self::Prefix(prefix) => path.starts_with(prefix),
            Self::Suffix(suffix) => {
                path.ends_with(suffix) || suffix.strip_prefix(b"/") == Some(path)
            }
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum MatcherKind {
    Exact,
    Prefix,
    Suffix,
    Regex,
}

/// Turns the expression as Docker builds it for Go's engine into one that means the same here:
/// inside `[…]` this engine knows nested classes and set operators that Go does not, and `\d` and
/// its kin are Unicode here and ASCII there.
fn from_go(source: &str) -> Result<String, &'static str> {
    let mut out = String::with_capacity(source.len() + 8);
    let mut chars = source.chars().peekable();
    let mut inside = false;
    let mut opened = false;
    while let Some(c) = chars.next() {
        let at_start = std::mem::take(&mut opened);
        match c {
            '\\' => {
                let escaped = chars.next().ok_or("it ends in a backslash")?;
                push_escape(&mut out, escaped, inside)?;
            }
            '[' if !inside => {
                inside = true;
                opened = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
            }
            // Go reads a `]` right behind the opening as itself.
            ']' if inside && at_start => out.push_str("\\]"),
            ']' if inside => {
                inside = false;
                out.push(']');
            }
            ']' => out.push_str("\\]"),
            '[' | '&' | '~' | '^' if inside => out.extend(['\\', c]),
            other => out.push(other),
        }
    }
    Ok(out)
}

fn push_escape(out: &mut String, escaped: char, inside: bool) -> Result<(), &'static str> {
    let (class, negated) = match escaped {
        'd' => ("0-9", false),
        'D' => ("0-9", true),
        'w' => ("0-9A-Za-z_", false),
        'W' => ("0-9A-Za-z_", true),
        's' => ("\\t\\n\\f\\r ", false),
        'S' => ("\\t\\n\\f\\r ", true),
        'a' | 'f' | 'n' | 'r' | 't' | 'v' => {
            out.extend(['\\', escaped]);
            return Ok(());
        }
        c if c.is_ascii_alphanumeric() => {
            return Err("a backslash before this letter or digit means nothing");
        }
        c => {
            out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
            return Ok(());
        }
    };
    match (inside, negated) {
        (true, false) => out.push_str(class),
        (_, true) => out.extend(["[^", class, "]"]),
        (false, false) => out.extend(["[", class, "]"]),
    }
    Ok(())
}

/// The grammar that Docker checks first (Go's `path/filepath.Match`): closed, non-empty classes
/// with whole ranges, and no backslash at the end.
fn check_syntax(pattern: &[u8]) -> Result<(), &'static str> {
    const OPEN: &str = "a `[` is not closed";
    let text = decode(pattern);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next().ok_or("it ends in a backslash")?;
            }
            '[' => {
                chars.next_if_eq(&'^');
                let mut ranges = 0;
                while ranges == 0 || chars.next_if_eq(&']').is_none() {
                    class_member(&mut chars)?;
                    if chars.next_if_eq(&'-').is_some() {
                        class_member(&mut chars)?;
                    }
                    ranges += 1;
                    chars.peek().ok_or(OPEN)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn class_member(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<(), &'static str> {
    match chars.next() {
        None => Err("a `[` is not closed"),
        Some('-' | ']') => Err("a `[…]` is empty or has half a range"),
        Some('\\') => chars.next().map(drop).ok_or("it ends in a backslash"),
        Some(_) => Ok(()),
    }
}

/// The shortest path that means the same, by text alone (Go's `path/filepath.Clean`).
fn clean(path: &[u8]) -> Vec<u8> {
    if path.is_empty() {
        return Vec::new();
    }
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match parts.last() {
                Some(&last) if last != b".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(b".."),
            },
            name => parts.push(name),
        }
    }
    let joined = parts.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", &*joined].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

/// The characters of a text as Go reads them: each byte that is not UTF-8 is one U+FFFD.
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(text)
}

/// Without the white space at both ends. Bytes that are not UTF-8 are not white space.
fn trim(mut bytes: &[u8]) -> &[u8] {
    if let Some(chunk) = bytes.utf8_chunks().next() {
        let valid = chunk.valid();
        bytes = &bytes[valid.len() - valid.trim_start().len()..];
    }
    // The last character that is not white space ends the text; walked from the end, so that a long
    // line is not decoded.
    let mut end = bytes.len();
    while end > 0 {
        let start = (end.saturating_sub(4)..end)
            .rev()
            .find(|&start| !matches!(bytes[start], 0x80..=0xbf))
            .unwrap_or(end - 1);
        match std::str::from_utf8(&bytes[start..end]) {
            Ok(last) if last.chars().all(char::is_whitespace) => end = start,
            _ => break,
        }
    }
    &bytes[..end]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::build::dockerignore::*;

    /// One case: patterns (one a line), then what is ignored and what is seen.
    #[track_caller]
    fn check(patterns: &str, ignored: &[&str], seen: &[&str]) {
        let ignore = Ignore::parse(patterns.as_bytes()).expect("these are patterns");
        let ignores = |path: &str| {
            let ends = path.match_indices('/').map(|(end, _)| end);
            ends.chain([path.len()])
                .fold(IgnoreVerdict::root(), |parent, end| {
                    ignore.judge(&path.as_bytes()[..end], &parent)
                })
                .ignored
        };
        for path in ignored {
            assert!(ignores(path), "{patterns:?} should ignore {path:?}");
        }
        for path in seen {
            assert!(!ignores(path), "{patterns:?} should see {path:?}");
        }
    }

    #[test]
    fn a_pattern_is_anchored_and_takes_what_is_below() {
        check("", &[], &["a"]);
        check(
            "foo",
            &["foo", "foo/a", "foo/a/b"],
            &["a/foo", "foobar", "fo"],
        );
        check("/foo/", &["foo", "foo/a"], &["a/foo"]);
        check("./a//b/../c", &["a/c", "a/c/d"], &["a", "a/b"]);
        check("a/b", &["a/b", "a/b/c"], &["a", "b", "x/a/b"]);
        check("../x\n/\n.", &[], &["x", "a"]);
        check("  foo  \n\n# bar\n #baz", &["foo", "#baz"], &["bar", "baz"]);
        check("\u{feff}foo", &["foo"], &[]);
        check("a.b+(c)|{d}$", &["a.b+(c)|{d}$"], &["aXb+(c)|{d}$"]);
    }

    #[test]
    fn stars_and_question_marks_stay_within_a_part() {
        check("*", &["a", "a/b", ".git"], &[]);
        check("*.log", &["a.log", ".log"], &["a/b.log", "a.logs"]);
        check(
            "*/*.log",
            &["a/b.log", "a/b.log/c"],
            &["b.log", "a/b/c.log"],
        );
        check("a?c", &["abc", "aéc"], &["ac", "a/c", "abbc"]);
        check("a*/b", &["ax/b", "a/b"], &["ax/y/b"]);
    }

    #[test]
    fn two_stars_span_directories() {
        check("**", &["a", "a/b"], &[]);
        check(
            "**/foo",
            &["foo", "a/foo", "a/b/foo", "a/foo/c"],
            &["afoo", "foo1"],
        );
        check("**foo", &["foo", "barfoo", "a/barfoo"], &["foobar"]);
        check("**/*.log", &["a.log", "a/b.log"], &["a.txt"]);
        check("a/**", &["a/b", "a/b/c"], &["a", "ab"]);
        check("doc**", &["doc", "docker", "docker/x"], &["do", "x/doc"]);
        check(
            "a/**/b",
            &["a/b", "a/x/b", "a/x/y/b", "a/b/c"],
            &["ab", "a/xb"],
        );
        check("a**/b", &["a/b", "ax/b", "ax/y/b"], &["axb"]);
        check("*/**", &["a/b"], &["a"]);
        check("**/a/**", &["a/b", "x/a/b/c"], &["x/b"]);
        check("**/.git/x", &[".git/x", "a/.git/x"], &["a.git/x", "agit/x"]);
    }

    #[test]
    fn classes_and_escapes() {
        check("[ab]c", &["ac", "bc"], &["cc"]);
        check("[^a]c", &["bc"], &["ac"]);
        check("[a-c].x", &["a.x", "c.x"], &["d.x"]);
        check("\\*", &["*"], &["a"]);
        check("a\\?b", &["a?b"], &["axb"]);
        check("\\[a]", &["[a]"], &["a"]);
        check("[[]x", &["[x"], &["x"]);
        check("[a&&b]", &["a", "&", "b"], &["c"]);
        check("[\\]]", &["]"], &["\\"]);
        check("v\\d", &["v1"], &["v٣", "vd"]);
    }

    #[test]
    fn the_last_match_decides() {
        check("*\n!keep", &["a", "keep2"], &["keep", "keep/a"]);
        check(
            "docs\n!docs/README.md",
            &["docs", "docs/a"],
            &["docs/README.md"],
        );
        check("!a\na", &["a"], &[]);
        check("a\n!a\na/b", &["a/b"], &["a", "a/c"]);
        check(
            "*.md\n!README*.md\nREADME-secret.md",
            &["x.md", "README-secret.md"],
            &["README-1.md"],
        );
        check("**\n!**/*.rs", &["a/b.c"], &["a/b.rs", "b.rs"]);
        check("a\n! /a/b/", &["a/c"], &["a/b", "a/b/d"]);
        // `!a` had nothing to say about the directory `a`, which no pattern had ignored.
        check("a/x\n!a", &["a/x", "a/x/y"], &["a", "a/b"]);
        // `s/t` had nothing to say about `s/t`, which `*` had ignored, and so not of what is below.
        check("*\n!s/**/*.c\ns/t", &["s/t"], &["s/t/a.c"]);
        check("*\n!s/**/*.c\ns/t/*", &["s/t/a.c"], &["s/a.c"]);
        check("a\n!a", &[], &["a", "a/x"]);
        assert!(Ignore::parse(b"a\n!b").expect("patterns").brings_back());
        assert!(!Ignore::parse(b"a").expect("patterns").brings_back());
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_line() {
        for bad in [
            "!", "! ", "!/", "[a", "[]", "[]a]", "[-a]", "[a-]", "a\\", "[^", "[z-a]", "\\q",
        ] {
            let error = Ignore::parse(format!("ok\n{bad}").as_bytes()).expect_err(bad);
            assert_eq!(error.line, 2, "{bad}");
        }
    }

    #[test]
    fn paths_are_cleaned_by_text_alone() {
        for (given, clean_path) in [
            ("a/./b//c/", "a/b/c"),
            ("a/../..", ".."),
            ("/..//a", "/a"),
            ("./", "."),
            ("../../x", "../../x"),
        ] {
            assert_eq!(clean(given.as_bytes()), clean_path.as_bytes());
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_matched_as_docker_matches_them() {
        let ignores = |patterns: &[u8], path: &[u8]| {
            let ignore = Ignore::parse(patterns).expect("patterns");
            ignore.judge(path, &IgnoreVerdict::root()).ignored
        };
        assert!(ignores(b"caf\xe9", b"caf\xe9"));
        assert!(!ignores(b"caf\xe9", "café".as_bytes()));
        // For Docker such a byte is one character.
        assert!(ignores(b"caf?", b"caf\xe9") && !ignores(b"caf?", b"caf\xe9\x82"));
        assert!(ignores(b"*\xff", b"a\xfe"));
        assert!(ignores(b"\xc2\xa0 x \xe2\x80\xa8\r", b"x"));
        assert!(ignores(b"x \xe9 ", b"x \xe9"));
        assert!(Ignore::parse(b"\xff\xfe*\0.\0k\0e\0y\0\r\0\n\0").is_err());
        assert!(Ignore::parse(&vec![b'a'; 64 * 1024]).is_err());
        assert!(Ignore::parse(&vec![b' '; 64 * 1024]).is_err());
    }

    proptest! {
        /// Whatever the file, it is refused or taken; and a path that is escaped means itself alone.
        #[test]
        fn any_bytes_are_patterns_or_refused(
            bytes in prop::collection::vec(prop_oneof![
                any::<u8>(),
                prop::sample::select(&b"*?[]^-!\\/.#\r\n ab\xff"[..]),
            ], 0..40),
            path in "[a-c*?\\[\\]!#^. é\\\\-]{1,8}",
        ) {
            if let Ok(ignore) = Ignore::parse(&bytes) {
                let verdict = ignore.judge(path.as_bytes(), &IgnoreVerdict::root());
                ignore.judge(&[path.as_bytes(), b"/", &bytes].concat(), &verdict);
            }
            let plain = path.trim() == path && clean(path.as_bytes()) == path.as_bytes();
            prop_assume!(plain && !matches!(&*path, "." | ".."));
            let mut line = b"/".to_vec();
            for c in path.chars() {
                if "*?[]\\^-".contains(c) {
                    line.push(b'\\');
                }
                line.extend(c.to_string().bytes());
            }
            let ignore = Ignore::parse(&line).expect("it is escaped");
            prop_assert!(ignore.judge(path.as_bytes(), &IgnoreVerdict::root()).ignored);
            let other = format!("{path}x");
            prop_assert!(!ignore.judge(other.as_bytes(), &IgnoreVerdict::root()).ignored);
        }
    }
}
