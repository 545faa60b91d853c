//! What holds for any input, one function a fuzz target. The ordinary tests run them too: over the
//! seeds, and over noise.

use std::{borrow::Cow, path::Path};

use chrono::{DateTime, Utc};
use hoist::{
    io::{
        content, credentials,
        environment::Environment,
        fake::{FakeRegistry, Faults, Personality},
        layout::{Store, Wanted, adopt_archive},
        registry::door,
    },
    oci::{Digest, Manifest, MediaType, Repository, Tag},
    plan::{
        branch::BranchKind,
        bump, change, exact,
        facts::{Commit, CommitId},
        lint, notes,
        tags::{Rendered, Template, Values},
    },
    policy::{Policy, Squash, TagTemplate},
    publish::{
        journal::{Record, decode, encode},
        recover::{enter, replay, suspect_all},
        state::{Goal, action},
    },
};
use tokio_util::sync::CancellationToken;
use url::Url;

/// One header a line.
fn lines(bytes: &[u8]) -> Vec<Cow<'_, str>> {
    bytes
        .split(|byte| *byte == b'\n')
        .map(String::from_utf8_lossy)
        .collect()
}

fn registry() -> Url {
    "https://registry.example.org/v2/acme/api/tags/list?n=100"
        .parse()
        .expect("a URL")
}

fn repository() -> Repository {
    "registry.example.org/acme/api".parse().expect("a name")
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
        .block_on(work)
}

/// Challenges are bounded and in lower case, and no realm leads credentials away.
pub fn www_authenticate(bytes: &[u8]) {
    let lines = lines(bytes);
    let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
    let all = door::challenges(&lines);
    assert!(all.len() <= 256);
    for (scheme, parameters) in &all {
        assert!(!scheme.is_empty() && *scheme == scheme.to_ascii_lowercase());
        assert!(parameters.len() <= 256);
        for (name, value) in parameters {
            assert!(!name.is_empty() && *name == name.to_ascii_lowercase());
            if let Some(url) = door::realm(&registry(), value) {
                assert_eq!(url.scheme(), "https");
                let host = url.host_str().expect("a host");
                assert!(
                    host == "example.org" || host.ends_with(".example.org"),
                    "{url}"
                );
                assert!(url.username().is_empty() && url.password().is_none());
            }
        }
    }
}

/// Every name is a tag, and printed as a header it is read as the same tags.
pub fn oci_tag(bytes: &[u8]) {
    let lines = lines(bytes);
    let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
    let tags = door::accepted_tags(&lines);
    assert!(tags.len() <= 256);
    for tag in &tags {
        assert_eq!(tag.to_string().parse::<Tag>().as_ref(), Ok(tag));
        assert_eq!(
            door::accepted_tags(&[&tag.to_string()]),
            std::slice::from_ref(tag)
        );
    }
}

/// A page of a list never leads away from the registry.
pub fn link(bytes: &[u8]) {
    let lines = lines(bytes);
    let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
    if let Some(url) = door::next_page(&registry(), &lines) {
        assert_eq!(url.origin(), registry().origin());
        assert!(url.username().is_empty() && url.password().is_none());
    }
}

/// A `Location` leads to `https` alone and never to this machine; credentials stay at home.
pub fn location(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some((url, with_credentials)) = door::location(&registry(), &text) {
        assert_eq!(url.scheme(), "https");
        assert_eq!(with_credentials, url.origin() == registry().origin());
        let host = url.host_str().expect("a host");
        let here = [
            "localhost",
            "127.",
            "[::1]",
            "[::ffff:127.",
            "169.254.",
            "0.0.0.0",
        ];
        assert!(!here.iter().any(|start| host.starts_with(start)), "{url}");
    }
    if let Some((url, _)) =
        door::location(&"http://127.0.0.1:5000/v2/".parse().expect("a URL"), &text)
    {
        assert!(matches!(url.scheme(), "http" | "https"));
    }
}

