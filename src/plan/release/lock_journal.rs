//! A journal that came from the lock, held against the policy. Whoever may push the lock's refs can have
//! written it, so it is compared with what the policy itself gives for the same version, commit and
//! instant, before anything of it is done.

use semver::Version;

use crate::{
    git::{CommitId, ObjectId, RefName},
    oci::{Digest, ImageName, Repository, Tag},
    plan::release::withdrawal::Withdrawal,
};

/// What a journal says that its release does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalClaim {
    /// The version that is released.
    pub version: Version,
    /// The commit that is released.
    pub commit: CommitId,
    /// The repositories that it goes to.
    pub repositories: Vec<Repository>,
    /// The lock's refs, as the journal names them.
    pub lock_refs: Vec<RefName>,
    /// The refs that the journal was found in.
    pub found_in: Vec<RefName>,
    /// The tags that move.
    pub tags: Vec<ClaimedTag>,
    /// The git tag that is pushed.
    pub git_tag: Option<ClaimedGitTag>,
    /// The mark that is pushed, of a version that is taken back.
    pub mark: Option<ClaimedMark>,
    /// The branch that moves to the commit.
    pub branch: Option<ClaimedBranch>,
}

/// The mark that a journal pushes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedMark {
    /// The ref.
    pub name: RefName,
    /// The id that the ref is to show.
    pub id: ObjectId,
    /// The object's bytes.
    pub object: Vec<u8>,
}

/// A tag that a journal moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedTag {
    /// The repository of the tag.
    pub repository: Repository,
    /// The name of the tag.
    pub tag: Tag,
    /// What the tag is said to be.
    pub role: TagRole,
    /// What it is said to have shown before.
    pub before: Option<Digest>,
    /// What it is to show.
    pub wanted: Digest,
    /// The image that this is said to be; `None`: the journal does not tell.
    pub image: Option<ImageName>,
}

impl JournalClaim {
    /// A release has a tag that names its version; a `repair` and a `rollback VERSION` have none.
    #[must_use]
    pub fn is_release(&self) -> bool {
        self.tags.iter().any(|tag| tag.role != TagRole::Moving)
    }

    /// The moving tags.
    pub fn moving(&self) -> impl Iterator<Item = &ClaimedTag> {
        self.tags.iter().filter(|tag| tag.role == TagRole::Moving)
    }
}

impl GrantedTag {
    /// Whether it is the tag that a claim moves.
    #[must_use]
    pub fn is(&self, claimed: &ClaimedTag) -> bool {
        self.repository == claimed.repository && self.tag == claimed.tag
    }
}

impl ClaimedTag {
    /// The tag with its repository, for messages.
    #[must_use]
    pub fn shown(&self) -> String {
        self.repository.tag(&self.tag)
    }
}

/// What a tag is to its readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagRole {
    /// It names the version whole.
    Version,
    /// It never moves, as one that names the commit.
    Fixed,
    /// It follows the newest version of its line.
    Moving,
}

/// The git tag that a journal pushes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedGitTag {
    /// The ref.
    pub name: RefName,
    /// The id that the ref is to show.
    pub id: ObjectId,
    /// The object's bytes.
    pub object: Vec<u8>,
}

/// The branch that a journal moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedBranch {
    /// The ref.
    pub name: RefName,
    /// Where it was, and where a roll back puts it.
    pub before: CommitId,
}

/// What the policy gives for the version, commit and instant of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyGrant {
    /// The repositories of the policy.
    pub repositories: Vec<Repository>,
    /// The lock's ref of each repository of the claim, in the claim's order.
    pub lock_refs: Vec<RefName>,
    /// The tags of the version.
    pub tags: Vec<GrantedTag>,
    /// Those of the claim's tags that are moving tags of some version: `repair` and
    /// `rollback VERSION` move them.
    pub moving: Vec<(Repository, Tag)>,
    /// The ref of the version's git tag.
    pub git_tag: RefName,
    /// The id that git itself computes for the claim's tag object; `None`: it pushes none.
    pub git_tag_id: Option<ObjectId>,
    /// The ref of the version's mark, and the id that git itself computes for the claim's; `None`: it pushes
    /// none.
    pub mark: Option<(RefName, ObjectId)>,
    /// The commit that the version's git tag names on the remote, where that tag is there and is not
    /// the claim's own.
    pub tagged: Option<CommitId>,
    /// What came of making the release commit again.
    pub release_commit: RemadeCommit,
}

