//! Locks and tags on a real git remote: a bare repository, through the `git` program.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use hoist::{
    git::{CommitId, ObjectId, RefName},
    io::git::remote::{
        GitRemote, LocalOnly, NewTag, RefEdit, RefPattern, Remote, RemoteErrorKind, make_tag,
    },
};
use testkit::sandbox;

const LOCKS: [&str; 2] = [
    "refs/hoist/publish/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "refs/hoist/publish/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
];

/// A remote with one commit, and a clone of it.
fn place() -> sandbox::GitRemote {
    let remote = sandbox::GitRemote::new();
    let clone = remote.clone("first", &[]);
    clone.write("file", "content");
    clone.commit("feat: begin");
    clone.push();
    remote
}

/// All refs that are locks.
fn below() -> [RefPattern; 1] {
    [RefPattern::Below("refs/hoist/".into())]
}

fn named(name: &str) -> RefName {
    name.parse().unwrap()
}

fn pattern(name: &str) -> [RefPattern; 1] {
    [RefPattern::Name(named(name))]
}

fn head(clone: &sandbox::Clone<'_>) -> CommitId {
    clone.git(&["rev-parse", "HEAD"]).parse().unwrap()
}

fn edits(names: &[&str], expected: Option<&ObjectId>, new: Option<&ObjectId>) -> Vec<RefEdit> {
    let edit = |name: &&str| match (expected, new) {
        (None, Some(new)) => RefEdit::create(&named(name), new),
        (Some(expected), Some(new)) => RefEdit::update(&named(name), expected, new),
        (Some(expected), None) => RefEdit::delete(&named(name), expected),
        (None, None) => panic!("an edit changes something"),
    };
    names.iter().map(edit).collect()
}

pub fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn new_tag(commit: CommitId) -> NewTag {
    NewTag {
        name: RefName::tag("v1.3.0").unwrap(),
        commit,
        message: "1.3.0\n\n* notes\n# not a comment".into(),
        seconds: 1_767_323_045,
        sign: false,
    }
}

#[tokio::test]
async fn a_lock_is_taken_once_and_lost_by_lease() {
    let place = place();
    let clone = place.clone("second", &[]);
    let remote = GitRemote::new(clone.path(), "origin");
    let mine = remote.write_lock("mine", "journal 1\n").await.unwrap();
    let other = remote.write_lock("other", "journal 2\n").await.unwrap();
    remote
        .swap(&edits(&LOCKS, None, Some(&mine)))
        .await
        .unwrap();
    let second = remote
        .swap(&edits(&LOCKS[1..], None, Some(&other)))
        .await
        .unwrap_err();
    assert_eq!(second.kind, RemoteErrorKind::Conflict, "{second}");
    // One of the two is free no more, so neither is taken.
    let both = ["refs/hoist/publish/cccc", LOCKS[0]];
    assert!(
        remote
            .swap(&edits(&both, None, Some(&other)))
            .await
            .is_err()
    );
    assert_eq!(remote.refs(&pattern(both[0])).await.unwrap(), []);
    remote
        .swap(&edits(&LOCKS, Some(&mine), Some(&other)))
        .await
        .unwrap();
    let late = remote
        .swap(&edits(&LOCKS, Some(&mine), None))
        .await
        .unwrap_err();
    assert_eq!(late.kind, RemoteErrorKind::Conflict, "{late}");
    let held = remote.refs(&below()).await.unwrap();
    assert_eq!(held, LOCKS.map(|name| (named(name), other.clone())));
}

#[tokio::test]
async fn another_clone_reads_the_journal_in_the_lock() {
    let place = place();
    let (first, second) = (place.clone("a", &[]), place.clone("b", &["--depth=1"]));
    let one = GitRemote::new(first.path(), "origin");
    let journal = "{\"v\":1}\n{\"v\":2}\n";
    let lock = one
        .write_lock("hoist: publishing 1.3.0", journal)
        .await
        .unwrap();
    one.swap(&edits(&LOCKS, None, Some(&lock))).await.unwrap();
    let two = GitRemote::new(second.path(), "origin");
    assert_eq!(
        two.read_lock(&named(LOCKS[0]), &lock).await.unwrap(),
        journal
    );
    assert!(
        !place
            .git(&["log", "-1", "--format=%s", LOCKS[0]])
            .is_empty()
    );
}

