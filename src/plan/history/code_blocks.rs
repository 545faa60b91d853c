//! The code blocks of a message's body: what stands in them is an example and says nothing of the
//! commit.

/// How many columns the white space before a line takes; a tab goes to the next multiple of four,
/// as `CommonMark` reads it.
pub(super) fn indent(line: &str) -> usize {
    let mut columns = 0;
    for c in line.chars() {
        match c {
            ' ' => columns += 1,
            '\t' => columns += 4 - columns % 4,
            _ => break,
        }
    }
    columns
}

/// Empties the lines of fenced code blocks, the fences included. A fence that nothing closes is a
/// line like any other: a footer below it must not be lost.
pub(super) fn empty_fenced(lines: &mut [&str]) {
    // The shortest fence of each kind that was looked for up to the end and not found.
    let mut missing = [usize::MAX; 2];
    let mut place = 0;
    while place < lines.len() {
        let fence = Fence::opened_by(lines[place])
            .filter(|fence| fence.length < missing[usize::from(fence.tilde)]);
        place += 1;
        let Some(fence) = fence else { continue };
        match fence.end(&lines[place..]) {
            FenceEnd::At(end) => {
                lines[place - 1..=place + end].fill("");
                place += end + 1;
            }
            FenceEnd::Left => {}
            FenceEnd::Missing => missing[usize::from(fence.tilde)] = fence.length,
        }
    }
}

/// The opening line of a fenced code block.
struct Fence {
    tilde: bool,
    length: usize,
    indent: usize,
}

/// Where a code block ends.
enum FenceEnd {
    /// At this line.
    At(usize),
    /// The list item that it stands in ends before it does.
    Left,
    /// Nowhere.
    Missing,
}

impl Fence {
    fn opened_by(line: &str) -> Option<Self> {
        let text = line.trim();
        let tilde = text.starts_with('~');
        let rest = text.trim_start_matches(if tilde { '~' } else { '`' });
        let length = text.len() - rest.len();
        // Three backticks that are closed in their own line do not open a block.
        let opens = length >= 3 && (tilde || !rest.contains('`'));
        opens.then(|| Self {
            tilde,
            length,
            indent: indent(line),
        })
    }

    fn end(&self, lines: &[&str]) -> FenceEnd {
        for (place, line) in lines.iter().enumerate() {
            let text = line.trim();
            if !text.is_empty() && self.indent > 1 && indent(line) + 1 < self.indent {
                return FenceEnd::Left;
            }
            let sign = if self.tilde { '~' } else { '`' };
            if text.len() >= self.length && text.chars().all(|c| c == sign) {
                return FenceEnd::At(place);
            }
        }
        FenceEnd::Missing
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::history::code_blocks::*;

    #[test]
    fn fenced_lines_are_emptied() {
        for (text, left) in [
            ("a\n```\nb\n```\nc", "a c"),
            ("~~~ text\n```\nb\n~~~~\nc", "c"),
            ("````\n```\nb\n````\nc", "c"),
            ("```\nb\n\nc\n```sh\nd\n```", ""),
            ("  ```\n  b\n  ```\nc", "c"),
            // Nothing closes it.
            ("```\nb", "``` b"),
            ("```\nb\n~~~\nc\n~~~\nd", "``` b d"),
            ("* a\n  ```\n  b\n* c\n  ```", "* a   ```   b * c   ```"),
            // Not a fence.
            ("``\nb\n``", "`` b ``"),
            ("```b```\nc\n```b```", "```b``` c ```b```"),
        ] {
            let mut lines: Vec<_> = text.split('\n').collect();
            empty_fenced(&mut lines);
            lines.retain(|line| !line.is_empty());
            assert_eq!(lines.join(" "), left, "{text}");
        }
    }

    #[test]
    fn tabs_go_to_the_next_stop() {
        for (line, columns) in [("a", 0), ("  a", 2), ("\ta", 4), (" \ta", 4), ("\t a", 5)] {
            assert_eq!(indent(line), columns, "{line:?}");
        }
    }
}
