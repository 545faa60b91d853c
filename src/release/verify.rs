//! Looks at releases and says what is not as it should be; changes nothing.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    io::registry::{
        RepositoryApi,
        image_tree::{self, ImageTree},
    },
    oci::{Digest, ImageName, Repository, TagOrDigest},
    plan::{
        history::facts::Facts,
        release::{
            belonging::CheckState,
            drift::Drift,
            held::{by_policy_then, given_away},
            image_check::{ExpectedImage, ImageProblem},
            receipt::Receipt,
            tag_check::TagCheck,
            verify::{ReleaseFacts, checks},
        },
        tags::{KnownVersions, Listing, Origins, Published, TagKind},
        version::VersionRequest,
    },
    policy::Latest,
    release::{
        facade::Release,
        observe,
        past_policy::{lacks_a_place, lacks_an_image},
        tags::Subject,
        verified::{Finding, ProvenImage, Verified, VerifyOptions},
    },
};

/// Requests under way at once, per repository.
const AT_ONCE: usize = 4;

impl Release {
    /// Compares one release, or all that are published, with what the registries show. Without a
    /// version it is the one that HEAD has or descends from.
    ///
    /// # Errors
    /// Refused (exit 4) where there is no such release; failed (exit 6) where a registry cannot
    /// be read. What is wrong with a release is a result, not an error.
    pub async fn verify(
        &self,
        version: Option<&Version>,
        how: &VerifyOptions,
    ) -> Result<Vec<Verified>> {
        self.or_signal(self.verify_all(version, how)).await
    }

    async fn verify_all(
        &self,
        version: Option<&Version>,
        how: &VerifyOptions,
    ) -> Result<Vec<Verified>> {
        let mut facts = self
            .project()
            .facts_of(&VersionRequest::default(), version)?;
        let withdrawn = self.withdrawn_or_known().await;
        facts.withdrawn = withdrawn.iter().map(|one| one.version.clone()).collect();
        let git: Vec<Version> = facts.tags.iter().map(|tag| tag.version.clone()).collect();
        let origins = self.origins(&git);
        let mut notes = Vec::new();
        let versions = match version {
            Some(version) => vec![version.clone()],
            None if how.all => {
                let (versions, passed_over) = self.published_versions(&facts, &origins).await?;
                notes = passed_over;
                versions
            }
            None => {
                let last = facts.on_head.first().or(facts.base.as_ref());
                let last = last.ok_or_else(|| {
                    Error::refused("nothing was released yet")
                        .with_code(ErrorCode::NotReleased)
                        .cause("no git tag that HEAD descends from names a version")
                        .hint("name the version: `hoist verify 1.2.3`")
                })?;
                vec![last.version.clone()]
            }
        };
        let mut verified = Vec::new();
        for version in versions {
            let is_first = verified.is_empty();
            let look = self.verify_one((&facts, &origins), &version, how, is_first);
            let mut one = look.await?;
            let mut all = withdrawn.iter();
            one.withdrawn = all.find(|one| one.version == version).cloned();
            one.notes.append(&mut notes);
            verified.push(one);
        }
        Ok(verified)
    }