/// A tag that the policy gives the version of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedTag {
    /// The repository of the tag.
    pub repository: Repository,
    /// The name of the tag.
    pub tag: Tag,
    /// What it is.
    pub role: TagRole,
    /// The image that it shows.
    pub image: ImageName,
}

/// Whether the commit that a branch moves to is the one that the policy makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemadeCommit {
    /// The claim moves no branch.
    NotClaimed,
    /// The policy makes no release commits.
    NotMade,
    /// It is not a branch, or a place where locks lie.
    NotABranch,
    /// Its only parent is not where the branch was.
    NotAChild,
    /// Made again from the same parent, it has another tree or another message.
    Differs,
    /// Made again, it is the same.
    Same,
}

/// Why the policy would not do what the claim says; `None`: it would.
#[must_use]
pub fn misfit(claim: &JournalClaim, grant: &PolicyGrant) -> Option<String> {
    None.or_else(|| places(claim, grant))
        .or_else(|| branch(claim, grant.release_commit))
        .or_else(|| git_tag(claim, grant))
        .or_else(|| mark(claim, grant))
        .or_else(|| tags(claim, grant))
}

fn places(claim: &JournalClaim, grant: &PolicyGrant) -> Option<String> {
    let mut repositories = claim.repositories.iter();
    if let Some(other) = repositories.find(|other| !grant.repositories.contains(other)) {
        return Some(format!(
            "it publishes to `{other}`, which the policy does not name"
        ));
    }
    if claim.lock_refs != grant.lock_refs {
        let mut named = claim.lock_refs.iter();
        let odd = named.find(|name| !grant.lock_refs.contains(name));
        return Some(match odd {
            Some(odd) => format!("`{odd}` is not a lock of its repositories"),
            None => "its locks are not those of its repositories".to_owned(),
        });
    }
    let mut found = claim.found_in.iter();
    let odd = found.find(|name| !claim.lock_refs.contains(name))?;
    Some(format!("it lies in `{odd}`, which is not one of its locks"))
}

fn tags(claim: &JournalClaim, grant: &PolicyGrant) -> Option<String> {
    let version = &claim.version;
    let only_moving = !claim.is_release();
    for tag in &claim.tags {
        let shown = tag.shown();
        let given = grant.tags.iter().find(|given| given.is(tag));
        let mut all = grant.moving.iter();
        let is_moving = all.any(|(place, name)| *place == tag.repository && *name == tag.tag);
        match given {
            // A release has its version's own tag, so this is a `repair` or a `rollback VERSION`.
            _ if only_moving && is_moving => {}
            _ if only_moving => {
                return Some(format!(
                    "`{shown}` is not a moving tag of the policy, and it has no tag of a version"
                ));
            }
            None => {
                return Some(format!(
                    "the policy does not give {version} the tag `{shown}`"
                ));
            }
            Some(GrantedTag { role, .. }) if *role != tag.role => {
                return Some(format!(
                    "`{shown}` is a {} tag by the policy, not a {} one",
                    role.as_str(),
                    tag.role.as_str()
                ));
            }
            Some(GrantedTag { image, .. }) => {
                if let Some(named) = tag.image.as_ref().filter(|named| *named != image) {
                    return Some(format!(
                        "it says that `{shown}` shows image `{named}`, and by the policy it shows `{image}`"
                    ));
                }
            }
        }
        let moves = tag.before.as_ref().is_some_and(|old| *old != tag.wanted);
        if tag.role != TagRole::Moving && moves {
            return Some(format!("it moves `{shown}`, which never moves"));
        }
    }
    if only_moving && (claim.git_tag.is_some() || claim.branch.is_some()) {
        return Some("it moves git refs without a tag of the version".to_owned());
    }
    let mut seen = Vec::new();
    for tag in &claim.tags {
        let name = (&tag.repository, &tag.tag);
        if seen.contains(&name) {
            let shown = tag.shown();
            return Some(format!("it names `{shown}` twice"));
        }
        seen.push(name);
    }
    None
}

