//! What holds for any input, one function a fuzz target. The ordinary tests run them too: over the
//! seeds, and over noise.

#[path = "laws/files.rs"]
mod files;
#[path = "laws/image.rs"]
mod image;
#[path = "laws/journal.rs"]
mod journal;

use std::{borrow::Cow, collections::BTreeMap};

use chrono::{DateTime, Utc};
use hoist::{
    git::CommitId,
    io::{
        environment::Environment,
        registry::{
            credentials::{self, CredentialError, CredentialTarget, UnnamedPair},
            fuzzing, image_tree,
        },
    },
    oci::{Digest, Manifest, MediaType, Repository, Tag},
    plan::{
        history::{change, facts::Commit, levels},
        notes::{self, lint},
        tags::{TagContext, compute},
        version::{branch, request},
    },
    policy::{
        GitTagTemplate, Level, Policy, Rendered, Squash, TagTemplate, Template, Values,
        VersionPolicy,
    },
    testing::{FakeRegistry, Faults, Personality},
};
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
    let all = fuzzing::challenges(&lines);
    assert!(all.len() <= 256);
    for (scheme, parameters) in &all {
        assert!(!scheme.is_empty() && *scheme == scheme.to_ascii_lowercase());
        assert!(parameters.len() <= 256);
        read_again(scheme, parameters);
        for (name, value) in parameters {
            assert!(!name.is_empty() && *name == name.to_ascii_lowercase());
            if let Some(url) = fuzzing::realm(&registry(), value) {
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

/// What was read can be written, and is read as the same, where a header has room for it.
fn read_again(scheme: &str, parameters: &BTreeMap<String, String>) {
    let quoted = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
    let written: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", quoted(value)))
        .collect();
    let line = format!("{scheme} {}", written.join(", "));
    if line.len() <= 8 * 1024 {
        let again = fuzzing::challenges(&[&line]);
        assert_eq!(again, [(scheme.to_owned(), parameters.clone())], "{line:?}");
    }
}

/// Text that a person is shown: no terminal escapes, no bell.
fn is_harmless(text: &str) -> bool {
    !text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\t'))
}

/// The grammar of tags, from the distribution specification.
fn is_tag(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=128).contains(&text.len()) && text.chars().all(legal) && !text.starts_with(['.', '-'])
}

/// Every name is a tag, and printed as a header it is read as the same tags.
pub fn oci_tag(bytes: &[u8]) {
    let lines = lines(bytes);
    let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
    let tags = fuzzing::accepted_tags(&lines);
    assert!(tags.len() <= 256);
    for tag in &tags {
        assert!(is_tag(tag.as_str()), "{tag}");
        assert!(
            lines.iter().any(|line| line.contains(tag.as_str())),
            "{tag}"
        );
        assert_eq!(
            fuzzing::accepted_tags(&[&tag.to_string()]),
            std::slice::from_ref(tag)
        );
    }
}

/// A page of a list never leads away from the registry.
pub fn link(bytes: &[u8]) {
    let lines = lines(bytes);
    let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
    if let Some(url) = fuzzing::next_page(&registry(), &lines) {
        assert_eq!(url.origin(), registry().origin());
        assert!(url.username().is_empty() && url.password().is_none());
    }
}

/// A `Location` leads to `https` alone and never to this machine; credentials stay at home.
pub fn location(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some((url, with_credentials)) = fuzzing::location(&registry(), &text) {
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
        fuzzing::location(&"http://127.0.0.1:5000/v2/".parse().expect("a URL"), &text)
    {
        assert!(matches!(url.scheme(), "http" | "https"));
    }
}

/// Digits are a wait or an instant; nothing waits for what has passed, or for ever.
pub fn retry_after(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let now: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().expect("an instant");
    let wait = fuzzing::retry_after(&text, now);
    let digits = text.trim();
    if !digits.is_empty() && digits.len() < 9 && digits.bytes().all(|b| b.is_ascii_digit()) {
        let seconds = wait.expect("digits are a wait").as_secs();
        assert_eq!(Ok(seconds), digits.parse());
    }
    if let Some(wait) = wait {
        assert!(wait <= fuzzing::LONGEST_WAIT, "{wait:?}");
        let later = fuzzing::retry_after(&text, now + chrono::TimeDelta::days(1));
        assert!(later.is_some_and(|later| later <= wait), "{text:?}");
    }
    let _ = fuzzing::rate(&text);
}

/// What a server says can be printed in a line, and there is not much of it.
pub fn warning(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let found = fuzzing::warnings(&text);
    assert!(found.len() <= 5, "{found:?}");
    for one in &found {
        assert!(!one.trim().is_empty());
        assert!(!one.chars().any(char::is_control), "{one:?}");
        // Every character can be the escape of one that is not printed, and the end is marked.
        assert!(one.chars().count() <= 301 * 10, "{one:?}");
        assert!(text.contains("299"), "{text:?}");
    }
}

/// A token service's answer gives a life that ends, and never a token that cannot be sent.
pub fn token(bytes: &[u8]) {
    let Some((header, life)) = run(async { fuzzing::token(bytes) }) else {
        return;
    };
    assert!(header.starts_with("Bearer ") && header.len() > 7);
    assert!(!header.chars().any(char::is_control));
    assert!(
        life <= std::time::Duration::from_secs(7 * 24 * 3600),
        "{life:?}"
    );
}

/// The first line is `NO_PROXY`, the second one a proxy, the third one a URL.
pub fn no_proxy(bytes: &[u8]) {
    let lines = lines(bytes);
    let [no_proxy, proxy, url, ..] = &lines[..] else {
        return;
    };
    let Ok(url) = Url::parse(url) else { return };
    let of = |no_proxy: &str| fuzzing::proxy(no_proxy, proxy, &url);
    // This machine is never reached through a proxy, and `*` means nobody is.
    assert_eq!(of("*"), Ok(None));
    if matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
        assert_eq!(of(no_proxy), Ok(None));
    }
    // An entry can only take the proxy away, and its own password is not shown.
    match of(no_proxy) {
        Ok(None) => {}
        shown => assert_eq!(shown, of("")),
    }
    if let (Ok(Some(shown)), Ok(parsed)) = (of(no_proxy), Url::parse(proxy))
        && let Some(password) = parsed.password()
        && password.len() > 20
    {
        assert!(!shown.contains(password));
    }
}

/// Bake files become a policy.
pub fn bake(bytes: &[u8]) {
    files::bake(bytes);
}

/// Workflows become a policy.
pub fn workflow(bytes: &[u8]) {
    files::workflow(bytes);
}

/// What goreleaser is told becomes a policy.
pub fn goreleaser(bytes: &[u8]) {
    files::goreleaser(bytes);
}

/// A file of legs is read as what was written, or refused by name.
pub fn leg(bytes: &[u8]) {
    files::leg(bytes);
}

/// Instructions and stages of a Dockerfile are found where they are.
pub fn dockerfile(bytes: &[u8]) {
    files::dockerfile(bytes);
}

/// Credentials go to no other host than that of their key.
pub fn credential_key(bytes: &[u8]) {
    files::credential_key(bytes);
}

/// Requests to the door of a build are answered, and nothing is kept under a wrong digest.
pub fn push_door(bytes: &[u8]) {
    files::push_door(bytes);
}

/// What is read is written and read again as the same, cut anywhere, and leads both ways.
pub fn journal(bytes: &[u8]) {
    journal::journal(bytes);
}

/// An archive is an image that can be opened again, or an error; nothing lands outside the store.
pub fn layout_tar(bytes: &[u8]) {
    image::layout_tar(bytes);
}

/// A list of images leads to one of them, byte for byte, or to an error.
pub fn layout_index(bytes: &[u8]) {
    image::layout_index(bytes);
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
    if let Ok(Some(tree)) = run(image_tree::tree(&api, &tag.into())) {
        assert_eq!(tree.manifest, manifest);
        let mut blobs: Vec<_> = tree.blobs.iter().map(|blob| &blob.digest).collect();
        let count = blobs.len();
        blobs.sort();
        blobs.dedup();
        assert_eq!(blobs.len(), count, "each blob once");
    }
    image::layout_manifest(kind, bytes);
}

/// Whatever the file holds, it is a credential or not, and an error says nothing of it.
pub fn docker_config(bytes: &[u8]) {
    /// All that is said of an entry that cannot be used.
    const REASONS: [&str; 8] = [
        "it is not an object",
        "it has a user name, and its password is empty",
        "`auth` is not base64 of `name:password`",
        "`auth` is not a string",
        "`username` is not a string",
        "`password` is not a string",
        "`identitytoken` is not a string",
        "`registrytoken` is not a string",
    ];
    /// All that is said of a whole document.
    const DOCUMENT: [&str; 4] = [
        "it is not JSON (line ",
        "it is not JSON, but looks like the name of a file",
        "it is not a JSON object",
        "`auths` is not an object",
    ];
    let text = String::from_utf8_lossy(bytes);
    // Helpers are programs of this machine's; none is run for noise.
    if text.contains("cred") || text.contains("\\u") {
        return;
    }
    let environment: Environment = [("DOCKER_AUTH_CONFIG", text)].into_iter().collect();
    for name in ["docker.io", "registry.example.org"] {
        let registry = format!("{name}/acme/api")
            .parse::<Repository>()
            .expect("a name");
        let target = CredentialTarget {
            registry: registry.registry(),
            path: Some(registry.path()),
        };
        match run(credentials::find(&environment, target, UnnamedPair::Here)) {
            Ok(found) => {
                let shown = format!("{found:?}");
                assert!(
                    shown == "None" || shown.ends_with("(…))"),
                    "it shows nothing"
                );
            }
            Err(CredentialError::Unreadable { place, why }) => {
                assert_eq!(place, "`DOCKER_AUTH_CONFIG`");
                let of_entry = why.starts_with("the entry `");
                assert!(
                    of_entry && REASONS.iter().any(|reason| why.ends_with(reason))
                        || DOCUMENT.iter().any(|reason| why.starts_with(reason)),
                    "{why}"
                );
                assert!(why.chars().count() < 400, "{why}");
            }
            Err(error @ (CredentialError::Helper { .. } | CredentialError::HalfPair { .. })) => {
                panic!("{error}")
            }
        }
    }
}

/// A template prints as it was written, and what it gives is a tag, or is refused by name.
pub fn template(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (text, branch) = text.split_once('\n').unwrap_or((&text, "main"));
    tags_of(text, branch);
    let Ok(template) = text.parse::<Template>() else {
        return;
    };
    assert_eq!(template.as_str(), text);
    assert_eq!(template.to_string().parse().as_ref(), Ok(&template));
    let version = semver::Version::parse("1.2.3-rc.4+build.5").expect("a version");
    let instant: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().expect("an instant");
    let values = Values {
        version: &version,
        channel: Some("rc"),
        commit: "0123456789012345678901234567890123456789".parse().ok(),
        commit_time: instant,
        instant,
        branch: Some(branch),
        date: &Policy::default().tags.date,
    };
    let rendered = template.render(&values);
    if !text
        .replace("{{", "")
        .replace("}}", "")
        .contains(['{', '}'])
    {
        let plain = text.replace("{{", "{").replace("}}", "}");
        assert_eq!(rendered, Rendered::Text(plain));
    }
}

/// In a policy, for a stable version and a pre-release: tags alone come of it, each once.
fn tags_of(template: &str, branch: &str) {
    let template: TagTemplate = match template.parse() {
        Ok(template) => template,
        Err(error) => {
            assert!(error.starts_with("template `"), "{error:?}");
            return;
        }
    };
    let mut policy = Policy::default();
    policy.tags.fixed.push(template.clone());
    policy.tags.moving = vec![template.clone()];
    policy.tags.prerelease.push(template);
    let instant: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().expect("an instant");
    for version in ["1.2.3+build.5", "1.2.3-rc.4"] {
        let version = semver::Version::parse(version).expect("a version");
        let context = TagContext {
            version: &version,
            commit: "0123456789012345678901234567890123456789".parse().ok(),
            commit_time: instant,
            instant,
            branch: Some(branch),
            branch_kind: &branch::BranchKind::Stable,
            git: &[],
            withdrawn: &[],
            images: BTreeMap::new(),
        };
        match compute(&policy, &context, &[]) {
            Ok(set) => {
                let mut names: Vec<_> = set.tags().iter().map(|tag| tag.tag.as_str()).collect();
                assert!(names.iter().all(|name| is_tag(name)), "{names:?}");
                let count = names.len();
                names.sort_unstable();
                names.dedup();
                assert_eq!(names.len(), count, "{names:?}");
            }
            Err(error) => assert!(is_harmless(&error.to_string()), "{error:?}"),
        }
    }
}

/// A message is one change or none, whoever reads it, and its notes find their way into a file.
pub fn message(bytes: &[u8]) {
    let message = String::from_utf8_lossy(bytes).into_owned();
    let merge = bytes.len().is_multiple_of(2);
    let change = change::parse(&message, merge, &[]);
    assert!(!change.description.contains('\n') && !change::summary(&message).contains('\n'));
    assert!(
        change
            .reverts
            .ids
            .iter()
            .all(|id| (7..=40).contains(&id.len()))
    );
    let ended = message.split('\0').next().unwrap_or_default();
    assert_eq!(
        change,
        change::parse(ended, merge, &[]),
        "a text ends at a NUL"
    );
    let crlf = ended.replace("\r\n", "\n");
    assert_eq!(change.breaking, change::parse(&crlf, merge, &[]).breaking);
    if !ended.contains('\r') {
        let dos = ended.replace('\n', "\r\n");
        assert_eq!(
            change,
            change::parse(&dos, merge, &[]),
            "lines end as they like"
        );
    }
    let hook = lint::cleaned(&message, '#');
    assert!(!hook.lines().any(|line| line.starts_with('#')), "{hook:?}");
    let _ = lint::lint(&hook, merge, &Policy::default().version);

    let mut policy = Policy::default();
    policy.version.squash = Squash::Body;
    let commit = |id: u8| Commit {
        id: CommitId::new([id; 20]),
        parents: vec![CommitId::new([1; 20]); if merge { 2 } else { 1 }],
        message: message.clone(),
        author: message.chars().take(20).collect(),
        email: String::new(),
        time: 0,
        written: 0,
        in_paths: true,
        after_prerelease: true,
        released_beside: Vec::new(),
    };
    level_of(&change, commit(0xab));
    let judged = levels::judge(&policy.version, &[commit(0xab), commit(0xcd)]);
    let judged = judged.expect("there are no rules that could be wrong");
    let mut notes = notes::collect(&judged.entries, &notes::NotesRange::default(), None);
    notes.heading = true;
    let text = notes::render(&notes, None).expect("the built-in template");
    let written = notes::prepend(&message, &text, &notes.title);
    assert!(written.contains(text.trim()));
}

/// Without a header and without a word of what breaks there is no level; what breaks is major; and
/// looking into the body can only add.
fn level_of(change: &change::CommitChange, commit: Commit) {
    let mut policy = Policy::default().version;
    let judge = |policy: &VersionPolicy| {
        let judged = levels::judge(policy, std::slice::from_ref(&commit));
        judged
            .expect("there are no rules that could be wrong")
            .level()
    };
    let level = judge(&policy);
    let has_header = matches!(
        change.kind,
        change::MessageKind::Conventional | change::MessageKind::Revert
    );
    assert_eq!(has_header, change.type_.is_some());
    if change.skip || (!has_header && change.breaking.is_none()) {
        assert_eq!(level, None);
    } else if change.breaking.is_some() {
        assert_eq!(level, Some(Level::Major));
    }
    policy.squash = Squash::Body;
    assert!(judge(&policy) >= level);
}

/// A git tag that is read as a version is the name of that version, and of no other.
pub fn git_tag(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (template, name) = text.split_once('\n').unwrap_or((&text, &text));
    let _ = (request::parse_version(name), request::parse_label(name));
    let Ok(template) = template.parse::<GitTagTemplate>() else {
        return;
    };
    if let Some(version) = template.version(name) {
        assert_eq!(template.name(&version), name);
    }
    let version = semver::Version::new(1, 2, 3);
    assert_eq!(template.version(&template.name(&version)), Some(version));
}

/// A text is a policy, or an error that names the file.
pub fn policy(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Policy::parse(&text, "release.toml") {
        Ok(policy) => {
            let again = Policy::parse(&text, "release.toml").expect("the same text");
            assert_eq!((&again, again.identity()), (&policy, policy.identity()));
            let version = semver::Version::new(1, 2, 3);
            let name = policy.version.tag.name(&version);
            assert_eq!(policy.version.tag.version(&name), Some(version));
            for repository in policy.image.all() {
                assert_eq!(repository.to_string().parse(), Ok(repository));
            }
            for name in [None, Some("main"), Some("beta/x"), Some("1.2.x")] {
                let _ = branch::BranchKind::of(&policy.branches, name);
            }
            levels::judge(&policy.version, &[]).expect("checked rules");
        }
        Err(error) => {
            assert!(error.message().contains("release.toml"), "{error:?}");
            assert!(is_harmless(&error.to_string()), "{error:?}");
        }
    }
}
