//! A release of two repositories with six tags each, and the world around it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use chrono::{DateTime, TimeDelta, Utc};
use hoist::{
    event::{Event, Events},
    git::{ObjectId, RefName},
    io::{
        forge::{FileContent, ReleaseFile, ReleaseText},
        lease::{LeaseClock, LeaseTimes, Permit},
        registry::{
            BlobSource, RepositoryApi,
            referrer_list::{is_listed, list_under_tag},
        },
    },
    oci::{
        Descriptor, Digest, Image, ImageName, Manifest, MediaType, Observed, Repository, Tag,
        referrer,
    },
    outcome::Outcome,
    policy::{ForgeService, PublishPolicy},
    publish::{
        BranchMove, Clock, ForgePublication, GitTagObject, MarkObject, Owner, Proven, Publication,
        PublishedImage, Recovery, Referrer, ReferrerRecord, Scope, TagClass, TagMove, Target,
        World, publish_past, resume, rollback,
    },
    testing::{
        FakeForge, FakeJournals, FakeRegistry, FakeRemote, Faults, Personality, StoredRelease,
    },
};
use tokio_util::sync::CancellationToken;

/// What every tag shows, and what refs the remote has (locks as a mere fact).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub tags: BTreeMap<String, Digest>,
    pub git_tag: bool,
    /// Whether the version is marked as withdrawn.
    pub mark: bool,
    pub locks: usize,
    /// Where `main` is, in scenes that make a release commit.
    pub branch: Option<ObjectId>,
    /// Releases on the forge that everybody sees.
    pub public: usize,
    /// Drafts on the forge, and packages of files.
    pub drafts: usize,
    /// The draft that a person has made, as long as nobody else sees it.
    pub theirs: Option<StoredRelease>,
}

pub struct Scene {
    pub faults: Faults,
    pub registries: Vec<FakeRegistry>,
    pub remote: FakeRemote,
    pub journals: FakeJournals,
    pub publication: Publication,
    pub cancel: CancellationToken,
    pub events: Arc<Mutex<Vec<Event>>>,
    /// What the tags show that exist before, by tag.
    pub old: BTreeMap<String, Manifest>,
    pub dir: tempfile::TempDir,
    /// The project on the forge, in scenes with one.
    pub forge: Option<FakeForge>,
    /// The draft that a person has made of the release's tag.
    theirs: Option<u64>,
    /// The release is signed between staging and the lock.
    signs: bool,
    begun: tokio::time::Instant,
}

/// How a scene differs from the plain one.
#[derive(Clone)]
pub struct Setting {
    /// Registries: each image has a repository in each.
    pub repositories: usize,
    /// Images of the release: at most [`IMAGES`].
    pub images: usize,
    pub variants: bool,
    /// The release makes a commit on `main`.
    pub commits: bool,
    /// The version is taken back: its moving tags go to the one before it, and it is marked.
    pub takes_back: bool,
    /// Two attachments and a signer, and lists that others have written before.
    pub referrers: bool,
    /// A release on a forge belongs to it.
    pub forge: Option<ForgeService>,
    /// That release is the draft of a person.
    pub use_draft: bool,
    /// The git server does several edits at once.
    pub atomic: bool,
    pub personality: Personality,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            repositories: 2,
            images: 1,
            variants: false,
            commits: false,
            takes_back: false,
            referrers: false,
            forge: None,
            use_draft: false,
            atomic: true,
            personality: Personality::default(),
        }
    }
}

/// The commit that is released.
const COMMIT: &str = "0123456789012345678901234567890123456789";
/// What a person has written in a draft.
pub const BY_HAND: &str = "by hand\r\nin two lines\r\n";
/// The mark of the version, where it is taken back.
pub const MARK: &str = "refs/hoist/withdrawn/1.3.0";
/// The branch of a release commit, and where it is before.
pub const BRANCH: &str = "refs/heads/main";
pub const PARENT: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// The plain image's tags: name, kind, whether it exists before.
const TAGS: [(&str, TagClass, bool); 6] = [
    ("1.3.0", TagClass::Version, false),
    ("sha-0123456", TagClass::Fixed, false),
    ("1.3", TagClass::Moving, false),
    ("1", TagClass::Moving, true),
    ("latest", TagClass::Moving, true),
    ("2026-11-23", TagClass::Moving, false),
];

/// The images of a release, the main one first: each has a repository of its name.
pub const IMAGES: [&str; 3] = ["api", "worker", "web"];