    async fn verify_one(
        &self,
        (facts, origins): (&Facts, &Origins),
        version: &Version,
        how: &VerifyOptions,
        is_first: bool,
    ) -> Result<Verified> {
        let mut subject = self.subject(facts, version, false)?;
        let withdrawn = subject.withdrawn.contains(version);
        // Its moving tags are looked at all the same.
        subject.withdrawn.retain(|other| other != version);
        let context = subject.context(self.instant_of(version)?);
        let mut published = self.published_for(&context).await?;
        self.complete_days(version, origins, &mut published).await?;
        self.look_at_latest(&mut published).await?;
        let record = self.record(facts, version)?;
        let is_open = self.policy().tags.latest == Latest::Branch;
        let drifts = match withdrawn || (is_open && !facts.withdrawn.is_empty()) {
            true => self.without_withdrawn(facts, origins, &published).await?,
            false => Vec::new(),
        };
        let then = self.policy_then(&subject);
        let release = ReleaseFacts {
            context: &context,
            receipts: &record.images,
            origins,
            withdrawn,
            unpublished: false,
            then: then.as_ref(),
            drifts: &drifts,
        };
        let mut found = checks(self.policy(), &release, &published)?;
        if subject.commit.is_some() && !withdrawn && is_nowhere(&found.tags) {
            let drifts = self.without_withdrawn(facts, origins, &published).await?;
            let release = ReleaseFacts {
                unpublished: true,
                drifts: &drifts,
                ..release
            };
            found = checks(self.policy(), &release, &published)?;
        }
        let seen = (&context, &*published, &found);
        let refused = self.refused_completion(facts, &subject, &record.images, seen);
        let refused = refused.await?;
        let checks = found.tags;
        let mut fixed = checks.iter().filter(|check| check.kind == TagKind::Fixed);
        if subject.commit.is_none() && fixed.all(|check| check.state == CheckState::Missing) {
            return Err(Error::refused(format!("there is no release {version}"))
                .with_code(ErrorCode::NotReleased)
                .cause("neither a git tag nor a tag of a repository names it")
                .hint("`hoist log` lists the releases"));
        }
        let mut notes = Vec::new();
        if withdrawn {
            notes.extend(
                self.left_of_withdrawn(facts, origins, version, &published)
                    .await?,
            );
        }
        let younger = lacks_an_image(&found.unjudged);
        if !how.all && (younger || lacks_a_place(&found.unjudged)) && !withdrawn {
            notes.extend(match refused.is_some() || younger {
                true => Some("the next release goes there, too".to_owned()),
                false => self.way_to_new_places(facts, &subject)?,
            });
        }
        if is_first {
            notes.extend(self.unmoved_notes(facts, &published).await);
        }
        let mut verified = Verified {
            version: version.clone(),
            withdrawn: None,
            findings: Vec::new(),
            unjudged: found.unjudged,
            refused,
            by_policy_then: given_away(self.policy(), &record.images, |_| true)
                .map(|_| by_policy_then(version, &self.policy().version.tag.name(version))),
            notes,
            checks,
            signatures: Vec::new(),
            bytes: 0,
        };
        self.images_of(&mut verified, &subject, &record.images, how)
            .await?;
        let (missing, ways) = self.missing_referrers(version, &record).await?;
        verified.findings.extend(missing);
        if !withdrawn {
            verified.notes.extend(ways);
        }
        Ok(verified)
    }

    /// Where the moving tags belong that the versions which are not withdrawn tell of.
    async fn without_withdrawn(
        &self,
        facts: &Facts,
        origins: &Origins,
        published: &[Published],
    ) -> Result<Vec<(Repository, Drift)>> {
        let git: Vec<Version> = facts.tags.iter().map(|tag| tag.version.clone()).collect();
        let known = KnownVersions {
            git: &git,
            withdrawn: &facts.withdrawn,
            origins,
        };
        let is_listed = |seen: &&Published| matches!(seen.tags, Listing::Known(_));
        let mut listed: Vec<Published> = published.iter().filter(is_listed).cloned().collect();
        self.complete_lists(&git, &mut listed).await?;
        let surveyed = self.surveyed(&known, &listed).await?.into_iter();
        let drifts = surveyed.flat_map(|surveyed| {
            let here = surveyed.drift.into_iter();
            here.map(move |drift| (surveyed.repository.clone(), drift))
        });
        Ok(drifts.collect())
    }

