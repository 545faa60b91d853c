//! From a commit's id to its number in the graph, in five to ten bytes a commit.

use git2::Oid;

const FREE: u32 = u32::MAX;

/// Numbers by their ids, which the caller has. An id is a hash already, so its own bytes say where its
/// number lies.
#[derive(Default)]
pub(crate) struct Places {
    /// Numbers; the next free place is taken where one is occupied. Half of them are free at least.
    slots: Vec<u32>,
    count: usize,
}

impl Places {
    pub(crate) fn find(&self, id: Oid, of: impl Fn(u32) -> Oid) -> Option<u32> {
        let mut slot = self.first(id)?;
        while self.slots[slot] != FREE {
            if of(self.slots[slot]) == id {
                return Some(self.slots[slot]);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        None
    }

    /// Adds a number whose id is not there yet.
    pub(crate) fn add(&mut self, node: u32, of: impl Fn(u32) -> Oid) {
        if self.slots.len() <= 2 * self.count {
            let larger = vec![FREE; (2 * self.slots.len()).max(64)];
            let old = std::mem::replace(&mut self.slots, larger);
            for node in old.into_iter().filter(|node| *node != FREE) {
                self.put(node, of(node));
            }
        }
        self.count += 1;
        self.put(node, of(node));
    }

    fn put(&mut self, node: u32, id: Oid) {
        let Some(mut slot) = self.first(id) else {
            return;
        };
        while self.slots[slot] != FREE {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.slots[slot] = node;
    }

    /// The slot at which the search for an id begins; `None`: there are no slots yet.
    fn first(&self, id: Oid) -> Option<usize> {
        let bytes = id.as_bytes().first_chunk::<8>()?;
        let hash = u64::from_le_bytes(*bytes) as usize;
        Some(hash & self.slots.len().checked_sub(1)?)
    }
}