/// The main image's repository in a registry.
pub fn repository(index: usize) -> Repository {
    repository_of(index, 0)
}

fn repository_of(index: usize, image: usize) -> Repository {
    format!("127.0.0.1:{}/acme/{}", 5001 + index, IMAGES[image])
        .parse()
        .unwrap()
}

/// The main image.
pub fn main_image(image: Image) -> PublishedImage {
    PublishedImage::new(ImageName::main(), image)
}

/// A single-platform image with one layer, complete on disk.
pub fn image(dir: &std::path::Path, seed: &str) -> Image {
    let blobs = dir.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let write = |media_type: &str, content: String| {
        let digest = Digest::of(content.as_bytes());
        std::fs::write(blobs.join(digest.hex()), &content).unwrap();
        Descriptor::new(media_type, digest, content.len() as u64)
    };
    let config = write(MediaType::OCI_CONFIG, format!("{{\"config\":\"{seed}\"}}"));
    let layer = write(MediaType::OCI_LAYER_GZIP, format!("layer of {seed}"));
    let document = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "config": config,
        "layers": [layer],
    });
    Image {
        dir: dir.to_owned(),
        manifest: Manifest::new(MediaType::OCI_MANIFEST.into(), document.to_string()),
        children: Vec::new(),
        blobs: vec![config, layer],
        listed: std::collections::BTreeMap::new(),
        of_layout: std::collections::BTreeMap::new(),
    }
}

/// An artifact that is about a manifest, complete on disk.
pub fn artifact(dir: &std::path::Path, subject: &Manifest, kind: &str) -> Image {
    let mut image = image(dir, &format!("{kind} of {}", subject.digest()));
    let mut document: serde_json::Value = serde_json::from_slice(&image.manifest.bytes).unwrap();
    document["artifactType"] = format!("application/{kind}").into();
    document["subject"] = serde_json::to_value(subject.descriptor()).unwrap();
    image.manifest = Manifest::new(MediaType::OCI_MANIFEST.into(), document.to_string());
    image
}

impl Scene {
    pub fn new(setting: &Setting) -> Self {
        let faults = Faults::default();
        let dir = tempfile::tempdir().unwrap();
        let mut images = vec![main_image(image(dir.path(), "new"))];
        if setting.variants {
            let alpine = ImageName::main().with_variant("alpine");
            images.push(PublishedImage::new(alpine, image(dir.path(), "alpine")));
        }
        for name in &IMAGES[1..setting.images] {
            let (plain, made) = (ImageName::named(name), image(dir.path(), name));
            images.push(PublishedImage::new(plain.clone(), made));
            if setting.variants {
                let made = image(dir.path(), &format!("{name} alpine"));
                images.push(PublishedImage::new(plain.with_variant("alpine"), made));
            }
        }
        let mut scene = Self {
            registries: (0..setting.repositories)
                .map(|_| FakeRegistry::new(&faults, setting.personality.clone()))
                .collect(),
            remote: FakeRemote::new(&faults),
            journals: FakeJournals::new(&faults),
            publication: Publication {
                promotes: None,
                version: "1.3.0".parse().unwrap(),
                commit: COMMIT.parse().unwrap(),
                instant: "2026-11-23T12:00:00Z".parse().unwrap(),
                images,
                referrers: Vec::new(),
                targets: Vec::new(),
                git_tag: (!setting.takes_back).then(|| GitTagObject {
                    name: RefName::tag("v1.3.0").unwrap(),
                    object: b"object 0123\ntype commit\ntag v1.3.0\n".to_vec(),
                }),
                mark: setting.takes_back.then(|| MarkObject {
                    name: MARK.parse().unwrap(),
                    object: b"tree 4b82\n\nhoist: 1.3.0 is withdrawn\n".to_vec(),
                }),
                branch: setting.commits.then(|| BranchMove {
                    name: BRANCH.parse().unwrap(),
                    before: PARENT.parse().unwrap(),
                }),
                recheck: None,
                lock_refs: "refs/hoist".parse().unwrap(),
                policy: PublishPolicy::default(),
            },
            cancel: CancellationToken::new(),
            events: Arc::default(),
            old: BTreeMap::new(),
            faults,
            dir,
            forge: None,
            theirs: None,
            signs: setting.referrers,
            begun: tokio::time::Instant::now(),
        };
        scene.remote.atomic = setting.atomic;
        let forge = setting.forge;
        scene.forge = forge.map(|service| FakeForge::new(&scene.faults, service, &scene.remote));
        if setting.use_draft {
            let forge = scene.forge.as_ref();
            scene.theirs = forge.map(|forge| forge.draft_by_hand("v1.3.0", BY_HAND));
        }
        if setting.commits {
            scene.remote.set(BRANCH, PARENT);
        }
        for image in 0..setting.images {
            for index in 0..setting.repositories {
                let mut target = scene.target(index, image, setting.variants);
                if setting.takes_back {
                    let goes_back = |tag: &TagMove| tag.before != Observed::Absent;
                    target.tags.retain(goes_back);
                }
                scene.publication.targets.push(target);
            }
        }
        if setting.referrers {
            scene.attach();
        }
        scene
    }