    /// Looks into each image that a tag of the release shows, once a repository. An image that the git tag
    /// records has the platforms that were asked for then.
    async fn images_of(
        &self,
        verified: &mut Verified,
        subject: &Subject,
        receipts: &[Receipt],
        how: &VerifyOptions,
    ) -> Result<()> {
        let right = verified
            .checks
            .iter()
            .filter(|c| c.state == CheckState::Right);
        let images: BTreeSet<(ImageName, Repository, Digest)> = right
            .filter_map(|check| {
                let digest = check.want.clone()?;
                Some((check.image.clone(), check.repository.clone(), digest))
            })
            .collect();
        let commits = subject.commit;
        let commits = commits.map(|commit| self.commits_of_release(None, commit, &subject.version));
        for (image, repository, digest) in images {
            let mut recorded = receipts.iter();
            let is_recorded = recorded.any(|one| one.image == image && one.digest == digest);
            let expected = ExpectedImage {
                version: &subject.version,
                commits: commits.as_deref().unwrap_or_default(),
                platforms: match is_recorded {
                    true => &[],
                    false => self.policy().platforms(&image),
                },
            };
            let api = self.apis(std::slice::from_ref(&repository))?.remove(0);
            let (mut problems, bytes) = self
                .look_into(api.as_ref(), &digest, &expected, &subject.git, how.deep)
                .await?;
            verified.bytes += bytes;
            if how.signatures {
                let unproven = self.unproven(&repository, &digest).await?;
                verified.signatures.push(ProvenImage {
                    repository: repository.clone(),
                    digest: digest.clone(),
                    proven: unproven.is_none(),
                });
                problems.extend(unproven);
            }
            let finding = |problem| Finding {
                image: image.clone(),
                repository: repository.clone(),
                digest: digest.clone(),
                problem,
            };
            verified.findings.extend(problems.into_iter().map(finding));
        }
        Ok(())
    }

    /// What is wrong with one image, and how many bytes were fetched to know.
    async fn look_into(
        &self,
        api: &dyn RepositoryApi,
        digest: &Digest,
        expected: &ExpectedImage<'_>,
        known: &[Version],
        deep: bool,
    ) -> Result<(Vec<String>, u64)> {
        let tree = match image_tree::tree(api, &TagOrDigest::Digest(digest.clone())).await {
            Ok(Some(tree)) => tree,
            Ok(None) => return Ok((vec![observe::GONE.into()], 0)),
            Err(error) => return Ok((vec![observe::content_problem(api, error)?], 0)),
        };
        let mut problems = Vec::new();
        match image_tree::runnable(api, &tree).await {
            Ok(all) => {
                let mut found = expected.problems(&all, false);
                if found.iter().any(ImageProblem::is_of_labels) {
                    let again = self.is_published_again(digest, expected.version, known);
                    found = expected.problems(&all, again);
                }
                problems.extend(found.into_iter().map(ImageProblem::into_text));
            }
            Err(error) => problems.push(observe::content_problem(api, error)?),
        }
        let mut bytes = 0;
        if deep {
            bytes = fetch_all(api, &tree, &mut problems).await?;
        }
        Ok((problems, bytes))
    }
}

/// Whether no tag shows the release, and all that are its own are missing.
fn is_nowhere(checks: &[TagCheck]) -> bool {
    let mut own = checks.iter().filter(|check| check.kind == TagKind::Fixed);
    own.next().is_some()
        && checks.iter().all(|check| match check.kind {
            TagKind::Fixed => check.state == CheckState::Missing,
            TagKind::Moving => check.state != CheckState::Right,
        })
}

/// Fetches every blob; the client checks each against its digest.
async fn fetch_all(
    api: &dyn RepositoryApi,
    tree: &ImageTree,
    problems: &mut Vec<String>,
) -> Result<u64> {
    let folder = tempfile::tempdir()
        .map_err(|error| Error::failed("cannot make a temporary directory").because(&error))?;
    let fetch = |(index, blob)| {
        let file = folder.path().join(format!("{index}"));
        async move {
            let fetched = api.fetch_blob(blob, file.clone()).await;
            // A large image must not fill the disk with what was checked already.
            let _ = std::fs::remove_file(&file);
            (blob, fetched)
        }
    };
    let mut bytes = 0;
    // The closures' futures are boxed: the compiler cannot name their lifetimes in a stream.
    let work: Vec<_> = tree
        .blobs
        .iter()
        .enumerate()
        .map(|b| Box::pin(fetch(b)))
        .collect();
    let mut results = stream::iter(work).buffer_unordered(AT_ONCE);
    while let Some((blob, fetched)) = results.next().await {
        match fetched {
            Ok(()) => bytes += blob.size,
            Err(error) => {
                let why = observe::content_problem(api, error)?;
                problems.push(format!("{}: {why}", blob.digest));
            }
        }
    }
    Ok(bytes)
}
