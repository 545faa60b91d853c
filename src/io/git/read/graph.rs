//! The commit graph, loaded as it is walked: ids, parents and dates, nothing else.
//!
//! Objects are read and forgotten; a few dozen bytes a commit stay in memory. A commit is loaded
//! when a walk reaches it, so a walk that ends early has read no more than it looked at.

use std::collections::{HashMap, HashSet};

use git2::{ObjectType, Oid};

use crate::{
    error::{Error, ErrorCode, Result},
    io::git::read::{
        object::{Header, Text, message},
        object_source::ObjectSource,
        outlines::Outlines,
        places::Places,
        problem,
    },
    plan::history::facts::CommitOutline,
};

/// A commit's place in the graph.
pub(crate) type Node = u32;

/// Commits as numbers, with what a walk needs to know of them.
pub(crate) struct Graph<'r> {
    objects: ObjectSource<'r>,
    places: Places,
    ids: Vec<Oid>,
    commits: Vec<CommitEntry>,
    /// The parents of the commits that have several: how many, then which.
    parents: Vec<Node>,
    /// Commits at which a shallow clone is cut off.
    cuts: HashSet<Oid>,
    /// The texts of the commits that were loaded since [`Graph::keep_texts`].
    texts: Option<HashMap<Node, Text>>,
    /// What the messages of the loaded commits give.
    outlines: Option<Outlines<'r>>,
}

struct CommitEntry {
    date: i64,
    /// The only parent, or where the run of its parents begins.
    parent: u32,
    state: LoadState,
}

// A long history is hundreds of thousands of these.
const _: () = assert!(size_of::<CommitEntry>() <= 16 && size_of::<Oid>() == 20);

#[derive(Clone, Copy, PartialEq, Eq)]
enum LoadState {
    Named,
    /// Loaded, with no parent, one, or several.
    Root,
    Child,
    Merge,
    /// Loaded; its parents are missing because the clone is shallow.
    Cut,
}

impl<'r> Graph<'r> {
    pub(crate) fn new(objects: ObjectSource<'r>, cuts: HashSet<Oid>) -> Self {
        Self {
            objects,
            places: Places::default(),
            ids: Vec::new(),
            commits: Vec::new(),
            parents: Vec::new(),
            cuts,
            texts: None,
            outlines: None,
        }
    }

    /// The same graph; what each loaded commit gives by its message alone is kept.
    pub(crate) fn with_outlines(mut self, outlines: Outlines<'r>) -> Self {
        self.outlines = Some(outlines);
        self
    }

    /// What a loaded commit gives by its message, where that was kept.
    pub(crate) fn outline(&self, node: Node) -> (CommitOutline, &[u32]) {
        let outlines = self.outlines.as_ref();
        outlines.map_or_else(Default::default, |outlines| outlines.get(node))
    }

    /// From now on the text of each loaded commit is kept too. It is called when all of them will be
    /// listed, so that no commit is read twice.
    pub(crate) fn keep_texts(&mut self) {
        if self.outlines.is_none() {
            self.texts.get_or_insert_default();
        }
    }

    /// Closes the object database; nothing can be loaded any more without opening it again.
    pub(crate) fn close(&mut self) {
        self.objects.close();
    }

    /// The text of a commit, where it was kept.
    pub(crate) fn take_text(&mut self, node: Node) -> Option<Text> {
        self.texts.as_mut()?.remove(&node)
    }

    /// How many commits have been named so far.
    pub(crate) fn len(&self) -> usize {
        self.commits.len()
    }

    pub(crate) fn id(&self, node: Node) -> Oid {
        self.ids[node as usize]
    }

    /// The place of a commit that the graph has.
    pub(crate) fn find(&self, id: Oid) -> Option<Node> {
        self.places.find(id, |node| self.id(node))
    }

    /// The committer's date of a loaded commit.
    pub(crate) fn date(&self, node: Node) -> i64 {
        self.commits[node as usize].date
    }

    /// Whether a loaded commit's parents are missing because the clone is shallow.
    pub(crate) fn is_cut(&self, node: Node) -> bool {
        self.commits[node as usize].state == LoadState::Cut
    }

    /// The parents of a loaded commit.
    pub(crate) fn parents(&self, node: Node) -> &[Node] {
        let entry = &self.commits[node as usize];
        match entry.state {
            LoadState::Named | LoadState::Root | LoadState::Cut => &[],
            LoadState::Child => std::slice::from_ref(&entry.parent),
            LoadState::Merge => {
                let first = entry.parent as usize + 1;
                &self.parents[first..first + self.parents[first - 1] as usize]
            }
        }
    }

    /// The place of the commit `id`, loaded; `None` where it is missing or not a commit.
    pub(crate) fn commit(&mut self, id: Oid) -> Result<Option<Node>> {
        match self.objects.database()?.read_header(id) {
            Ok((_, ObjectType::Commit)) => {
                let node = self.place(id);
                self.load(node).map(|()| Some(node))
            }
            Ok(_) => Ok(None),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(problem("cannot read an object", &error)),
        }
    }

    /// Reads a commit that was only named.
    pub(crate) fn load(&mut self, node: Node) -> Result<()> {
        if self.commits[node as usize].state != LoadState::Named {
            return Ok(());
        }
        let id = self.id(node);
        let database = self.objects.database()?;
        let object = database.read(id).map_err(|error| missing(id, &error))?;
        let header = Header::parse(object.data())
            .ok_or_else(|| Error::refused(format!("{id} is not a commit as git writes it")))?;
        let (date, cut) = (header.date, self.cuts.contains(&id));
        let ids = if cut { Vec::new() } else { header.parents };
        if let Some(texts) = &mut self.texts {
            texts.insert(node, Text::parse(object.data()));
        }
        if let Some(outlines) = &mut self.outlines {
            outlines.add(node, &message(object.data()), ids.len() > 1);
        }
        drop(object);
        let (parent, state) = match &*ids {
            _ if cut => (0, LoadState::Cut),
            [] => (0, LoadState::Root),
            [parent] => (self.place(*parent), LoadState::Child),
            several => (self.run_of(several), LoadState::Merge),
        };
        self.commits[node as usize] = CommitEntry {
            date,
            parent,
            state,
        };
        Ok(())
    }

    /// Writes several parents down; where their run begins.
    fn run_of(&mut self, ids: &[Oid]) -> u32 {
        const FEW: &str = "fewer than 2^32 edges";
        let first = u32::try_from(self.parents.len()).expect(FEW);
        self.parents.push(u32::try_from(ids.len()).expect(FEW));
        for id in ids {
            let parent = self.place(*id);
            self.parents.push(parent);
        }
        first
    }

    fn place(&mut self, id: Oid) -> Node {
        if let Some(node) = self.find(id) {
            return node;
        }
        let node = u32::try_from(self.commits.len()).expect("fewer than 2^32 commits");
        self.ids.push(id);
        self.commits.push(CommitEntry {
            date: 0,
            parent: 0,
            state: LoadState::Named,
        });
        let ids = &self.ids;
        self.places.add(node, |node| ids[node as usize]);
        node
    }
}

/// A commit that the history names and the clone does not have.
fn missing(id: Oid, error: &git2::Error) -> Error {
    Error::refused(format!(
        "the history needs commit {id}, which cannot be read"
    ))
    .with_code(ErrorCode::ShallowClone)
    .because(error)
    .hint("`git fsck` says what is wrong; a fresh clone may help")
}
