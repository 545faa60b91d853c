//! Tables and sentences that fit the terminal: aligned columns, hanging indents, colours that repeat
//! what the words say.

use anstyle::{AnsiColor, Style};
use console::measure_text_width;

use crate::text::sanitize;

/// The narrowest last column; a terminal that leaves less gets the rest of a row on a line of its own.
pub(super) const NARROW: usize = 24;

/// How far what has no room behind its head is indented below it.
pub(super) const BELOW: usize = 4;

/// What a cell means. Colours repeat it and never carry it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing that a colour says.
    Plain,
    /// It is as it should be, or it will come to be.
    Good,
    /// It changes.
    Change,
    /// It stays as it is.
    Quiet,
    /// It is not as it should be.
    Bad,
}

impl Meaning {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Change => AnsiColor::Yellow.on_default(),
            Self::Quiet => Style::new().dimmed(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
        }
    }
}

/// One cell: harmless text and its meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableCell {
    text: String,
    meaning: Meaning,
}

impl TableCell {
    pub(super) fn new(text: impl Into<String>, meaning: Meaning) -> Self {
        let text = sanitize(text.into()).replace(['\n', '\t'], " ");
        Self { text, meaning }
    }

    fn width(&self) -> usize {
        measure_text_width(&self.text)
    }

    fn styled(&self, text: &str) -> String {
        let style = self.meaning.style();
        match self.meaning == Meaning::Plain || text.is_empty() {
            true => text.to_owned(),
            false => format!("{style}{text}{style:#}"),
        }
    }
}

impl<T: Into<String>> From<T> for TableCell {
    fn from(text: T) -> Self {
        Self::new(text, Meaning::Plain)
    }
}

/// Rows as lines, each column as wide as its widest cell. The last column is wrapped where `width` says
/// how much room there is; without it, a row is a line.
pub(super) fn lines(rows: &[Vec<TableCell>], indent: usize, width: Option<usize>) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(TableCell::width).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..count).map(widest).collect();
    // The last column is the one that says something, if it does so in this table alone.
    while widths.last() == Some(&0) {
        widths.pop();
    }
    let fixed: usize = widths.iter().rev().skip(1).map(|width| width + 2).sum();
    let last = widths.last().copied().unwrap_or(0);
    let room = width.map(|width| width.saturating_sub(indent + fixed));
    let ends = rows
        .iter()
        .filter_map(|row| row.get(widths.len().checked_sub(1)?));
    let longest = ends.map(|cell| longest_word(&cell.text)).max().unwrap_or(0);
    match (room, width) {
        (Some(room), Some(width)) if room < last.min(NARROW.max(longest)) => rows
            .iter()
            .flat_map(|row| stacked(row, indent, width))
            .collect(),
        _ => rows
            .iter()
            .flat_map(|row| row_lines(row, &widths, indent, fixed, room))
            .collect(),
    }
}

fn row_lines(
    row: &[TableCell],
    widths: &[usize],
    indent: usize,
    fixed: usize,
    room: Option<usize>,
) -> Vec<String> {
    let mut head = " ".repeat(indent);
    let mut parts = vec![String::new()];
    for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
        if column + 1 == widths.len() {
            parts = wrapped(&cell.text, room.unwrap_or(usize::MAX));
            parts.iter_mut().for_each(|part| *part = cell.styled(part));
        } else {
            let blanks = " ".repeat(width + 2 - cell.width());
            head += &format!("{}{blanks}", cell.styled(&cell.text));
        }
    }
    let hanging = " ".repeat(indent + fixed);
    let line = |(index, part): (usize, String)| {
        let start = if index == 0 { &head } else { &hanging };
        format!("{start}{part}").trim_end().to_owned()
    };
    parts.into_iter().enumerate().map(line).collect()
}

