//! Text for people: made harmless on a terminal, cut to a line, counts of bytes.

pub(crate) mod page;

use std::{sync::LazyLock, time::Duration};

use regex::Regex;
use unit_prefix::{NumberPrefix, Prefix};

/// Makes text from outside harmless on a terminal and short enough for a line: control characters
/// (terminal escapes among them) become `\u{…}`, and what is longer than `max` characters is cut.
#[must_use]
pub fn sanitize_line(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max));
    for (index, c) in text.trim().chars().enumerate() {
        if index == max {
            out.push('…');
            break;
        }
        if is_harmful(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// As [`sanitize_line`], for text that is ours but quotes others: line breaks and tabs stay, and so does its
/// length.
pub(crate) fn sanitize(text: String) -> String {
    let stays = |c: char| !is_harmful(c) || matches!(c, '\n' | '\t');
    if text.chars().all(stays) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if stays(c) {
            out.push(c);
        } else {
            out.extend(c.escape_unicode());
        }
    }
    out
}

/// Colours, movements of the cursor, titles: what programs send to a terminal besides text.
static TERMINAL_ESCAPES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)").expect("it is fixed")
});

/// A line of a program's output as a person would have seen it: without colours, the last form of a line
/// that was overwritten, with its indentation. It is harmless, and at most `max` characters long.
pub(crate) fn output_line(text: &str, max: usize) -> String {
    let shown = text.trim_end().rsplit('\r').next().unwrap_or_default();
    let plain = TERMINAL_ESCAPES.replace_all(shown, "");
    let mut short: String = plain.chars().take(max).collect();
    if short.len() < plain.len() {
        short.push('…');
    }
    sanitize(short.replace('\n', " "))
}

/// Characters that must not reach a terminal as they are: control characters, separators that end a
/// line, and those that are not seen themselves but change what is seen. Among these are all that
/// control the direction of writing, so that a line cannot read as another one, and blanks without a
/// width and tags, so that nothing can be hidden in it.
///
/// Variation selectors, and the joiners that some scripts and many emoji are written with, stay.
///
/// Source: the Unicode properties `Bidi_Control` and `Default_Ignorable_Code_Point`, and the general
/// categories `Cc`, `Cf` (but for signs that are seen), `Zl` and `Zp`.
pub(crate) fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Soft hyphen, Arabic letter mark, Hangul, Khmer and Mongolian fillers.
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            // Zero width space; marks of direction.
            | '\u{200b}' | '\u{200e}' | '\u{200f}'
            // Separators of lines and paragraphs; embeddings and overrides of direction.
            | '\u{2028}'..='\u{202e}'
            // Word joiner, invisible operators, isolates of direction, deprecated controls.
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            // What is not assigned there is ignored by default; interlinear annotations.
            | '\u{fff0}'..='\u{fffb}'
            // Controls of hieroglyphs, shorthand and musical notation.
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            // Tags, and selectors that can carry a hidden text.
            | '\u{e0000}'..='\u{e0fff}')
}

/// A word as a POSIX shell reads it: quoted where it has to be.
#[must_use]
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    match word.is_empty() || !word.chars().all(plain) {
        true => format!("'{}'", word.replace('\'', r"'\''")),
        false => word.to_owned(),
    }
}

/// A count of bytes for people, in decimal units, as registries count.
#[must_use]
pub fn bytes(count: u64) -> String {
    #[expect(
        clippy::cast_precision_loss,
        reason = "one digit behind the point is shown"
    )]
    let count_f = count as f64;
    match NumberPrefix::decimal(count_f) {
        NumberPrefix::Standalone(_) => format!("{count} B"),
        NumberPrefix::Prefixed(prefix @ (Prefix::Kilo | Prefix::Mega), count) => {
            format!("{count:.1} {prefix}B")
        }
        NumberPrefix::Prefixed(prefix, count) => format!("{count:.2} {prefix}B"),
    }
}

/// A duration as `release.toml` has it: `10m`, `90s`, `250ms`.
#[must_use]
pub(crate) fn limit(duration: Duration) -> String {
    let millis = duration.as_millis();
    for (unit, name) in [(3_600_000, "h"), (60_000, "m"), (1_000, "s")] {
        if millis > 0 && millis.is_multiple_of(unit) {
            return format!("{}{name}", millis / unit);
        }
    }
    format!("{millis}ms")
}

