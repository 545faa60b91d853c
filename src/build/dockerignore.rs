//! `.dockerignore`: which paths of a build context the builder sees. Pure.
//!
//! The rules are those of Docker's own matcher (moby/patternmatcher), not gitignore's: a pattern
//! is anchored at the context's root, `**` spans any number of directories, a pattern that
//! matches a directory takes everything below it, `!` brings back, and the last pattern that
//! matches decides. Oddities that builds rely on are kept: a leading `**` also matches within a
//! name (`**log` takes `catalog`), and a trailing `**` any continuation (`doc**` takes `docker`).

use regex::Regex;

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
    Exact(String),
    Prefix(String),
    /// The text after a leading `**`.
    Suffix(String),
    Regex(Regex),
}

impl Ignore {
    /// Reads an ignore file's text. Comments start with `#` in the first column.
    ///
    /// # Errors
    /// The first line that is not a valid pattern; Docker refuses to build with such a file too.
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut patterns = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            patterns.push(
                IgnorePattern::parse(line.trim()).map_err(|rule| PatternError {
                    line: index + 1,
                    pattern: line.trim().chars().take(200).collect(),
                    rule,
                })?,
            );
        }
        Ok(Self { patterns })
    }

    /// Judges one path of a walk from the context's root: relative, `/` between the parts.
    /// `parent` is the verdict on its directory ([`IgnoreVerdict::root`] at the top).
    ///
    /// Docker judges during such a walk too, which has an effect: a pattern that did not match a
    /// directory is tried on the file alone.
    pub(crate) fn judge(&self, path: &str, parent: &IgnoreVerdict) -> IgnoreVerdict {
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
    fn parse(line: &str) -> Result<Self, &'static str> {
        let (brings_back, rest) = match line.strip_prefix('!') {
            Some(rest) => (true, rest.trim()),
            None => (false, line),
        };
        let cleaned = clean(rest);
        let text = match cleaned.strip_prefix('/') {
            Some("") if brings_back => "",
            Some(relative) if !relative.is_empty() => relative,
            _ => &cleaned,
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
    fn compile(pattern: &str) -> Result<Self, &'static str> {
        let mut source = String::from("^");
        let mut kind = MatcherKind::Exact;
        let mut chars = pattern.chars().peekable();
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
            MatcherKind::Exact => Self::Exact(pattern.to_owned()),
            MatcherKind::Prefix => Self::Prefix(pattern[..pattern.len() - 2].to_owned()),
            MatcherKind::Suffix => Self::Suffix(pattern[2..].to_owned()),
            MatcherKind::Regex => Self::Regex(
                Regex::new(&from_go(&source)?).map_err(|_| "it is not a valid expression")?,
            ),
        })
    }

    fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(text) => path == text,
            Self::Prefix(text) => path.starts_with(text.as_str()),
            Self::Suffix(text) => {
                path.ends_with(text.as_str()) || text.strip_prefix('/') == Some(path)
            }
            Self::Regex(regex) => regex.is_match(path),
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
fn check_syntax(pattern: &str) -> Result<(), &'static str> {
    const OPEN: &str = "a `[` is not closed";
    let mut chars = pattern.chars().peekable();
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
fn clean(path: &str) -> String {
    if path.is_empty() {
        return String::new();
    }
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(".."),
            },
            name => parts.push(name),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

#[cfg(test)]
mod tests {
    use crate::build::dockerignore::*;

    /// One case: patterns (one a line), then what is ignored and what is seen.
    #[track_caller]
    fn check(patterns: &str, ignored: &[&str], seen: &[&str]) {
        let ignore = Ignore::parse(patterns).expect("these are patterns");
        let ignores = |path: &str| {
            let ends = path.match_indices('/').map(|(end, _)| end);
            ends.chain([path.len()])
                .fold(IgnoreVerdict::root(), |parent, end| {
                    ignore.judge(&path[..end], &parent)
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
        assert!(Ignore::parse("a\n!b").expect("patterns").brings_back());
        assert!(!Ignore::parse("a").expect("patterns").brings_back());
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_line() {
        for bad in [
            "!", "! ", "!/", "[a", "[]", "[]a]", "[-a]", "[a-]", "a\\", "[^", "[z-a]", "\\q",
        ] {
            let error = Ignore::parse(&format!("ok\n{bad}")).expect_err(bad);
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
            assert_eq!(clean(given), clean_path);
        }
    }
}
