//! Releases whose image tags are out and whose git tag the server refused: what the closed journals of this
//! clone remember, compared with what the remote has.

use serde::Serialize;

use crate::{
    error::Result,
    git::{CommitId, RefName, tag_name},
    io::git::remote::RefPattern,
    oci::Repository,
    publish::{
        errors::git_error,
        protocol::{
            journal::decode,
            replay::{self, Replayed},
            state::{End, State},
        },
        world::World,
    },
};

/// A version that is published without its git tag: the server refused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MissingGitTag {
    /// The version.
    pub version: semver::Version,
    /// Its commit.
    pub commit: CommitId,
    /// The tag, without `refs/tags/`.
    #[serde(with = "tag_name")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub tag: RefName,
}

/// The git tags that a release of this clone was refused, and that the remote still does not have.
///
/// # Errors
/// The remote cannot be read.
pub async fn missing_git_tags(
    world: &World,
    repositories: &[Repository],
) -> Result<Vec<MissingGitTag>> {
    let mut refused = refused(world, repositories);
    if refused.is_empty() {
        return Ok(refused);
    }
    let names = RefPattern::names(refused.iter().map(|one| &one.tag));
    let there = world.remote.refs(&names).await;
    let there = there.map_err(|error| git_error("cannot read the git tags", &error))?;
    refused.retain(|one| there.iter().all(|(name, _)| *name != one.tag));
    Ok(refused)
}

/// What the closed journals remember, each tag once. One that cannot be read says nothing here: where it
/// matters, the look for unfinished releases has said so.
fn refused(world: &World, repositories: &[Repository]) -> Vec<MissingGitTag> {
    let mut all: Vec<MissingGitTag> = Vec::new();
    for name in world.journals.list().unwrap_or_default() {
        let text = world.journals.read(&name).ok();
        let records = text.and_then(|text| decode(&text).ok());
        let Some(replayed) = records.and_then(replay::replay) else {
            continue;
        };
        if let Some(missing) = missing(&replayed, repositories) {
            all.retain(|known| known.tag != missing.tag);
            all.push(missing);
        }
    }
    all
}

fn missing(replayed: &Replayed, repositories: &[Repository]) -> Option<MissingGitTag> {
    let prepared = &replayed.prepared;
    let mut places = prepared.repositories.iter();
    let is_ours = places.any(|place| repositories.contains(&place.repository));
    if !is_ours || replayed.txn.state != State::Ended(End::Unpushed) {
        return None;
    }
    Some(MissingGitTag {
        version: prepared.version.clone(),
        commit: prepared.commit,
        tag: prepared.git_tag.as_ref()?.name.clone(),
    })
}