/// Digits are a wait or an instant; nothing waits for what has passed.
pub fn retry_after(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let now: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().expect("an instant");
    let wait = door::retry_after(&text, now);
    let digits = text.trim();
    if !digits.is_empty() && digits.len() < 9 && digits.bytes().all(|b| b.is_ascii_digit()) {
        let seconds = wait.expect("digits are a wait").as_secs();
        assert_eq!(Ok(seconds), digits.parse());
    }
    if let Some(wait) = wait {
        let later = door::retry_after(&text, now + chrono::TimeDelta::days(1));
        assert!(later.is_some_and(|later| later <= wait), "{text:?}");
    }
    let _ = door::rate(&text);
}

/// What is read is written and read again as the same, cut anywhere, and leads both ways.
pub fn journal(bytes: &[u8]) {
    let Ok(records) = decode(bytes) else { return };
    let written: String = records.iter().map(encode).collect();
    assert_eq!(decode(written.as_bytes()).as_ref(), Ok(&records));
    let cut = bytes.len() * usize::from(bytes.first().copied().unwrap_or(0)) / 256;
    if let Ok(fewer) = decode(&bytes[..cut]) {
        assert!(fewer.len() <= records.len());
    }
    assert!(matches!(records.first(), None | Some(Record::Prepared(_))));
    let Some(replayed) = replay(records) else {
        return;
    };
    let shape = replayed.prepared.shape();
    for txn in [replayed.txn, suspect_all(&replayed.prepared)] {
        for goal in [Goal::Forward, Goal::Back] {
            let _ = action(&shape, &enter(txn.clone(), goal));
        }
    }
}

/// A document is named by its bytes, whatever they are; reading the tree below it ends.
pub fn manifest(bytes: &[u8]) {
    let (kind, bytes) = bytes.split_first().unwrap_or((&0, bytes));
    let kind = MediaType::ALL[usize::from(*kind) % MediaType::ALL.len()];
    let manifest = Manifest::new(kind.into(), bytes.to_vec());
    assert_eq!(*manifest.digest(), Digest::of(bytes));
    let registry = FakeRegistry::new(&Faults::default(), Personality::default());
    let tag: Tag = "a".parse().expect("a tag");
    registry.set_tag(&repository(), &tag, &manifest);
    let api = registry.repository(&repository());
    if let Ok(Some(tree)) = run(content::tree(&api, &tag.into())) {
        assert_eq!(tree.manifest, manifest);
        let mut blobs: Vec<_> = tree.blobs.iter().map(|blob| &blob.digest).collect();
        let count = blobs.len();
        blobs.sort();
        blobs.dedup();
        assert_eq!(blobs.len(), count, "each blob once");
    }
}

/// Whatever the file holds, an error says nothing of it.
pub fn docker_config(bytes: &[u8]) {
    const SECRET: &str = "c3VwZXI6czNjcmV0";
    let text = String::from_utf8_lossy(bytes).replace('\0', "");
    // Helpers are programs of this machine's; none is run for noise.
    if text.contains("cred") {
        return;
    }
    let environment: Environment = [("DOCKER_AUTH_CONFIG".to_owned(), text.clone())]
        .into_iter()
        .collect();
    for name in ["docker.io", "registry.example.org"] {
        let registry = format!("{name}/acme/api")
            .parse::<Repository>()
            .expect("a name");
        let found = run(credentials::find(&environment, registry.registry(), true));
        if let Err(error) = found {
            let said = error.to_string();
            assert!(said.len() < 300 && !said.contains(SECRET), "{said}");
        }
    }
}