#[tokio::test]
async fn the_tag_appears_and_the_lock_goes_in_one_push() {
    let place = place();
    let clone = place.clone("a", &[]);
    let remote = GitRemote::new(clone.path(), "origin");
    let tag = make_tag(clone.path(), &new_tag(head(&clone)))
        .await
        .unwrap();
    assert!(clone.git(&["tag"]).is_empty(), "only an object so far");
    let lock = remote.write_lock("mine", "x\n").await.unwrap();
    remote
        .swap(&edits(&LOCKS, None, Some(&lock)))
        .await
        .unwrap();
    let mut finish = edits(&["refs/tags/v1.3.0"], None, Some(&tag.id));
    finish.extend(edits(&LOCKS, Some(&lock), None));
    // A clone without the commit brings it first.
    let other = place.clone("b", &[]);
    let elsewhere = GitRemote::new(other.path(), "origin");
    assert_eq!(
        elsewhere
            .write_tag(&tag.object, head(&clone))
            .await
            .unwrap(),
        tag.id
    );
    elsewhere.swap(&finish).await.unwrap();
    let refs = place.refs();
    assert!(
        refs.contains(&format!("refs/tags/v1.3.0 {} tag", tag.id)),
        "{refs}"
    );
    assert!(!refs.contains("refs/hoist"), "{refs}");
    assert_eq!(
        place.git(&["for-each-ref", "--format=%(contents)", "refs/tags/v1.3.0"]),
        "1.3.0\n\n* notes\n# not a comment"
    );
}

#[tokio::test]
async fn a_tag_that_exists_stops_the_whole_push() {
    let place = place();
    let clone = place.clone("a", &[]);
    let remote = GitRemote::new(clone.path(), "origin");
    let lock = remote.write_lock("mine", "x\n").await.unwrap();
    remote
        .swap(&edits(&LOCKS, None, Some(&lock)))
        .await
        .unwrap();
    clone.git(&["push", "--quiet", "origin", "HEAD:refs/tags/v1.3.0"]);
    let tag = make_tag(clone.path(), &new_tag(head(&clone)))
        .await
        .unwrap();
    let mut finish = edits(&["refs/tags/v1.3.0"], None, Some(&tag.id));
    finish.extend(edits(&LOCKS, Some(&lock), None));
    let error = remote.swap(&finish).await.unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::Conflict, "{error}");
    assert!(place.refs().contains(LOCKS[0]));
}

#[tokio::test]
async fn a_server_without_atomic_pushes_gets_the_tag_first() {
    let place = place();
    place.git(&["config", "receive.advertiseAtomic", "false"]);
    let clone = place.clone("a", &[]);
    let remote = GitRemote::new(clone.path(), "origin");
    let lock = remote.write_lock("mine", "x\n").await.unwrap();
    remote
        .check(&edits(&LOCKS, None, Some(&lock)))
        .await
        .unwrap();
    // Taken in part is given back.
    clone.git(&["push", "--quiet", "origin", &format!("HEAD:{}", LOCKS[1])]);
    let error = remote
        .swap(&edits(&LOCKS, None, Some(&lock)))
        .await
        .unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::Conflict, "{error}");
    assert!(!place.refs().contains(LOCKS[0]), "{}", place.refs());
    clone.git(&["push", "--quiet", "origin", "--delete", LOCKS[1]]);
    remote
        .swap(&edits(&LOCKS, None, Some(&lock)))
        .await
        .unwrap();
    let tag = make_tag(clone.path(), &new_tag(head(&clone)))
        .await
        .unwrap();
    // The deletion is refused, so what is left is the lock, not a lost tag.
    script(
        &place.path().join("hooks/update"),
        "#!/bin/sh\ncase $3 in *[!0]*) ;; *) echo 'no deletions' >&2; exit 1;; esac\n",
    );
    let mut finish = edits(&LOCKS, Some(&lock), None);
    finish.extend(edits(&["refs/tags/v1.3.0"], None, Some(&tag.id)));
    let error = remote.swap(&finish).await.unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::Refused, "{error}");
    let refs = place.refs();
    assert!(
        refs.contains("refs/tags/v1.3.0") && refs.contains(LOCKS[0]),
        "{refs}"
    );
}