    /// Two attachments, one of them about the other; and in each repository a list of what somebody else
    /// says of the new image, and one of what is about the image that `latest` shows before.
    fn attach(&mut self) {
        let first = artifact(
            self.dir.path(),
            &self.publication.images[0].image.manifest,
            "sbom",
        );
        let second = artifact(self.dir.path(), &first.manifest, "signature-of-sbom");
        for content in [first, second] {
            let referrer = Referrer::new(0, content, None).unwrap();
            self.publication.referrers.push(referrer);
        }
        for (index, registry) in self.registries.iter().enumerate() {
            let name = repository(index);
            for (subject, theirs) in self.of_others() {
                // It is there, and has no tag.
                let passing = "passing".parse().unwrap();
                registry.set_tag(&name, &passing, &theirs);
                registry.drop_tag(&name, &passing);
                let list = referrer::with(None, &[theirs.descriptor()])
                    .unwrap()
                    .unwrap();
                registry.set_tag(&name, &referrer::referrers_tag(&subject), &list);
            }
        }
    }

    /// What others have listed, with its subject.
    fn of_others(&self) -> Vec<(Digest, Manifest)> {
        let latest = self.old["latest"].digest().clone();
        let new = self.publication.images[0].image.manifest.digest().clone();
        let entry = |by: &str| {
            let text = format!("{{\"by\":\"{by}\"}}");
            Manifest::new(MediaType::OCI_MANIFEST.into(), text)
        };
        vec![
            (latest, entry("of an earlier release")),
            (new, entry("of somebody else")),
        ]
    }

    /// No list has lost an entry: neither those of others, nor where the release is `complete` its own.
    pub fn check_referrers(&self, what: &str, complete: bool) {
        if !self.signs {
            return;
        }
        for (index, registry) in self.registries.iter().enumerate() {
            let name = repository(index);
            let listed = |subject: &Digest| {
                let list = registry.shown(&name, &referrer::referrers_tag(subject));
                list.map(|list| referrer::listed(&list).unwrap())
                    .unwrap_or_default()
            };
            for (subject, theirs) in self.of_others() {
                assert!(
                    listed(&subject).contains(&theirs.descriptor()),
                    "{what}: {name} lost {subject}"
                );
            }
            if !complete {
                continue;
            }
            let put = registry.referrers(&name);
            let knows_api = registry.lists_referrers();
            let image = self.publication.images[0].image.manifest.digest();
            let signature = artifact(
                self.dir.path(),
                &self.publication.images[0].image.manifest,
                "signature",
            );
            let own = self.publication.referrers.iter();
            let own = own.map(|one| (&one.subject, &one.entry.digest));
            for (subject, digest) in own.chain([(image, signature.manifest.digest())]) {
                let is_there = put
                    .iter()
                    .any(|(of, one)| of == subject && one.digest() == digest);
                assert!(is_there, "{what}: {name} has no {digest}");
                let is_listed = listed(subject).iter().any(|entry| entry.digest == *digest);
                assert_eq!(is_listed, !knows_api, "{what}: {name} lists {digest}");
            }
        }
    }

