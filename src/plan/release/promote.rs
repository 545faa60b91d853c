//! From a pre-release to its core version, with the same bytes: may it be, and from which commit.

use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    git::CommitId,
    plan::{history::facts::VersionTag, version::bump::core},
};

/// A pre-release that becomes its core version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// The pre-release that is promoted.
    pub candidate: Version,
    /// Its core version, which gets the same image.
    pub target: Version,
    /// The candidate's commit, which the target's git tag names too.
    pub commit: CommitId,
    /// The target's tag is there already: an earlier promotion is finished.
    pub tagged: bool,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// Whether `candidate` may become its core version, given all version `tags` with the commits of
/// those of this core.
///
/// # Errors
/// Usage (exit 2): the version is not a pre-release. Refused (exit 4): it was never released, or its
/// core is tagged on another commit.
pub fn promotion(candidate: &Version, tags: &[VersionTag]) -> Result<Promotion> {
    must_be_prerelease(candidate, &[])?;
    let target = core(candidate);
    let find = |version: &Version| tags.iter().find(|tag| tag.version == *version);
    let Some(released) = find(candidate) else {
        return Err(unreleased(candidate, tags));
    };
    let commit = released.commit.ok_or_else(|| {
        Error::refused(format!(
            "tag `{}` does not point at a commit of this clone",
            released.name
        ))
        .hint("git fetch --tags")
    })?;
    let taken = find(&target);
    if let Some(taken) = taken
        && taken.commit != Some(commit)
    {
        let other = taken
            .commit
            .map_or_else(|| "no commit".to_owned(), |id| id.to_string());
        return Err(Error::refused(format!("{target} is taken"))
            .with_code(ErrorCode::VersionTaken)
            .cause(format!(
                "tag `{}` is on {other}, `{}` on {commit}",
                taken.name, released.name
            ))
            .state("nothing was moved")
            .hint("release the next pre-release, and promote that"));
    }
    let newer = tags
        .iter()
        .filter(|tag| core(&tag.version) == target && !tag.version.pre.is_empty())
        .map(|tag| &tag.version)
        .filter(|other| other.cmp_precedence(candidate).is_gt())
        .max_by(|a, b| a.cmp_precedence(b));
    let notes = newer.map(|newer| format!("{newer} is newer than {candidate}"));
    Ok(Promotion {
        candidate: candidate.clone(),
        target,
        commit,
        tagged: taken.is_some(),
        notes: notes.into_iter().collect(),
    })
}

/// Whether it could ever be promoted; else the hint names one of `released` that could.
///
/// # Errors
/// Usage (exit 2): it is not a pre-release; one of the `known` versions is named that is.
pub fn must_be_prerelease(candidate: &Version, known: &[Version]) -> Result<()> {
    if !candidate.pre.is_empty() {
        return Ok(());
    }
    let error = Error::usage(format!("`{candidate}` is not a pre-release"));
    let prereleases = || known.iter().filter(|version| !version.pre.is_empty());
    let own = prereleases().filter(|version| core(version) == *candidate);
    let open = prereleases().filter(|version| !known.contains(&core(version)));
    let highest = own.max().or_else(|| open.max());
    Err(match highest {
        Some(highest) => error.hint(format!(
            "`hoist promote {highest}` publishes that image as {}",
            core(highest)
        )),
        None => error.hint("no pre-release waits for it: `hoist release --pre rc` makes one"),
    })
}

/// Names the pre-releases of the same core that there are.
fn unreleased(candidate: &Version, tags: &[VersionTag]) -> Error {
    let target = core(candidate);
    let mut there: Vec<&Version> = tags
        .iter()
        .map(|tag| &tag.version)
        .filter(|version| core(version) == target && !version.pre.is_empty())
        .collect();
    there.sort_by(|a, b| b.cmp_precedence(a));
    let error = Error::refused(format!(
        "{candidate} has no git tag, so it was not released from here"
    ))
    .with_code(ErrorCode::NotReleased)
    .state("nothing was moved");
    match &*there {
        [] => error.hint("`git fetch --tags` brings a tag that only the remote has; or release it: `hoist release --pre rc`"),
        [newest, ..] => error.hint(format!("there is {newest}: `hoist promote {newest}`")),
    }
}

#[cfg(test)]
mod tests {
    use crate::error::ErrorKind;
    use crate::plan::release::promote::*;

    fn tag(text: &str, commit: u8) -> VersionTag {
        VersionTag {
            name: format!("v{text}"),
            version: text.parse().expect("a version"),
            commit: Some(CommitId::new([commit; 20])),
        }
    }

    #[test]
    fn what_is_no_prerelease_is_answered_with_one_that_there_is() {
        let hint = |candidate: &str, released: &[&str]| {
            let released: Vec<Version> = released
                .iter()
                .map(|text| text.parse().expect("a version"))
                .collect();
            let candidate = candidate.parse().expect("a version");
            let error = must_be_prerelease(&candidate, &released).expect_err("it is not");
            error.first_hint().expect("a hint").to_owned()
        };
        for (candidate, released, said) in [
            (
                "1.3.0",
                &["1.2.0", "1.3.0-rc.1", "1.3.0-rc.2", "2.0.0-rc.1"][..],
                "`hoist promote 1.3.0-rc.2`",
            ),
            (
                "1.4.0",
                &["1.3.0-rc.1", "2.0.0-rc.1"],
                "`hoist promote 2.0.0-rc.1`",
            ),
            (
                "1.4.0",
                &["1.3.0"],
                "no pre-release waits for it: `hoist release --pre rc`",
            ),
        ] {
            let hint = hint(candidate, released);
            assert!(hint.starts_with(said), "{hint}");
        }
    }

    fn promote(candidate: &str, tags: &[VersionTag]) -> Result<Promotion> {
        promotion(&candidate.parse().expect("a version"), tags)
    }

    #[test]
    fn a_candidate_becomes_its_core_at_its_own_commit() {
        let tags = [tag("1.2.0", 1), tag("1.3.0-rc.1", 2), tag("1.3.0-rc.2", 3)];
        let promotion = promote("1.3.0-rc.2", &tags).expect("it may be");
        assert_eq!(promotion.target, Version::new(1, 3, 0));
        assert_eq!(promotion.commit, CommitId::new([3; 20]));
        assert!(!promotion.tagged && promotion.notes.is_empty());
        let older = promote("1.3.0-rc.1", &tags).expect("it may be");
        assert_eq!(older.notes, ["1.3.0-rc.2 is newer than 1.3.0-rc.1"]);
    }

    #[test]
    fn an_earlier_promotion_is_finished() {
        let tags = [tag("1.3.0-rc.1", 2), tag("1.3.0", 2)];
        assert!(promote("1.3.0-rc.1", &tags).expect("it may be").tagged);
    }

    #[test]
    fn what_cannot_be_promoted() {
        let tags = [tag("1.3.0-rc.1", 2), tag("1.3.0", 4), tag("2.0.0-rc.3", 5)];
        let kind = |candidate: &str| promote(candidate, &tags).map_err(|error| error.kind());
        assert_eq!(kind("1.3.0"), Err(ErrorKind::Usage));
        assert_eq!(kind("1.3.0-rc.1"), Err(ErrorKind::Refused));
        let error = promote("2.0.0-rc.4", &tags).expect_err("it was not released");
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert_eq!(
            error.first_hint(),
            Some("there is 2.0.0-rc.3: `hoist promote 2.0.0-rc.3`")
        );
    }
}