#[tokio::test]
async fn a_server_that_refuses_the_namespace_is_told_apart() {
    let place = place();
    script(
        &place.path().join("hooks/update"),
        "#!/bin/sh\ncase $1 in refs/hoist/*) echo 'no such namespace' >&2; exit 1;; esac\n",
    );
    let clone = place.clone("a", &[]);
    let remote = GitRemote::new(clone.path(), "origin");
    let lock = remote.write_lock("mine", "x\n").await.unwrap();
    let error = remote
        .swap(&edits(&LOCKS, None, Some(&lock)))
        .await
        .unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::Refused, "{error}");
    assert!(error.hint.unwrap().contains("refs/heads/hoist"));
    // Branches take nothing but commits, and a lock is one.
    let branch = ["refs/heads/hoist/publish/aaaa"];
    remote
        .swap(&edits(&branch, None, Some(&lock)))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_remote_without_exactly_one_push_url_is_refused() {
    let place = place();
    let clone = place.clone("a", &[]);
    let missing = GitRemote::new(clone.path(), "upstream");
    let error = missing.refs(&pattern(LOCKS[0])).await.unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::Setup, "{error}");
    assert!(error.hint.unwrap().contains("git.push = false"));
    for url in ["file:///one", "file:///two"] {
        clone.git(&["remote", "set-url", "--add", "--push", "origin", url]);
    }
    let several = GitRemote::new(clone.path(), "origin");
    let error = several.check(&[]).await.unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::Setup, "{error}");
    clone.git(&["config", "--unset-all", "remote.origin.pushurl"]);
    clone.git(&["remote", "set-url", "origin", "file:///nowhere/at/all"]);
    let gone = GitRemote::new(clone.path(), "origin");
    let error = gone.refs(&pattern(LOCKS[0])).await.unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::Unreachable, "{error}");
}

#[tokio::test]
async fn the_pre_push_hook_has_its_say_once() {
    let place = place();
    let clone = place.clone("a", &[]);
    let log = clone.path().join("pushes");
    script(
        &clone.path().join(".git/hooks/pre-push"),
        &format!("#!/bin/sh\necho ran >>{}\n", log.display()),
    );
    let remote = GitRemote::new(clone.path(), "origin");
    let lock = remote.write_lock("mine", "x\n").await.unwrap();
    remote
        .check(&edits(&LOCKS, None, Some(&lock)))
        .await
        .unwrap();
    remote
        .swap(&edits(&LOCKS, None, Some(&lock)))
        .await
        .unwrap();
    assert_eq!(fs::read_to_string(log).unwrap(), "ran\n");
}