    /// Signs the image in each repository, as a program would that hoist starts.
    async fn sign(&self, world: &World) -> hoist::Result<Proven> {
        let mut proven = Proven::default();
        for index in 0..self.registries.len() {
            let name = repository(index);
            let api = (world.connect)(&name)?;
            let image = &self.publication.images[0].image.manifest;
            let signature = artifact(self.dir.path(), image, "signature");
            let failed = |error: hoist::io::registry::RegistryError| {
                hoist::Error::failed("cannot sign").because(&error)
            };
            for blob in &signature.blobs {
                let file = BlobSource::File(signature.blob_path(&blob.digest));
                api.push_blob(blob, file, &|_| {}).await.map_err(failed)?;
            }
            let permit = Permit::always();
            let answer = api.put_manifest(&signature.manifest, &[], &permit).await;
            let answer = answer.map_err(failed)?;
            let (subject, entry) = referrer::referrer(&signature.manifest).unwrap();
            if !is_listed(&answer, &subject) {
                let entries = std::slice::from_ref(&entry);
                let listed = list_under_tag(&*api, &subject, entries).await;
                listed.map_err(failed)?;
            }
            let record = ReferrerRecord {
                repository: 0,
                digest: entry.digest,
                artifact_type: "signature".to_owned(),
                subject,
            };
            proven.signatures.push((name, record));
        }
        Ok(proven)
    }

    /// A repository of an image, with the tags that exist before.
    fn target(&mut self, index: usize, number: usize, variants: bool) -> Target {
        let name = repository_of(index, number);
        let first = number * (1 + usize::from(variants));
        let mut tags = Vec::new();
        for (suffix, image) in [("", first), ("-alpine", first + 1)] {
            if !suffix.is_empty() && !variants {
                continue;
            }
            for (tag, kind, exists) in TAGS {
                let tag: Tag = format!("{tag}{suffix}").parse().unwrap();
                let before = if exists {
                    let shown = match number {
                        0 => tag.to_string(),
                        _ => format!("{}:{tag}", IMAGES[number]),
                    };
                    let old = Manifest::new(
                        MediaType::OCI_MANIFEST.into(),
                        format!("{{\"old\":\"{shown}\"}}"),
                    );
                    self.registries[index].set_tag(&name, &tag, &old);
                    self.old.insert(shown, old.clone());
                    Observed::At(old.digest().clone())
                } else {
                    Observed::Absent
                };
                tags.push(TagMove {
                    tag,
                    kind,
                    image,
                    before,
                });
            }
        }
        Target {
            repository: name,
            strict: false,
            tags,
        }
    }

    /// The world as the process `pid` of this machine sees it.
    pub fn world(&self, pid: u32) -> World {
        let registries = self.registries.clone();
        let events = self.events.clone();
        let start: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().unwrap();
        World {
            connect: Arc::new(move |repository: &Repository| {
                let port: usize = repository.registry().as_str()[10..].parse().unwrap();
                Ok(Arc::new(registries[port - 5001].repository(repository))
                    as Arc<dyn RepositoryApi>)
            }),
            remote: Arc::new(self.remote.clone()),
            forge: match &self.forge {
                Some(forge) => Ok(Arc::new(forge.clone())),
                None => Err("there is none".to_owned()),
            },
            journals: Arc::new(self.journals.clone()),
            events: Events::new(move |event| events.lock().unwrap().push(event)),
            cancel: self.cancel.clone(),
            owner: owner(pid),
            alive: |_| false,
            clock: Clock::new(start + TimeDelta::from_std(self.begun.elapsed()).unwrap()),
            lease_clock: LeaseClock::Runtime,
            lease_times: LeaseTimes::default(),
        }
    }

    pub fn scope(&self) -> Scope {
        Scope {
            check: None,
            repositories: self
                .publication
                .targets
                .iter()
                .map(|t| t.repository.clone())
                .collect(),
            lock_refs: self.publication.lock_refs.clone(),
        }
    }

    /// Runs the release; `None`: the process died on the way.
    pub async fn run(&self, pid: u32) -> Option<Outcome> {
        let world = self.world(pid);
        let proof = async {
            let proven = match self.signs {
                true => self.sign(&world).await?,
                false => Proven::default(),
            };
            Ok(Proven {
                forge: self.forge.as_ref().map(|_| self.on_forge()),
                ..proven
            })
        };
        tokio::select! {
            biased;
            () = self.faults.crashed() => None,
            outcome = publish_past(&world, &self.publication, proof) => Some(outcome),
        }
    }

    /// What the release has on the forge: a text and two files.
    pub fn on_forge(&self) -> ForgePublication {
        let file = |name: &str| ReleaseFile {
            content: FileContent::Text(name.to_owned()),
            name: name.to_owned(),
            size: name.len() as u64,
            sha256: Digest::of(name.as_bytes()).hex().to_owned(),
        };
        ForgePublication {
            tag: RefName::tag("v1.3.0").unwrap(),
            text: ReleaseText {
                tag: "v1.3.0".to_owned(),
                commit: COMMIT.parse().unwrap(),
                title: Some("v1.3.0".to_owned()),
                text: "what is new".to_owned(),
                prerelease: false,
            },
            latest: true,
            draft_first: true,
            use_draft: self.theirs.is_some(),
            files: vec![file("api.tar.gz"), file("SHA256SUMS")],
        }
    }

