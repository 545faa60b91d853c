//! Text for people: made harmless on a terminal, cut to a line, counts of bytes.

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

/// Control characters; and bidirectional overrides, which can make a line read as another one.
pub(crate) fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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

#[cfg(test)]
mod tests {
    use crate::text::{bytes, sanitize_line};

    #[test]
    fn terminal_escapes_are_made_harmless() {
        assert_eq!(
            sanitize_line("a\u{1b}[31mb\u{202e}c", 99),
            "a\\u{1b}[31mb\\u{202e}c"
        );
        assert_eq!(sanitize_line("abcdef", 3), "abc…");
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
