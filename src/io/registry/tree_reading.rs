//! Reads the documents of a tree of manifests, level by level, from one repository or from several.

use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt, TryStreamExt};

use crate::{
    io::registry::{RegistryError, RegistryErrorKind, RepositoryApi},
    oci::{
        Descriptor, Digest, ImageDocument, Manifest, Platform, Repository, Statement,
        StatementPlace, TagOrDigest,
    },
    text,
};

/// Most entries in all indexes of a tree: far more than anybody builds, far fewer than would do harm.
/// They are counted as they are written, so that nobody can make much of a little by naming one index
/// many times.
const MAX_ENTRIES: usize = 1000;
/// How deep indexes may be nested in indexes.
const MAX_DEPTH: usize = 4;
/// Most bytes of all manifests of a tree.
const MAX_MANIFESTS: u64 = 24 * 1024 * 1024;
/// Most objects, lists and values in one document: each takes far more memory than its text.
const MAX_VALUES: usize = 300_000;
/// Most blobs that all manifests of a tree name.
const MAX_BLOBS: usize = 100_000;
/// How many requests are under way at the same time.
pub(super) const CONCURRENT_REQUESTS: usize = 8;

/// All manifests below one digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageTree {
    /// The manifest or index at the top.
    pub manifest: Manifest,
    /// Everything below it, a child before the index that names it.
    pub children: Vec<Manifest>,
    /// Configs and layers of all manifests, each once.
    pub blobs: Vec<Descriptor>,
    /// Each image that can run. Attestations are not among them.
    pub configs: Vec<TreeConfig>,
}

/// The config of an image that can run, and what is known of the image without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeConfig {
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The config.
    pub descriptor: Descriptor,
    /// The platform, where an index names it.
    pub platform: Option<Platform>,
    /// What annotations of the manifest, and of the indexes above it, say of a commit or a version.
    pub statements: Vec<Statement>,
}

/// A document that is nowhere.
pub(super) struct Lost {
    /// What it is below.
    pub(super) top: Digest,
    pub(super) digest: Digest,
}

/// What is asked for.
pub(super) enum Sought<'a> {
    /// Whatever is behind a tag or a digest.
    Top(&'a TagOrDigest),
    /// What an index names.
    Child(&'a Descriptor),
}

/// A document from the first of the repositories that has it.
pub(super) async fn first_to_have(
    apis: &[&dyn RepositoryApi],
    what: Sought<'_>,
) -> Result<Option<Manifest>, RegistryError> {
    let mut failed = None;
    for api in apis {
        let found = match what {
            Sought::Top(top) => api.manifest(top).await,
            Sought::Child(named) => api.child(named).await,
        };
        match found {
            Ok(Some(manifest)) => return Ok(Some(manifest)),
            Ok(None) => {}
            Err(error) if error.kind == RegistryErrorKind::NameUnknown => {}
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(None), Err)
}

/// A tree that is being read, level by level.
pub(super) struct TreeReading<'a> {
    /// Where it is read from. Messages name the first.
    apis: &'a [&'a dyn RepositoryApi],
    pub(super) top: Digest,
    /// Every document that was read.
    nodes: HashMap<Digest, TreeNode>,
    /// The documents of the level that was read last.
    level: Vec<Digest>,
    depth: usize,
    entries: usize,
    bytes: u64,
}

struct TreeNode {
    manifest: Manifest,
    /// The entries of an index.
    entries: Vec<Descriptor>,
    /// The config and the layers of a manifest.
    blobs: Vec<Descriptor>,
    /// What its annotations say of a commit or a version.
    statement: Option<Statement>,
}

