//! What the messages of a walk's commits give, while their texts are forgotten.

use crate::plan::history::facts::CommitOutline;

/// Says what a message gives alone: the message, whether the commit is a merge, and where the hashes of
/// what it can be named by go.
pub type Outliner<'p> = dyn Fn(&str, bool, &mut dyn FnMut(u32)) -> CommitOutline + 'p;

/// What the messages of commits give alone, by the commits' numbers.
pub(crate) struct Outlines<'p> {
    outliner: &'p Outliner<'p>,
    commits: Vec<NumberedOutline>,
    /// Hashes of what commits can be named by, one run for each commit.
    names: Vec<u32>,
}

#[derive(Clone, Copy, Default)]
struct NumberedOutline {
    outline: CommitOutline,
    first: u32,
    count: u16,
}

impl<'p> Outlines<'p> {
    pub(crate) fn of(outliner: &'p Outliner<'p>) -> Self {
        Self {
            outliner,
            commits: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Adds the commit with this number.
    pub(crate) fn add(&mut self, number: u32, message: &str, merge: bool) {
        let (first, names) = (self.names.len(), &mut self.names);
        let outline = (self.outliner)(message, merge, &mut |name| names.push(name));
        let place = number as usize;
        if self.commits.len() <= place {
            self.commits.resize(place + 1, NumberedOutline::default());
        }
        self.commits[place] = NumberedOutline {
            outline,
            first: u32::try_from(first).expect("fewer than 2^32 names"),
            count: u16::try_from(self.names.len() - first).expect("a commit has a few names"),
        };
    }

    /// What a commit gives, and the hashes of what it can be named by.
    pub(crate) fn get(&self, number: u32) -> (CommitOutline, &[u32]) {
        let NumberedOutline {
            outline,
            first,
            count,
        } = self.commits[number as usize];
        let first = first as usize;
        (outline, &self.names[first..first + usize::from(count)])
    }
}
