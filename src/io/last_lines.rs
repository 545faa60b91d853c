//! The end of a program's output, for the error that it failed with.

use std::collections::VecDeque;

/// How many lines an error shows.
const SHOWN: usize = 50;

/// The last lines of an output, and how many there were.
#[derive(Debug, Default)]
pub(crate) struct LastLines {
    lines: VecDeque<String>,
    count: usize,
}

impl LastLines {
    /// Adds a line as it is. Empty lines count, too: they set parts of the output off.
    pub(crate) fn push(&mut self, line: &str) {
        self.count += 1;
        if self.lines.len() == SHOWN {
            self.lines.pop_front();
        }
        self.lines.push_back(line.to_owned());
    }

    /// How much of the output it is; `whose` says of what.
    pub(crate) fn title(&self, whose: &str) -> String {
        match self.count {
            1 => format!("the only line {whose}"),
            count if count > SHOWN => format!("the last {SHOWN} of {count} lines {whose}"),
            count => format!("all {count} lines {whose}"),
        }
    }

    /// The lines, oldest first.
    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.into()
    }
}