/// A row that does not fit: its first cell, and the others below it, as many on a line as there is room for.
fn stacked(row: &[TableCell], indent: usize, width: usize) -> Vec<String> {
    let Some((first, rest)) = row.split_first() else {
        return Vec::new();
    };
    let blanks = " ".repeat(indent);
    let mut lines = vec![format!("{blanks}{}", first.styled(&first.text))];
    let below = indent + BELOW;
    let mut taken = 0;
    for cell in rest.iter().filter(|cell| !cell.text.is_empty()) {
        let fits = taken > 0 && below + taken + 2 + cell.width() <= width;
        // A sentence begins behind what it is about, where it has room there.
        let least = NARROW.max(longest_word(&cell.text));
        let has_room = taken > 0 && below + taken + 2 + least <= width;
        let start = match fits || (has_room && cell.text.contains(' ')) {
            true => {
                let line = lines.last_mut().expect("the first cell has a line");
                line.push_str("  ");
                taken + 2
            }
            false => {
                lines.push(" ".repeat(below));
                0
            }
        };
        let room = width.saturating_sub(below + start).max(NARROW);
        for (index, part) in wrapped(&cell.text, room).into_iter().enumerate() {
            if index > 0 {
                lines.push(" ".repeat(below + start));
            }
            let line = lines.last_mut().expect("there is a line");
            line.push_str(&cell.styled(&part));
            taken = start + measure_text_width(&part);
        }
    }
    lines
}

/// A text that goes on, indented, below itself.
pub(super) fn paragraph(text: &str, width: Option<usize>) -> Vec<String> {
    let room = match width {
        Some(width) if measure_text_width(text) > width => width.saturating_sub(BELOW).max(NARROW),
        Some(_) | None => usize::MAX,
    };
    let parts = wrapped(text, room).into_iter().enumerate();
    let line = |(index, part): (usize, String)| match index {
        0 => part,
        _ => format!("{:BELOW$}{part}", ""),
    };
    parts.map(line).collect()
}