fn git_tag(claim: &JournalClaim, grant: &PolicyGrant) -> Option<String> {
    if let Some(other) = grant
        .tagged
        .filter(|other| claim.is_release() && *other != claim.commit)
    {
        return Some(format!(
            "git has `{}` already, of commit {}",
            grant.git_tag.short(),
            other.short()
        ));
    }
    let tag = claim.git_tag.as_ref()?;
    if tag.name != grant.git_tag {
        return Some(format!(
            "it pushes `{}`, and the git tag of {} is `{}`",
            tag.name,
            claim.version,
            grant.git_tag.short()
        ));
    }
    if grant.git_tag_id.as_ref() != Some(&tag.id) {
        return Some(format!(
            "the object of the git tag `{}` is not the one that it pushes",
            tag.name.short()
        ));
    }
    let wanted = format!(
        "object {}\ntype commit\ntag {}\n",
        claim.commit,
        tag.name.short()
    );
    (!tag.object.starts_with(wanted.as_bytes())).then(|| {
        format!(
            "the git tag `{}` does not name commit {}",
            tag.name.short(),
            claim.commit.short()
        )
    })
}

fn mark(claim: &JournalClaim, grant: &PolicyGrant) -> Option<String> {
    let mark = claim.mark.as_ref()?;
    let version = &claim.version;
    if claim.is_release() {
        return Some(format!("it releases {version}, and marks it as withdrawn"));
    }
    let fits = grant
        .mark
        .as_ref()
        .is_some_and(|(name, id)| *name == mark.name && *id == mark.id);
    if !fits {
        return Some(format!("`{}` is not the mark of {version}", mark.name));
    }
    let told = Withdrawal::of_object(&mark.object);
    let of_it = told.is_some_and(|told| told.version == *version);
    (!of_it).then(|| format!("the mark `{}` does not name {version}", mark.name))
}

fn branch(claim: &JournalClaim, made: RemadeCommit) -> Option<String> {
    let branch = claim.branch.as_ref()?;
    let (name, commit) = (branch.name.short(), claim.commit.short());
    let parent = branch.before.short();
    match made {
        RemadeCommit::Same => None,
        RemadeCommit::NotClaimed | RemadeCommit::NotMade => Some(format!(
            "it moves the branch `{name}`, and the policy makes no release commits"
        )),
        RemadeCommit::NotABranch => Some(format!(
            "it moves `{}`, which is not a branch that is released from",
            branch.name
        )),
        RemadeCommit::NotAChild => Some(format!(
            "it moves the branch `{name}` from {parent} to {commit}, which is not its child"
        )),
        RemadeCommit::Differs => Some(format!(
            "commit {commit} for the branch `{name}` is not the release commit that the policy makes on {parent}"
        )),
    }
}

impl TagRole {
    /// The word for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Fixed => "fixed",
            Self::Moving => "moving",
        }
    }
}