/// Eight clones want the same two locks, again and again: each time exactly one gets both.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_contenders_one_wins() {
    let place = place();
    let clones: Vec<_> = (0..8).map(|n| place.clone(&format!("c{n}"), &[])).collect();
    for round in 0..5 {
        let races: Vec<_> = clones
            .iter()
            .enumerate()
            .map(|(n, clone)| {
                let remote = GitRemote::new(clone.path(), "origin");
                tokio::spawn(async move {
                    // The nonce makes the objects differ: the same one pushed twice "succeeds" twice.
                    let lock = remote
                        .write_lock("contender", &format!("{round} {n}\n"))
                        .await
                        .unwrap();
                    let won = remote.swap(&edits(&LOCKS, None, Some(&lock))).await.is_ok();
                    (won, lock)
                })
            })
            .collect();
        let mut winners = Vec::new();
        for race in races {
            let (won, lock) = race.await.unwrap();
            if won {
                winners.push(lock);
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        let remote = GitRemote::new(clones[0].path(), "origin");
        let held = remote.refs(&below()).await.unwrap();
        assert_eq!(held, LOCKS.map(|name| (named(name), winners[0].clone())));
        let winner = clones.iter().find(|clone| {
            clone
                .command("git")
                .args(["cat-file", "-e", winners[0].as_str()])
                .status()
                .unwrap()
                .success()
        });
        GitRemote::new(winner.unwrap().path(), "origin")
            .swap(&edits(&LOCKS, Some(&winners[0]), None))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_ref_that_another_push_has_at_this_moment_is_no_refusal() {
    let place = place();
    let clone = place.clone("c", &[]);
    let remote = GitRemote::new(clone.path(), "origin");
    let lock = remote.write_lock("contender", "1\n").await.unwrap();
    let held = place.path().join(format!("{}.lock", LOCKS[1]));
    std::fs::create_dir_all(held.parent().unwrap()).unwrap();
    std::fs::write(&held, "").unwrap();
    let error = remote.swap(&edits(&LOCKS, None, Some(&lock))).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::Raced, "{error:?}");
    assert_eq!(error.hint, None);
    std::fs::remove_file(&held).unwrap();
    remote
        .swap(&edits(&LOCKS, None, Some(&lock)))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_signed_tag_is_an_object_before_it_is_a_ref() {
    let place = place();
    let clone = place.clone("a", &[]);
    // A stand-in for GnuPG: says what git waits for, and signs.
    let gpg = clone.path().join("gpg");
    script(
        &gpg,
        "#!/bin/sh\ncat >/dev/null\necho '[GNUPG:] SIG_CREATED ' >&2\n\
         printf -- '-----BEGIN PGP SIGNATURE-----\\n\\nsigned\\n-----END PGP SIGNATURE-----\\n'\n",
    );
    clone.git(&["config", "gpg.program", &gpg.display().to_string()]);
    clone.git(&["config", "user.name", "A Developer"]);
    clone.git(&["config", "user.email", "dev@example.org"]);
    let tag = NewTag {
        sign: true,
        ..new_tag(head(&clone))
    };
    let made = make_tag(clone.path(), &tag).await.unwrap();
    let text = String::from_utf8(made.object).unwrap();
    assert!(
        text.contains("\ntag v1.3.0\ntagger A Developer <dev@example.org> 1767323045 +0000\n"),
        "{text}"
    );
    assert!(
        text.contains("# not a comment\n-----BEGIN PGP SIGNATURE-----"),
        "{text}"
    );
    assert!(clone.git(&["tag"]).is_empty());
    // A missing key strikes here, before anything is locked.
    script(&gpg, "#!/bin/sh\necho 'no secret key' >&2\nexit 2\n");
    let error = make_tag(clone.path(), &tag).await.unwrap_err();
    assert!(error.message.contains("cannot sign"), "{error}");
    assert!(clone.git(&["tag"]).is_empty());
}

#[tokio::test]
async fn without_a_remote_an_os_lock_and_the_repository_do() {
    let place = place();
    let clone = place.clone("a", &[]);
    let path = clone.path().join(".git/hoist/lock");
    let first = LocalOnly::new(clone.path(), &path);
    let second = LocalOnly::new(clone.path(), &path);
    let lock = first.write_lock("mine", "journal\n").await.unwrap();
    first.swap(&edits(&LOCKS, None, Some(&lock))).await.unwrap();
    let held = second.refs(&below()).await.unwrap();
    assert_eq!(held.len(), 2);
    assert_eq!(
        second.read_lock(&named(LOCKS[0]), &lock).await.unwrap(),
        "journal\n"
    );
    let other = second.write_lock("other", "another\n").await.unwrap();
    // Not even by lease, while the first process lives.
    let error = second
        .swap(&edits(&LOCKS, Some(&lock), Some(&other)))
        .await
        .unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::Conflict);
    // It dies: the OS lets go, the file still tells.
    drop(first);
    assert!(
        second
            .swap(&edits(&LOCKS, None, Some(&other)))
            .await
            .is_err()
    );
    second
        .swap(&edits(&LOCKS, Some(&lock), Some(&other)))
        .await
        .unwrap();
    let tag = make_tag(clone.path(), &new_tag(head(&clone)))
        .await
        .unwrap();
    let mut finish = edits(&["refs/tags/v1.3.0"], None, Some(&tag.id));
    finish.extend(edits(&LOCKS, Some(&other), None));
    second.swap(&finish).await.unwrap();
    assert_eq!(
        clone.git(&["rev-parse", "refs/tags/v1.3.0"]),
        tag.id.as_str()
    );
    assert_eq!(second.refs(&below()).await.unwrap(), []);
}