/// How long something took, for people: `0.4 s`, `12 s`, `2 min 5 s`, `1 h 2 min`.
#[must_use]
pub(crate) fn elapsed(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{seconds}.{} s", duration.subsec_millis() / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::text::{
        bytes, elapsed, is_harmful, limit, output_line, sanitize, sanitize_line, shell_word,
    };

    #[test]
    fn durations_have_the_units_of_their_readers() {
        for (millis, in_policy, for_people) in [
            (0, "0ms", "0.0 s"),
            (250, "250ms", "0.2 s"),
            (9_999, "9999ms", "9.9 s"),
            (20_000, "20s", "20 s"),
            (125_000, "125s", "2 min 5 s"),
            (600_000, "10m", "10 min 0 s"),
            (7_200_000, "2h", "2 h 0 min"),
        ] {
            let duration = Duration::from_millis(millis);
            assert_eq!(
                (&*limit(duration), &*elapsed(duration)),
                (in_policy, for_people)
            );
        }
    }

    #[test]
    fn a_word_is_quoted_where_a_shell_would_not_read_it() {
        for (word, quoted) in [
            ("services/api/release.toml", "services/api/release.toml"),
            ("a b.toml", "'a b.toml'"),
            ("it's", r"'it'\''s'"),
            ("$(x)", "'$(x)'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(word), quoted);
        }
    }

    #[test]
    fn terminal_escapes_are_made_harmless() {
        assert_eq!(
            sanitize_line("a\u{1b}[31mb\u{202e}c", 99),
            "a\\u{1b}[31mb\\u{202e}c"
        );
        assert_eq!(sanitize_line("abcdef", 3), "abc…");
    }

    #[test]
    fn a_line_of_output_keeps_what_a_person_reads() {
        for (printed, seen) in [
            ("  3 |     x", "  3 |     x"),
            ("\tindented ", "\tindented"),
            ("\u{1b}[1;31merror\u{1b}[0m: no", "error: no"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;http://a\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("10%\r20%\r\n", "20%"),
            ("a\u{7}b\u{1b}(Bc", "a\\u{7}b\\u{1b}(Bc"),
            ("", ""),
        ] {
            assert_eq!(output_line(printed, 99), seen, "{printed:?}");
        }
        assert_eq!(output_line("\u{1b}[31mabcdef", 3), "abc…");
    }

    #[test]
    fn what_is_not_seen_is_made_visible() {
        for (what, from, to) in [
            ("C0", '\0', '\u{1f}'),
            ("delete and C1", '\u{7f}', '\u{9f}'),
            ("soft hyphen", '\u{ad}', '\u{ad}'),
            ("Arabic letter mark", '\u{61c}', '\u{61c}'),
            ("Hangul fillers", '\u{115f}', '\u{1160}'),
            ("Khmer vowels that are not seen", '\u{17b4}', '\u{17b5}'),
            ("Mongolian vowel separator", '\u{180e}', '\u{180e}'),
            ("zero width space", '\u{200b}', '\u{200b}'),
            ("marks of direction", '\u{200e}', '\u{200f}'),
            ("separators", '\u{2028}', '\u{2029}'),
            ("embeddings and overrides", '\u{202a}', '\u{202e}'),
            ("word joiner and operators", '\u{2060}', '\u{2064}'),
            ("isolates", '\u{2066}', '\u{2069}'),
            ("deprecated controls", '\u{206a}', '\u{206f}'),
            ("Hangul filler", '\u{3164}', '\u{3164}'),
            ("byte order mark", '\u{feff}', '\u{feff}'),
            ("narrow Hangul filler", '\u{ffa0}', '\u{ffa0}'),
            ("annotations", '\u{fff9}', '\u{fffb}'),
            ("hieroglyphs", '\u{13430}', '\u{1343f}'),
            ("shorthand", '\u{1bca0}', '\u{1bca3}'),
            ("music", '\u{1d173}', '\u{1d17a}'),
            ("tags", '\u{e0000}', '\u{e007f}'),
            ("selectors with hidden text", '\u{e0100}', '\u{e01ef}'),
        ] {
            for c in from..=to {
                assert!(is_harmful(c), "{what}: {c:?}");
                let visible = format!("a{}b", c.escape_unicode());
                assert_eq!(sanitize_line(&format!("a{c}b"), 99), visible, "{what}");
                if !matches!(c, '\n' | '\t') {
                    assert_eq!(sanitize(format!("a{c}b")), visible, "{what}");
                }
            }
        }
        for text in [
            "plain, with a no-break\u{a0}space",
            "na\u{ef}ve, caf\u{65}\u{301}",
            "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{633}\u{644}\u{627}\u{645}",
            "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
            "\u{915}\u{94d}\u{200d}\u{937}",
            "\u{1f9d1}\u{200d}\u{1f4bb} \u{267b}\u{fe0f} \u{6dd}",
            "\u{65e5}\u{672c}\u{8a9e}\u{3000}\u{ac00}",
        ] {
            assert_eq!(sanitize_line(text, 99), text);
            assert_eq!(sanitize(text.to_owned()), text);
        }
    }

    #[test]
    fn bytes_have_decimal_units() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (31_449, "31.4 kB"),
            (2_550_000, "2.5 MB"),
            (999_900_000, "999.9 MB"),
            (1_234_000_000, "1.23 GB"),
            (2_000_000_000_000, "2.00 TB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }
}