/// What a claim does when it goes `forward`, or back: one line a move, for a person who decides about it.
#[must_use]
pub fn moves(claim: &JournalClaim, forward: bool) -> Vec<String> {
    let mut lines: Vec<String> = claim
        .tags
        .iter()
        .map(|tag| {
            let (name, new) = (tag.shown(), tag.wanted.short());
            match (&tag.before, forward) {
                (Some(old), true) if *old == tag.wanted => format!("`{name}` shows {new} already"),
                (Some(old), true) => format!("`{name}` goes from {} to {new}", old.short()),
                (None, true) => format!("`{name}` is created with {new}"),
                (Some(old), false) => format!("`{name}` goes back to {}", old.short()),
                (None, false) => format!("`{name}` is deleted"),
            }
        })
        .collect();
    if let Some(tag) = claim.git_tag.as_ref().filter(|_| forward) {
        let commit = claim.commit.short();
        lines.push(format!(
            "git tag `{}` is pushed on {commit}",
            tag.name.short()
        ));
    }
    if let Some(mark) = claim.mark.as_ref().filter(|_| forward) {
        let told = Withdrawal::of_object(&mark.object);
        let told = told.map_or_else(|| "withdrawn".to_owned(), |told| told.told());
        lines.push(format!("{} is remembered as {told}", claim.version));
    }
    if let Some(branch) = &claim.branch {
        let (old, new) = (branch.before.short(), claim.commit.short());
        let (from, to) = if forward { (old, new) } else { (new, old) };
        lines.push(format!(
            "branch `{}` goes from {from} to {to}",
            branch.name.short()
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    const COMMIT: &str = "1111111111111111111111111111111111111111";
    const OTHER: &str = "2222222222222222222222222222222222222222";
    const MARK: &str = "refs/hoist/withdrawn/1.3.0";
    const OBJECT: &str = "3333333333333333333333333333333333333333";

    fn name(text: &str) -> RefName {
        text.parse().expect("a ref")
    }

    fn commit(text: &str) -> CommitId {
        text.parse().expect("a commit")
    }

    fn repository(text: &str) -> Repository {
        text.parse().expect("a repository")
    }

    fn digest(seed: &str) -> Digest {
        Digest::of(seed.as_bytes())
    }

    fn tag(text: &str, role: TagRole, before: Option<&str>) -> ClaimedTag {
        ClaimedTag {
            repository: repository("docker.io/acme/api"),
            tag: text.parse().expect("a tag"),
            role,
            before: before.map(digest),
            wanted: digest("new"),
            image: None,
        }
    }

    fn object(commit: &str, tag: &str) -> Vec<u8> {
        format!("object {commit}\ntype commit\ntag {tag}\ntagger x <x@y> 1 +0000\n\nv\n")
            .into_bytes()
    }

    fn claim() -> JournalClaim {
        JournalClaim {
            version: Version::new(1, 3, 0),
            commit: commit(COMMIT),
            repositories: vec![repository("docker.io/acme/api")],
            lock_refs: vec![name("refs/hoist/publish/a")],
            found_in: vec![name("refs/hoist/publish/a")],
            tags: vec![
                tag("1.3.0", TagRole::Version, None),
                tag("sha-1111111", TagRole::Fixed, None),
                tag("1.3", TagRole::Moving, None),
                tag("latest", TagRole::Moving, Some("old")),
            ],
            git_tag: Some(ClaimedGitTag {
                name: name("refs/tags/v1.3.0"),
                id: OBJECT.parse().expect("an id"),
                object: object(COMMIT, "v1.3.0"),
            }),
            mark: None,
            branch: None,
        }
    }

    fn grant() -> PolicyGrant {
        let given = |text: &str, role| GrantedTag {
            repository: repository("docker.io/acme/api"),
            tag: text.parse().expect("a tag"),
            role,
            image: ImageName::main(),
        };
        PolicyGrant {
            repositories: vec![
                repository("docker.io/acme/api"),
                repository("ghcr.io/acme/api"),
            ],
            lock_refs: vec![name("refs/hoist/publish/a")],
            tags: vec![
                given("1.3.0", TagRole::Version),
                given("sha-1111111", TagRole::Fixed),
                given("1.3", TagRole::Moving),
                given("1", TagRole::Moving),
                given("latest", TagRole::Moving),
            ],
            moving: ["1.3", "1", "latest", "1.2"]
                .map(|text| {
                    let tag = text.parse().expect("a tag");
                    (repository("docker.io/acme/api"), tag)
                })
                .to_vec(),
            git_tag: name("refs/tags/v1.3.0"),
            git_tag_id: Some(OBJECT.parse().expect("an id")),
            mark: Some((name(MARK), OBJECT.parse().expect("an id"))),
            tagged: None,
            release_commit: RemadeCommit::NotClaimed,
        }
    }

    fn with_branch(before: &str) -> JournalClaim {
        JournalClaim {
            branch: Some(ClaimedBranch {
                name: name("refs/heads/main"),
                before: commit(before),
            }),
            ..claim()
        }
    }

    /// Only moving tags, as `repair` and `rollback VERSION` write them.
    fn repair(names: &[&str]) -> JournalClaim {
        JournalClaim {
            tags: names
                .iter()
                .map(|name| tag(name, TagRole::Moving, Some("old")))
                .collect(),
            git_tag: None,
            ..claim()
        }
    }

    /// `rollback 1.3.0`.
    fn taken_back() -> JournalClaim {
        let told = Withdrawal::new(
            &Version::new(1, 3, 0),
            DateTime::UNIX_EPOCH,
            "x",
            Some("it leaks"),
        );
        JournalClaim {
            mark: Some(ClaimedMark {
                name: name(MARK),
                id: OBJECT.parse().expect("an id"),
                object: told.object("x <x@y>"),
            }),
            ..repair(&["1", "latest"])
        }
    }

    #[test]
    fn a_version_that_is_taken_back_is_marked_as_its_journal_says() {
        assert_eq!(misfit(&taken_back(), &grant()), None);
        let told = "1.3.0 is remembered as withdrawn on 1970-01-01 by x: it leaks".to_owned();
        assert_eq!(moves(&taken_back(), true).last(), Some(&told));
        assert!(!moves(&taken_back(), false).contains(&told));
    }

    #[test]
    fn what_the_policy_itself_would_do_fits() {
        let remade = PolicyGrant {
            release_commit: RemadeCommit::Same,
            ..grant()
        };
        let tagged = PolicyGrant {
            tagged: Some(commit(COMMIT)),
            ..grant()
        };
        let completing = JournalClaim {
            git_tag: None,
            ..claim()
        };
        for (what, claim, grant) in [
            ("a release", claim(), grant()),
            ("one with a release commit", with_branch(OTHER), remade),
            ("one that completes a tagged version", completing, tagged),
            ("a repair", repair(&["1.2", "latest"]), grant()),
        ] {
            assert_eq!(misfit(&claim, &grant), None, "{what}");
        }
    }

    #[test]
    fn planted_journals_are_refused_by_name() {
        type Plant = fn(&mut JournalClaim, &mut PolicyGrant);
        let table: [(&str, Plant); 27] = [
            ("which the policy does not name", |c, _| {
                c.repositories.push(repository("evil.example/acme/api"));
            }),
            ("`refs/heads/main` is not a lock", |c, _| {
                c.lock_refs.push(name("refs/heads/main"));
            }),
            ("`refs/hoist/publish/b` is not a lock", |c, _| {
                c.lock_refs = vec![name("refs/hoist/publish/b")];
            }),
            ("its locks are not those", |c, _| c.lock_refs.clear()),
            ("it lies in `refs/hoist/publish/b`", |c, _| {
                c.found_in.push(name("refs/hoist/publish/b"));
            }),
            (
                "does not give 1.3.0 the tag `docker.io/acme/api:stable`",
                |c, _| {
                    c.tags.push(tag("stable", TagRole::Moving, Some("old")));
                },
            ),
            // Another version's moving tag.
            (
                "does not give 1.3.0 the tag `docker.io/acme/api:1.2`",
                |c, _| {
                    c.tags.push(tag("1.2", TagRole::Moving, Some("old")));
                },
            ),
            (
                "does not give 1.3.0 the tag `docker.io/acme/api:1.2.0`",
                |c, _| {
                    c.tags.push(tag("1.2.0", TagRole::Version, None));
                },
            ),
            // A tag of another image's repository.
            (
                "does not give 1.3.0 the tag `ghcr.io/acme/api:latest`",
                |c, _| {
                    c.tags[3].repository = repository("ghcr.io/acme/api");
                },
            ),
            ("is not a moving tag of the policy", |c, _| {
                *c = repair(&["latest"]);
                c.tags[0].repository = repository("ghcr.io/acme/api");
            }),
            (
                "says that `docker.io/acme/api:1.3` shows image `worker`, and by the policy it shows `main`",
                |c, _| c.tags[2].image = Some(ImageName::named("worker")),
            ),
            ("is a moving tag by the policy, not a fixed one", |c, _| {
                c.tags[2].role = TagRole::Fixed;
            }),
            (
                "is a version tag by the policy, not a moving one",
                |c, _| {
                    c.tags[0].role = TagRole::Moving;
                },
            ),
            ("`docker.io/acme/api:1.3.0`, which never moves", |c, _| {
                c.tags[0].before = Some(digest("published"));
            }),
            ("twice", |c, _| {
                c.tags.push(tag("latest", TagRole::Moving, None))
            }),
            ("it pushes `refs/tags/v9.9.9`", |c, _| {
                c.git_tag.as_mut().expect("one").name = name("refs/tags/v9.9.9");
            }),
            ("it pushes `refs/heads/main`", |c, _| {
                c.git_tag.as_mut().expect("one").name = name("refs/heads/main");
            }),
            ("does not name commit 1111111", |c, _| {
                c.git_tag.as_mut().expect("one").object = object(OTHER, "v1.3.0");
            }),
            ("does not name commit 1111111", |c, _| {
                c.git_tag.as_mut().expect("one").object = object(COMMIT, "v1.2.0");
            }),
            ("is not the one that it pushes", |c, _| {
                c.git_tag.as_mut().expect("one").id = OTHER.parse().expect("an id");
            }),
            ("git has `v1.3.0` already, of commit 2222222", |_, g| {
                g.tagged = Some(commit(OTHER));
            }),
            ("is not a moving tag of the policy", |c, _| {
                *c = repair(&["latest", "1.3.0"]);
            }),
            ("releases 1.3.0, and marks it as withdrawn", |c, _| {
                c.mark = taken_back().mark;
            }),
            ("`refs/heads/main` is not the mark of 1.3.0", |c, _| {
                *c = taken_back();
                c.mark.as_mut().expect("one").name = name("refs/heads/main");
            }),
            ("is not the mark of 1.3.0", |c, _| {
                *c = taken_back();
                c.mark.as_mut().expect("one").id = OTHER.parse().expect("an id");
            }),
            ("does not name 1.3.0", |c, _| {
                *c = taken_back();
                let other =
                    Withdrawal::new(&Version::new(1, 2, 0), DateTime::UNIX_EPOCH, "x", None);
                c.mark.as_mut().expect("one").object = other.object("x <x@y>");
            }),
            ("git refs without a tag of the version", |c, _| {
                let git_tag = c.git_tag.clone();
                *c = repair(&["latest"]);
                c.git_tag = git_tag;
            }),
        ];
        for (words, plant) in table {
            let (mut claim, mut grant) = (claim(), grant());
            plant(&mut claim, &mut grant);
            let why = misfit(&claim, &grant).unwrap_or_default();
            assert!(why.contains(words), "{words}: {why:?}");
        }
    }

    #[test]
    fn a_branch_moves_only_to_the_release_commit_made_again() {
        for (made, words) in [
            (RemadeCommit::NotClaimed, "makes no release commits"),
            (RemadeCommit::NotMade, "makes no release commits"),
            (RemadeCommit::NotABranch, "is not a branch"),
            (RemadeCommit::NotAChild, "not its child"),
            (RemadeCommit::Differs, "is not the release commit"),
        ] {
            let grant = PolicyGrant {
                release_commit: made,
                ..grant()
            };
            let why = misfit(&with_branch(OTHER), &grant).unwrap_or_default();
            assert!(why.contains(words) && why.contains("main`"), "{why:?}");
        }
    }

    #[test]
    fn each_move_is_told_for_the_way_that_it_goes() {
        let claim = with_branch(OTHER);
        let (new, old) = (digest("new"), digest("old"));
        let (new, old) = (new.short(), old.short());
        assert_eq!(
            moves(&claim, true)[2..],
            [
                format!("`docker.io/acme/api:1.3` is created with {new}"),
                format!("`docker.io/acme/api:latest` goes from {old} to {new}"),
                "git tag `v1.3.0` is pushed on 1111111".to_owned(),
                "branch `main` goes from 2222222 to 1111111".to_owned(),
            ]
        );
        assert_eq!(
            moves(&claim, false)[2..],
            [
                "`docker.io/acme/api:1.3` is deleted".to_owned(),
                format!("`docker.io/acme/api:latest` goes back to {old}"),
                "branch `main` goes from 1111111 to 2222222".to_owned(),
            ]
        );
    }
}