/// An archive is an image that can be opened again, or an error; nothing lands outside the store.
pub fn layout_tar(bytes: &[u8]) {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    let place = place.expect("a directory");
    let store = Store::new(place.path().join("store"));
    let cancel = CancellationToken::new();
    let taken = adopt_archive(
        bytes,
        &store,
        &Wanted::default(),
        &hoist::event::Events::default(),
        &cancel,
    );
    let beside = std::fs::read_dir(place.path()).expect("it is there");
    assert!(beside.flatten().all(|entry| entry.file_name() == "store"));
    if let Ok(image) = taken {
        let opened = store.open(image.manifest.digest(), &cancel);
        let opened = opened.expect("what was taken is whole");
        assert_eq!(opened.manifest, image.manifest);
    }
}

/// A template prints as it was written, and what it gives is a tag, or is refused by name.
pub fn template(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (text, branch) = text.split_once('\n').unwrap_or((&text, "main"));
    let Ok(template) = Template::parse_tag(text) else {
        return;
    };
    assert_eq!(template.as_str(), text);
    let version = semver::Version::parse("1.2.3-rc.4+build.5").expect("a version");
    let instant: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().expect("an instant");
    let values = Values {
        version: &version,
        channel: Some("rc"),
        commit: "0123456789012345678901234567890123456789",
        commit_time: instant,
        instant,
        branch: Some(branch),
        date: "%Y-%m-%d",
    };
    if let Rendered::Text(name) = template.render(&values)
        && let Ok(tag) = name.parse::<Tag>()
    {
        assert_eq!(tag.to_string(), name);
    }
}

/// A message is one change or none, whoever reads it, and its notes find their way into a file.
pub fn message(bytes: &[u8]) {
    let message = String::from_utf8_lossy(bytes).into_owned();
    let merge = bytes.len().is_multiple_of(2);
    let change = change::parse(&message, merge);
    assert!(!change.description.contains('\n') && !change::summary(&message).contains('\n'));
    assert!(change.reverts.iter().all(|id| (7..=40).contains(&id.len())));
    let ended = message.split('\0').next().unwrap_or_default();
    assert_eq!(change, change::parse(ended, merge), "a text ends at a NUL");
    let crlf = ended.replace("\r\n", "\n");
    assert_eq!(change.breaking, change::parse(&crlf, merge).breaking);
    let hook = lint::cleaned(&message, '#');
    let _ = lint::lint(&hook, merge, &lint::Counts::default());

    let mut policy = Policy::default();
    policy.version.squash = Squash::Body;
    let commit = |id: u8| Commit {
        id: CommitId::new([id; 20]),
        parents: Vec::new(),
        message: message.clone(),
        author: message.chars().take(20).collect(),
        email: String::new(),
        time: 0,
        in_paths: true,
        after_prerelease: true,
    };
    let judged = bump::judge(&policy.version, &[commit(0xab), commit(0xcd)]);
    let judged = judged.expect("there are no rules that could be wrong");
    let mut notes = notes::collect(&judged.entries, &notes::Span::default(), None);
    notes.heading = true;
    let text = notes::render(&notes, None).expect("the built-in template");
    let written = notes::prepend(&message, &text, &notes.title);
    assert!(written.contains(text.trim()));
}

/// A git tag that is read as a version is the name of that version, and of no other.
pub fn git_tag(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (template, name) = text.split_once('\n').unwrap_or((&text, &text));
    let _ = (exact::parse(name), exact::label(name));
    let Ok(template) = template.parse::<TagTemplate>() else {
        return;
    };
    if let Some(version) = template.version(name) {
        assert_eq!(template.name(&version), name);
    }
    let version = semver::Version::new(1, 2, 3);
    assert_eq!(template.version(&template.name(&version)), Some(version));
}

/// A text is a policy whose patterns all work, or an error with words.
pub fn policy(bytes: &[u8]) {
    match Policy::parse(&String::from_utf8_lossy(bytes), "release.toml") {
        Ok(policy) => {
            for branch in [None, Some("main"), Some("beta/x"), Some("1.2.x")] {
                BranchKind::of(&policy.branches, branch).expect("checked patterns");
            }
            bump::judge(&policy.version, &[]).expect("checked rules");
        }
        Err(error) => assert!(!error.message.is_empty()),
    }
}
