//! Git histories for tests, written object by object: any bytes, dates and parents.

use std::{collections::HashMap, path::Path, process::Command};

use git2::{ObjectType, Oid, Repository};
use hoist::{
    io::git::read::GitRepository,
    plan::history::{
        facts::{Facts, HistoryQuery},
        levels, outline,
    },
    policy::Policy,
};
use tempfile::TempDir;

/// The first commit's date where a test does not care: 2024-01-01T00:00:00Z.
pub const START: i64 = 1_704_067_200;

/// A repository in a folder of its own, with an empty tree in every commit unless told otherwise.
pub struct History {
    pub folder: TempDir,
    pub git: Repository,
    ids: HashMap<String, Oid>,
    last: Option<Oid>,
    clock: i64,
}

/// What a commit is made of.
#[derive(Default)]
pub struct Commit<'a> {
    pub message: &'a [u8],
    pub encoding: Option<&'a str>,
    /// `None`: the commit before.
    pub parents: Option<Vec<Oid>>,
    /// `None`: a minute after the one before.
    pub date: Option<i64>,
    /// `None`: the empty tree.
    pub tree: Option<Oid>,
}

impl History {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("history")
            .tempdir()
            .unwrap();
        let mut options = git2::RepositoryInitOptions::new();
        options.initial_head("main").external_template(false);
        let git = Repository::init_opts(folder.path(), &options).unwrap();
        Self {
            folder,
            git,
            ids: HashMap::new(),
            last: None,
            clock: START - 60,
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a commit and remembers it under `name`.
    pub fn commit(&mut self, name: &str, commit: &Commit<'_>) -> Oid {
        let parents = match &commit.parents {
            Some(parents) => parents.clone(),
            None => self.last.into_iter().collect(),
        };
        self.clock = commit.date.unwrap_or(self.clock + 60);
        let id = write_commit(&self.git, commit, &parents, self.clock);
        self.ids.insert(name.to_owned(), id);
        self.last = Some(id);
        id
    }

    /// A commit with a message alone.
    pub fn say(&mut self, message: &str) -> Oid {
        let name = format!("c{}", self.ids.len());
        let commit = Commit {
            message: message.as_bytes(),
            ..Commit::default()
        };
        self.commit(&name, &commit)
    }

    pub fn id(&self, name: &str) -> Oid {
        self.ids[name]
    }

    pub fn ids(&self) -> impl Iterator<Item = (&str, Oid)> {
        self.ids.iter().map(|(name, id)| (name.as_str(), *id))
    }

    /// A tag on a commit; written as a ref, so that any name that git can store will do.
    pub fn tag(&self, name: &str, target: Oid, annotated: bool) {
        let target = if annotated {
            self.tag_object(name, target)
        } else {
            target
        };
        self.reference(&format!("refs/tags/{name}"), target);
    }

    /// The object of an annotated tag.
    pub fn tag_object(&self, name: &str, target: Oid) -> Oid {
        let text = format!(
            "object {target}\ntype commit\ntag {name}\ntagger A <a@example.org> {START} +0000\n\n{name}\n",
        );
        let odb = self.git.odb().unwrap();
        odb.write(ObjectType::Tag, text.as_bytes()).unwrap()
    }

    pub fn branch(&self, name: &str, target: Oid) {
        self.reference(&format!("refs/heads/{name}"), target);
    }

    fn reference(&self, name: &str, target: Oid) {
        self.git.reference(name, target, true, "").unwrap();
    }

    pub fn head(&self, branch: &str) {
        self.git.set_head(&format!("refs/heads/{branch}")).unwrap();
    }

    pub fn detach(&self, id: Oid) {
        self.git.set_head_detached(id).unwrap();
    }

    pub fn write(&self, path: &str, text: &str) {
        std::fs::write(self.path().join(path), text).unwrap();
    }

    /// A tree with these files; `a/b` lies in a directory.
    pub fn tree(&self, files: &[(&str, &str)]) -> Oid {
        let mut index = git2::Index::new().unwrap();
        self.git.set_index(&mut index).unwrap();
        for (path, text) in files {
            let entry = git2::IndexEntry {
                ctime: git2::IndexTime::new(0, 0),
                mtime: git2::IndexTime::new(0, 0),
                dev: 0,
                ino: 0,
                mode: 0o100_644,
                uid: 0,
                gid: 0,
                file_size: 0,
                id: self.git.blob(text.as_bytes()).unwrap(),
                flags: 0,
                flags_extended: 0,
                path: (*path).into(),
            };
            index.add(&entry).unwrap();
        }
        index.write_tree_to(&self.git).unwrap()
    }

    /// The binary, in this repository, with an environment of its own.
    pub fn hoist(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hoist"));
        command
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }
}

/// Writes one commit object.
pub fn write_commit(git: &Repository, commit: &Commit<'_>, parents: &[Oid], date: i64) -> Oid {
    let odb = git.odb().unwrap();
    let tree = commit
        .tree
        .unwrap_or_else(|| odb.write(ObjectType::Tree, b"").unwrap());
    let mut object = format!("tree {tree}\n").into_bytes();
    for parent in parents {
        object.extend(format!("parent {parent}\n").bytes());
    }
    for role in ["author", "committer"] {
        object.extend(format!("{role} Ada <ada@example.org> {date} +0000\n").bytes());
    }
    if let Some(encoding) = commit.encoding {
        object.extend(format!("encoding {encoding}\n").bytes());
    }
    object.push(b'\n');
    object.extend(commit.message);
    odb.write(ObjectType::Commit, &object).unwrap()
}

/// The outline of the range comes to what all of its commits come to: the level and the change that
/// gives it, the version that a footer asks for, the notes, and what is new on the channel.
pub fn assert_outline_judges_alike(
    repository: &GitRepository,
    question: &HistoryQuery,
    policy: &Policy,
    facts: &Facts,
) {
    let policy = &policy.version;
    let outliner = |message: &str, merge: bool, names: &mut dyn FnMut(u32)| {
        outline::outline(policy, message, merge, names)
    };
    let outlined = repository
        .outline(question, &question.paths, &outliner)
        .unwrap();
    let (range, mut commits) = (outlined.range, outlined.commits);
    let judged = outline::judge(&range, policy, &mut |place| commits.read(&range, place));
    let of_outline = outlined.facts;
    assert!(of_outline.commits.is_empty());
    assert_eq!(
        (
            of_outline.head,
            &of_outline.base,
            &of_outline.stable,
            &of_outline.channel
        ),
        (facts.head, &facts.base, &facts.stable, &facts.channel)
    );
    let whole = levels::judge(policy, &facts.commits);
    let (judged, whole) = match (judged, whole) {
        (Ok(judged), Ok(whole)) => (judged, whole),
        (judged, whole) => {
            let text = |error: hoist::Error| format!("{error:?}");
            assert_eq!(judged.err().map(text), whole.err().map(text));
            return;
        }
    };
    let level = whole.level();
    assert_eq!(judged.level(), level);
    let decider = level.map(|level| (judged.decider(level), whole.decider(level)));
    assert!(decider.is_none_or(|(of_outline, of_all)| of_outline == of_all));
    assert_eq!(judged.release_as, whole.release_as);
    assert_eq!(judged.notes, whole.notes);
    let newest = |judged: &levels::Judgement| {
        let mut entries = judged.entries.iter();
        let found = entries.find(|entry| entry.level.is_some() && entry.after_prerelease);
        found.map(|entry| entry.id)
    };
    assert_eq!(newest(&judged).is_some(), newest(&whole).is_some());
}
