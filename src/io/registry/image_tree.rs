//! Reads what is behind a digest on a registry: the tree of manifests, and the labels of the images in
//! it. It reads documents only, never layers.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt};
use tokio::time::timeout;

use crate::{
    io::registry::{RegistryError, RegistryErrorKind, RepositoryApi},
    oci::{
        Descriptor, Digest, ImageConfig, ImageDocument, Manifest, Platform, Repository, Runnable,
        Statement, StatementPlace, TagOrDigest,
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
const CONCURRENT_REQUESTS: usize = 8;
/// Largest config of an image that is read, in bytes.
const MAX_CONFIG: u64 = 8_000_000;
/// Most bytes of all configs of a tree.
const MAX_CONFIGS: u64 = 16_000_000;
/// How long reading a tree may take.
const MAX_TIME: Duration = Duration::from_secs(300);

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
    /// The config.
    pub descriptor: Descriptor,
    /// The platform, where an index names it.
    pub platform: Option<Platform>,
    /// What annotations of the manifest, and of the indexes above it, say of a commit or a version.
    pub statements: Vec<Statement>,
}

/// Reads the tree below `top`, each document once; `None` where the registry does not have `top`.
///
/// # Errors
/// A request failed; a document is not a valid manifest, or a child is missing; the tree is larger
/// than any image, or takes longer than [`MAX_TIME`].
pub async fn tree(
    api: &dyn RepositoryApi,
    top: &TagOrDigest,
) -> Result<Option<ImageTree>, RegistryError> {
    let read = async {
        let Some(manifest) = api.manifest(top).await? else {
            return Ok(None);
        };
        let mut reading = TreeReading::new(api, manifest);
        while let Some(level) = reading.descend()? {
            reading.fetch(level).await?;
        }
        Ok(Some(reading.finish()))
    };
    within(api, read).await
}

/// `work`, if it is done in time.
async fn within<T>(
    api: &dyn RepositoryApi,
    work: impl Future<Output = Result<T, RegistryError>>,
) -> Result<T, RegistryError> {
    match timeout(MAX_TIME, work).await {
        Ok(done) => done,
        Err(_) => Err(RegistryError {
            kind: RegistryErrorKind::Lost,
            request: format!("reading an image of {}", api.repository()),
            status: None,
            codes: Vec::new(),
            detail: Some(format!("not at its end after {} s", MAX_TIME.as_secs())),
        }),
    }
}

/// A tree that is being read, level by level.
struct TreeReading<'a> {
    api: &'a dyn RepositoryApi,
    top: Digest,
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
    fn new(api: &'a dyn RepositoryApi, top: Manifest) -> Self {
        let digest = top.digest().clone();
        Self {
            api,
            bytes: top.bytes.len() as u64,
            level: vec![digest.clone()],
            nodes: HashMap::from([(digest.clone(), TreeNode::unread(top))]),
            top: digest,
            depth: 0,
            entries: 0,
        }
    }

    /// Parses the last level, and says what is to be read next; `None`: nothing.
    fn descend(&mut self) -> Result<Option<Vec<Descriptor>>, RegistryError> {
        let mut next: Vec<Descriptor> = Vec::new();
        let mut named: HashSet<Digest> = HashSet::new();
        for digest in std::mem::take(&mut self.level) {
            let Some(node) = self.nodes.get_mut(&digest) else {
                continue;
            };
            node.parse(self.api.repository())?;
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

    async fn fetch(&mut self, level: Vec<Descriptor>) -> Result<(), RegistryError> {
        let api = self.api;
        let parent = self.too_much("");
        let read = |descriptor: Descriptor| {
            let request = parent.request.clone();
            async move {
                match api.child(&descriptor).await? {
                    Some(manifest) => Ok((descriptor.digest, manifest)),
                    None => Err(broken(
                        request,
                        &format!("its child {} is missing", descriptor.digest),
                    )),
                }
            }
        };
        // A list of futures: a stream that makes them would not be `Send`, as far as the compiler sees.
        let read: Vec<_> = level.into_iter().map(read).collect();
        let mut read = futures_util::stream::iter(read).buffered(CONCURRENT_REQUESTS);
        while let Some((digest, manifest)) = read.try_next().await? {
            self.level.push(digest.clone());
            self.nodes.insert(digest, TreeNode::unread(manifest));
        }
        Ok(())
    }

    fn too_much(&self, why: &str) -> RegistryError {
        broken(self.api.repository().digest(&self.top), why)
    }

    /// Puts the documents into order.
    fn finish(self) -> ImageTree {
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

/// Each image that can run.
///
/// # Errors
/// A request failed, or a config is not a valid image config.
pub async fn runnable(
    api: &dyn RepositoryApi,
    tree: &ImageTree,
) -> Result<Vec<Runnable>, RegistryError> {
    // Several manifests can share a config, which is read once.
    let mut configs: Vec<&Descriptor> = Vec::new();
    let mut named = HashSet::new();
    for config in tree.configs.iter().map(|config| &config.descriptor) {
        if named.insert(&config.digest) {
            configs.push(config);
        }
    }
    let bytes = configs.iter().map(|config| config.size);
    if bytes.fold(0, u64::saturating_add) > MAX_CONFIGS {
        let top = api.repository().digest(tree.manifest.digest());
        let most = text::bytes(MAX_CONFIGS);
        return Err(broken(top, &format!("its configs have more than {most}")));
    }
    let read = |config: &Descriptor| {
        let config = config.clone();
        async move {
            let found = read_config(api, &tree.manifest, &config).await?;
            Ok::<_, RegistryError>((config.digest, found))
        }
    };
    let read: Vec<_> = configs.into_iter().map(read).collect();
    let read = futures_util::stream::iter(read)
        .buffered(CONCURRENT_REQUESTS)
        .try_collect::<HashMap<Digest, Runnable>>();
    let found = within(api, read).await?;
    let of = |config: &TreeConfig| {
        let mut runnable = found.get(&config.descriptor.digest)?.clone();
        runnable.listed.clone_from(&config.platform);
        runnable.statements.clone_from(&config.statements);
        Some(runnable)
    };
    Ok(tree.configs.iter().filter_map(of).collect())
}

async fn read_config(
    api: &dyn RepositoryApi,
    manifest: &Manifest,
    config: &Descriptor,
) -> Result<Runnable, RegistryError> {
    let wrong = |why: &str| broken(api.repository().digest(manifest.digest()), why);
    if config.size > MAX_CONFIG {
        return Err(wrong("its config is too large"));
    }
    let file = tempfile::NamedTempFile::new().map_err(|error| wrong(&error.to_string()))?;
    api.fetch_blob(config, file.path().to_owned()).await?;
    let bytes = std::fs::read(file.path()).map_err(|error| wrong(&error.to_string()))?;
    let config: ImageConfig =
        serde_json::from_slice(&bytes).map_err(|_| wrong("its config is not an image config"))?;
    Ok(Runnable {
        statements: Vec::new(),
        listed: None,
        configured: config.platform(),
        labels: config.labels(),
    })
}

/// `what`: the repository and the digest.
fn broken(what: String, why: &str) -> RegistryError {
    RegistryError {
        kind: RegistryErrorKind::BadAnswer,
        request: what,
        status: None,
        codes: Vec::new(),
        detail: Some(why.to_owned()),
    }
}