    pub async fn resume(&self, pid: u32) -> Option<Outcome> {
        resume(&self.world(pid), &self.scope(), Recovery::TakeOver)
            .await
            .unwrap()
    }

    pub async fn rollback(&self, pid: u32) -> Option<Outcome> {
        rollback(&self.world(pid), &self.scope(), Recovery::TakeOver)
            .await
            .unwrap()
    }

    /// Another machine: its clone has no journal.
    pub fn elsewhere(&mut self) {
        self.journals = FakeJournals::new(&self.faults);
    }

    pub fn snapshot(&self) -> Snapshot {
        let mut tags = BTreeMap::new();
        for registry in &self.registries {
            for ((repository, tag), digest) in registry.tags() {
                // Content, which nobody puts back.
                if referrer::is_about_digest(&tag) {
                    continue;
                }
                tags.insert(repository.tag(&tag), digest);
            }
        }
        let refs = self.remote.all_refs();
        Snapshot {
            tags,
            git_tag: refs.contains_key("refs/tags/v1.3.0"),
            mark: refs.contains_key(MARK),
            locks: refs
                .keys()
                .filter(|name| name.as_str().starts_with("refs/hoist/publish/"))
                .count(),
            branch: refs.get(BRANCH).cloned(),
            public: self.on_forge_now().0,
            drafts: self.on_forge_now().1,
            theirs: self.stored().into_iter().find(|one| self.is_theirs(one)),
        }
    }

    fn stored(&self) -> Vec<StoredRelease> {
        let forge = self.forge.iter();
        forge.flat_map(|forge| forge.stored()).collect()
    }

    fn is_theirs(&self, release: &StoredRelease) -> bool {
        self.theirs == Some(release.id) && !release.is_public
    }

    /// How many drafts the run of the process `pid` has made that are there.
    pub fn drafts_of(&self, pid: u32) -> usize {
        let mark = format!("<!-- hoist: {} ", owner(pid).nonce);
        let all = self.stored().into_iter();
        all.filter(|one| !one.is_public && one.text.contains(&mark))
            .count()
    }

    /// Public releases; drafts, and packages that no release shows.
    fn on_forge_now(&self) -> (usize, usize) {
        let Some(forge) = &self.forge else {
            return (0, 0);
        };
        let all = forge.stored().into_iter();
        let (public, drafts): (Vec<_>, Vec<_>) = all
            .filter(|one| !self.is_theirs(one))
            .partition(|one| one.is_public);
        let packages = usize::from(public.is_empty() && !forge.packages().is_empty());
        (public.len(), drafts.len() + packages)
    }

    /// The world after a complete release.
    pub fn after(&self) -> Snapshot {
        let mut tags = self.snapshot().tags;
        for target in &self.publication.targets {
            for tag in &target.tags {
                let digest = self.publication.images[tag.image].digest();
                tags.insert(target.repository.tag(&tag.tag), digest.clone());
            }
        }
        Snapshot {
            tags,
            git_tag: self.publication.git_tag.is_some(),
            mark: self.publication.mark.is_some(),
            locks: 0,
            branch: self
                .publication
                .branch
                .as_ref()
                .map(|_| self.publication.commit.into()),
            public: usize::from(self.forge.is_some()),
            drafts: 0,
            theirs: None,
        }
    }

    pub fn shows(&self, index: usize, tag: &str) -> Option<Digest> {
        let name = repository(index).tag(&tag.parse().unwrap());
        self.snapshot().tags.get(&name).cloned()
    }

    /// The log's lines that contain `what`.
    pub fn requests(&self, what: &str) -> Vec<String> {
        let log = self.faults.log();
        log.into_iter().filter(|line| line.contains(what)).collect()
    }
}

pub fn owner(pid: u32) -> Owner {
    Owner {
        host: "ci-1".into(),
        boot: "b".into(),
        pid,
        pid_started: None,
        ci: None,
        run: None,
        nonce: format!("nonce{pid}"),
    }
}

/// A manifest that somebody else made.
pub fn foreign() -> Manifest {
    Manifest::new(MediaType::OCI_MANIFEST.into(), "{\"by\":\"somebody else\"}")
}