impl<'a> TreeReading<'a> {
    pub(super) fn new(apis: &'a [&'a dyn RepositoryApi], top: Manifest) -> Self {
        let digest = top.digest().clone();
        Self {
            apis,
            bytes: top.bytes.len() as u64,
            level: vec![digest.clone()],
            nodes: HashMap::from([(digest.clone(), TreeNode::unread(top))]),
            top: digest,
            depth: 0,
            entries: 0,
        }
    }

    /// Parses the last level, and says what is to be read next; `None`: nothing.
    pub(super) fn descend(&mut self) -> Result<Option<Vec<Descriptor>>, RegistryError> {
        let mut next: Vec<Descriptor> = Vec::new();
        let mut named: HashSet<Digest> = HashSet::new();
        for digest in std::mem::take(&mut self.level) {
            let Some(node) = self.nodes.get_mut(&digest) else {
                continue;
            };
            node.parse(self.apis[0].repository())?;
            self.entries += node.entries.len();
            if self.entries > MAX_ENTRIES {
                let why = format!("more than {MAX_ENTRIES} manifests are named below it");
                return Err(self.too_much(&why));
            }
            let entries = node.entries.clone();
            let unread = entries
                .into_iter()
                .filter(|entry| !self.nodes.contains_key(&entry.digest));
            next.extend(unread.filter(|entry| named.insert(entry.digest.clone())));
        }
        if next.is_empty() {
            return Ok(None);
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.too_much("indexes are nested too deep"));
        }
        // Before any of it is asked for: no more than an entry says is read of its manifest.
        let bytes = next.iter().map(|entry| entry.size);
        self.bytes = bytes.fold(self.bytes, u64::saturating_add);
        if self.bytes > MAX_MANIFESTS {
            let most = text::bytes(MAX_MANIFESTS);
            return Err(self.too_much(&format!("its manifests have more than {most}")));
        }
        Ok(Some(next))
    }

    /// Reads the documents of a level. `Some`: this one is nowhere.
    pub(super) async fn fetch(
        &mut self,
        level: Vec<Descriptor>,
    ) -> Result<Option<Digest>, RegistryError> {
        let apis = self.apis;
        let read = |descriptor: Descriptor| async move {
            let found = first_to_have(apis, Sought::Child(&descriptor)).await?;
            Ok::<_, RegistryError>((descriptor.digest, found))
        };
        // A list of futures: a stream that makes them would not be `Send`, as far as the compiler sees.
        let read: Vec<_> = level.into_iter().map(read).collect();
        let mut read = futures_util::stream::iter(read).buffered(CONCURRENT_REQUESTS);
        while let Some((digest, found)) = read.try_next().await? {
            let Some(manifest) = found else {
                return Ok(Some(digest));
            };
            self.level.push(digest.clone());
            self.nodes.insert(digest, TreeNode::unread(manifest));
        }
        Ok(None)
    }

    fn too_much(&self, why: &str) -> RegistryError {
        broken(self.apis[0].repository().digest(&self.top), why)
    }

    /// Puts the documents into order.
    pub(super) fn finish(self) -> ImageTree {
        let mut tree = ImageTree {
            manifest: self.nodes[&self.top].manifest.clone(),
            children: Vec::new(),
            blobs: Vec::new(),
            configs: Vec::new(),
        };
        let mut known = InTree::default();
        self.visit(&self.top, (None, &[]), &mut tree, &mut known);
        // The top itself came last.
        tree.children.pop();
        tree
    }

    /// Adds a document after everything below it, each once; and its config for each entry that
    /// names it, because each can name another platform. `above`: what is said of the document by those above.
    fn visit(
        &self,
        digest: &Digest,
        (entry, above): (Option<&Descriptor>, &[Statement]),
        tree: &mut ImageTree,
        known: &mut InTree,
    ) {
        let node = &self.nodes[digest];
        let of_entry =
            entry.and_then(|it| Statement::of_origin(StatementPlace::Entry, &it.annotations));
        let own = [of_entry, node.statement.clone()];
        let statements: Vec<_> = above
            .iter()
            .cloned()
            .chain(own.into_iter().flatten())
            .collect();
        if let Some(config) = node.blobs.first()
            && !entry.is_some_and(Descriptor::is_attestation)
        {
            let platform = entry.and_then(|entry| entry.platform.clone());
            tree.configs.push(TreeConfig {
                manifest: digest.clone(),
                descriptor: config.clone(),
                platform,
                statements: statements.clone(),
            });
        }
        if !known.documents.insert(digest.clone()) {
            return;
        }
        for child in &node.entries {
            self.visit(&child.digest, (Some(child), &statements), tree, known);
        }
        for blob in &node.blobs {
            if known.blobs.insert(blob.digest.clone()) {
                tree.blobs.push(blob.clone());
            }
        }
        tree.children.push(node.manifest.clone());
    }
}

/// What is in a tree already.
#[derive(Default)]
struct InTree {
    documents: HashSet<Digest>,
    blobs: HashSet<Digest>,
}

impl TreeNode {
    fn unread(manifest: Manifest) -> Self {
        Self {
            manifest,
            entries: Vec::new(),
            blobs: Vec::new(),
            statement: None,
        }
    }

    fn parse(&mut self, repository: &Repository) -> Result<(), RegistryError> {
        let wrong = |why: &str| broken(repository.digest(self.manifest.digest()), why);
        let is_value = |byte: &&u8| matches!(**byte, b',' | b'[' | b'{');
        if self.manifest.bytes.iter().filter(is_value).count() > MAX_VALUES {
            return Err(wrong("it is too large for a manifest"));
        }
        let document = ImageDocument::parse(&self.manifest)
            .map_err(|_| wrong("it is neither a manifest nor an index"))?;
        self.entries = document.manifests().to_vec();
        self.blobs = document.blobs().cloned().collect();
        self.statement = match &document {
            ImageDocument::Index(index) => {
                Statement::of_origin(StatementPlace::Index, &index.annotations)
            }
            ImageDocument::Manifest(manifest) => {
                Statement::of_origin(StatementPlace::Manifest, &manifest.annotations)
            }
            ImageDocument::NotAnImage => None,
        };
        if self.blobs.len() > MAX_BLOBS {
            return Err(wrong("it names too many blobs"));
        }
        Ok(())
    }
}

/// `what`: the repository and the digest.
pub(super) fn broken(what: String, why: &str) -> RegistryError {
    RegistryError {
        kind: RegistryErrorKind::BadAnswer,
        request: what,
        status: None,
        codes: Vec::new(),
        detail: Some(why.to_owned()),
    }
}