/// A text that goes on below itself behind `head`; where a word of it has no room there, below the head.
pub(super) fn hanging(head: &str, text: &str, width: Option<usize>) -> Vec<String> {
    let taken = measure_text_width(head);
    let width = width.unwrap_or(usize::MAX);
    let (behind, below) = (width.saturating_sub(taken), width.saturating_sub(BELOW));
    let longest = longest_word(text);
    let fits = behind >= NARROW.max(longest) || behind >= measure_text_width(text);
    let is_behind = fits || longest > below || taken <= BELOW;
    let (mut lines, indent, room) = match is_behind {
        true => (Vec::new(), taken, behind.max(NARROW)),
        false => (vec![head.trim_end().to_owned()], BELOW, below),
    };
    for (index, part) in wrapped(text, room).into_iter().enumerate() {
        let line = match index == 0 && is_behind {
            true => format!("{head}{part}"),
            false => format!("{:indent$}{part}", ""),
        };
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// The width of the longest part that is not broken.
fn longest_word(text: &str) -> usize {
    let words = text.split('\n').flat_map(words);
    words.map(measure_text_width).max().unwrap_or(0)
}

/// A text in lines of at most `room` columns, broken between words. A word that is longer stays whole, and
/// so does what stands between backticks: it may be a reference or a command to be copied.
pub(super) fn wrapped(text: &str, room: usize) -> Vec<String> {
    text.split('\n')
        .flat_map(|line| wrapped_line(line, room))
        .collect()
}

fn wrapped_line(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut taken: usize = 0;
    for word in words(text) {
        let width = measure_text_width(word);
        if taken > 0 && taken.saturating_add(1 + width) > room {
            lines.push(std::mem::take(&mut line));
            taken = 0;
        } else if !line.is_empty() {
            line.push(' ');
            taken += 1;
        }
        line += word;
        taken += width;
    }
    lines.push(line);
    lines
}

/// What is not broken: words, and whatever stands between two backticks.
fn words(text: &str) -> Vec<&str> {
    let is_paired = text.matches('`').count().is_multiple_of(2);
    let mut is_inside = false;
    text.split(|c: char| {
        is_inside ^= is_paired && c == '`';
        c == ' ' && !is_inside
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<TableCell>> {
        let row = |tag: &str, action: &str, why: &str| vec![tag.into(), action.into(), why.into()];
        vec![
            row("1.1.1", "create", ""),
            row(
                "latest",
                "keep",
                "2.0.1 is newer than anything that this branch can release",
            ),
        ]
    }

    #[test]
    fn a_table_fits_its_terminal() {
        for (width, expected) in [
            (
                None,
                &[
                    "  1.1.1   create",
                    "  latest  keep    2.0.1 is newer than anything that this branch can release",
                ][..],
            ),
            (
                Some(50),
                &[
                    "  1.1.1   create",
                    "  latest  keep    2.0.1 is newer than anything",
                    "                  that this branch can release",
                ],
            ),
            (
                Some(30),
                &[
                    "  1.1.1",
                    "      create",
                    "  latest",
                    "      keep",
                    "      2.0.1 is newer than",
                    "      anything that this",
                    "      branch can release",
                ],
            ),
        ] {
            assert_eq!(lines(&rows(), 2, width), expected, "{width:?}");
        }
    }

    /// What `hoist log` shows of a release in two repositories, one of which was taken back.
    #[test]
    fn a_table_of_releases_fits_its_terminal() {
        let row = |version: &str, places: &str, words: &str| -> Vec<TableCell> {
            let cells = [
                version,
                "2026-11-30 10:20",
                "3f2a91c",
                "9f2c41d0aa17",
                places,
                words,
            ];
            cells.map(TableCell::from).into()
        };
        let both = "docker.io/acme/api, ghcr.io/acme/api";
        let one = [row("1.1.0", both, "")];
        assert_eq!(
            lines(&one, 0, Some(80)),
            [
                "1.1.0  2026-11-30 10:20  3f2a91c  9f2c41d0aa17  docker.io/acme/api,",
                "                                                ghcr.io/acme/api",
            ]
        );
        assert_eq!(
            lines(&one, 0, Some(60)),
            [
                "1.1.0",
                "    2026-11-30 10:20  3f2a91c  9f2c41d0aa17",
                "    docker.io/acme/api, ghcr.io/acme/api",
            ]
        );
        let withdrawn = row(
            "1.2.0",
            both,
            "withdrawn on 2026-11-30 by dana: it loses mail",
        );
        let all = [withdrawn, row("1.1.0", both, "")];
        for width in 50..140 {
            for line in lines(&all, 2, Some(width)) {
                let taken = measure_text_width(&line);
                assert!(taken <= width, "{taken} of {width}: {line}");
            }
        }
    }

    /// A reason with a command that is not broken, beside columns that leave it no room.
    #[test]
    fn a_long_word_begins_where_it_has_room() {
        let why = "published in `registry.example.org/acme/pinger`";
        let row: Vec<TableCell> = vec!["latest".into(), "kept".into(), why.into()];
        let fitting = |width: usize| lines(std::slice::from_ref(&row), 2, Some(width));
        assert_eq!(
            fitting(60),
            [
                "  latest  kept  published in",
                "                `registry.example.org/acme/pinger`",
            ]
        );
        assert_eq!(
            fitting(42),
            [
                "  latest",
                "      kept",
                "      published in",
                "      `registry.example.org/acme/pinger`",
            ]
        );
        assert_eq!(
            hanging(
                "     Planned ",
                "registry.example.org/acme/pinger 1.0.0",
                Some(40)
            ),
            [
                "     Planned",
                "    registry.example.org/acme/pinger",
                "    1.0.0",
            ]
        );
        assert_eq!(
            hanging("     Planned ", "acme/api 1.0.0 from 3 commits", Some(40)),
            ["     Planned acme/api 1.0.0 from 3", "             commits",]
        );
        let line = hanging("     Planned ", "acme/api 1.0.0 from 3 commits", None);
        assert_eq!(line, ["     Planned acme/api 1.0.0 from 3 commits"]);
    }

    #[test]
    fn a_word_is_never_broken() {
        let reference = "registry.example.org/acme/api@sha256:abc";
        assert_eq!(wrapped(reference, 10), [reference]);
        assert_eq!(wrapped("a b", 1), ["a", "b"]);
        let hint = "run `hoist release --yes` now, it's `fine";
        assert_eq!(wrapped(hint, 10)[..2], ["run `hoist", "release"]);
        let hint = "run `hoist release --yes` now";
        assert_eq!(wrapped(hint, 10), ["run", "`hoist release --yes`", "now"]);
        assert_eq!(wrapped("", 5), [""]);
        assert_eq!(wrapped("日本語 日本語", 7), ["日本語", "日本語"]);
    }

    #[test]
    fn a_colour_repeats_what_the_word_says() {
        let row = vec![vec![
            TableCell::new("wrong", Meaning::Bad),
            TableCell::new("\u{1b}[2J", Meaning::Plain),
        ]];
        let line = lines(&row, 0, None).concat();
        assert!(
            line.contains("\u{1b}[1m\u{1b}[31mwrong\u{1b}[0m"),
            "{line:?}"
        );
        assert!(line.ends_with("\\u{1b}[2J"), "{line:?}");
    }
}
