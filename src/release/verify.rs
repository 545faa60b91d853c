//! Looks at releases and says what is not as it should be; changes nothing.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use semver::Version;

use crate::{
    error::{Error, ErrorCode, Result},
    git::CommitId,
    io::registry::{
        RegistryError, RegistryErrorKind, RepositoryApi,
        image_tree::{self, ImageTree, Runnable},
    },
    oci::{Digest, Platform, Repository, TagOrDigest, annotation},
    plan::{
        history::facts::Facts,
        release::{
            drift::unlisted,
            receipt::receipts,
            verify::{CheckState, TagCheck, checks},
        },
        tags::{ExactTags, Listing, TagKind, TagRules},
        version::{VersionRequest, bump::core},
    },
    release::{errors, facade::Release, observe, tags::Subject},
};

/// Requests under way at once, per repository.
const AT_ONCE: usize = 4;

/// Which releases, and how closely.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// Every published version, not one alone.
    pub all: bool,
    /// Fetch every blob and check its digest.
    pub deep: bool,
}

/// One release beside what the registries show.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The version that was looked at.
    pub version: Version,
    /// Each tag in each repository.
    pub checks: Vec<TagCheck>,
    /// What is wrong with an image itself.
    pub findings: Vec<Finding>,
    /// Bytes fetched and checked.
    pub bytes: u64,
}

impl Verified {
    /// Nothing is wrong.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.findings.is_empty() && self.checks.iter().all(|c| c.state == CheckState::Right)
    }
}

/// Something that is wrong with an image in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The repository that has the image.
    pub repository: Repository,
    /// The image's manifest or index.
    pub digest: Digest,
    /// What is wrong, as a fragment of a sentence.
    pub problem: String,
}

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
        let facts = self
            .project()
            .facts_of(&VersionRequest::default(), version)?;
        let versions = match version {
            Some(version) => vec![version.clone()],
            None if how.all => self.published_versions(&facts).await?,
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
            verified.push(self.verify_one(&facts, &version, how.deep).await?);
        }
        Ok(verified)
    }

    /// Every version that an exact tag of any repository names, ascending.
    async fn published_versions(&self, facts: &Facts) -> Result<Vec<Version>> {
        let places = self.places(&self.repositories()?)?;
        let published = observe::published(&places, &[]).await?;
        let rules = TagRules::new(self.policy());
        let reader = ExactTags::new(&rules, facts.tags.iter().map(|tag| &tag.version));
        let mut versions: Vec<Version> = Vec::new();
        for place in &published {
            let Listing::Known(tags) = &place.tags else {
                return Err(unlisted(&place.repository));
            };
            let exact = reader.all(tags).into_values().flatten();
            versions.extend(exact.map(|exact| exact.version));
        }
        versions.sort();
        versions.dedup();
        Ok(versions)
    }

    async fn verify_one(&self, facts: &Facts, version: &Version, deep: bool) -> Result<Verified> {
        let subject = self.subject(facts, version, false)?;
        let context = subject.context(self.instant()?);
        let published = self.published_for(&context).await?;
        let receipts = self.receipts(facts, version)?;
        let by_variant = receipts
            .iter()
            .map(|receipt| (receipt.variant.clone(), receipt.digest.clone()))
            .collect();
        let checks = checks(self.policy(), &context, &published, &by_variant)?;
        let mut fixed = checks.iter().filter(|check| check.kind == TagKind::Fixed);
        if subject.commit.is_none() && fixed.all(|check| check.state == CheckState::Missing) {
            return Err(Error::refused(format!("there is no release {version}"))
                .with_code(ErrorCode::NotReleased)
                .cause("neither a git tag nor a tag of a repository names it")
                .hint("`hoist log` lists the releases"));
        }
        let mut verified = Verified {
            version: version.clone(),
            findings: Vec::new(),
            checks,
            bytes: 0,
        };
        self.images_of(&mut verified, &subject, deep).await?;
        Ok(verified)
    }

    /// Looks into each image that a tag of the release shows, once a repository.
    async fn images_of(
        &self,
        verified: &mut Verified,
        subject: &Subject,
        deep: bool,
    ) -> Result<()> {
        let right = verified
            .checks
            .iter()
            .filter(|c| c.state == CheckState::Right);
        let images: BTreeSet<(Repository, Digest)> = right
            .filter_map(|check| Some((check.repository.clone(), check.want.clone()?)))
            .collect();
        for (repository, digest) in images {
            let place = self.places(std::slice::from_ref(&repository))?.remove(0);
            let (problems, bytes) = self
                .look_into(place.as_ref(), &digest, subject, deep)
                .await?;
            verified.bytes += bytes;
            let finding = |problem| Finding {
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
        place: &dyn RepositoryApi,
        digest: &Digest,
        subject: &Subject,
        deep: bool,
    ) -> Result<(Vec<String>, u64)> {
        let tree = match image_tree::tree(place, &TagOrDigest::Digest(digest.clone())).await {
            Ok(Some(tree)) => tree,
            Ok(None) => return Ok((vec!["its manifest is gone".into()], 0)),
            Err(error) => return Ok((vec![problem(place, error)?], 0)),
        };
        let mut problems = Vec::new();
        match image_tree::runnable(place, &tree).await {
            Ok(all) => {
                problems.extend(self.missing_platforms(&all));
                let parent = subject
                    .commit
                    .and_then(|commit| self.parent_of_release(None, commit, &subject.version));
                let disagree: Vec<String> = all
                    .iter()
                    .flat_map(|image| {
                        let label = |name: &str| image.labels.get(name).map(String::as_str);
                        subject.disagreements(
                            label(annotation::REVISION),
                            label(annotation::VERSION),
                            parent,
                        )
                    })
                    .collect();
                if !disagree.is_empty() && !self.is_published_again(subject, digest)? {
                    problems.extend(disagree);
                }
            }
            Err(error) => problems.push(problem(place, error)?),
        }
        problems.dedup();
        let mut bytes = 0;
        if deep {
            bytes = fetch_all(place, &tree, &mut problems).await?;
        }
        Ok((problems, bytes))
    }

    /// Whether receipts say that an earlier version published this image, too: then its labels are
    /// that version's on purpose.
    fn is_published_again(&self, subject: &Subject, digest: &Digest) -> Result<bool> {
        let template = &self.policy().version.tag;
        let named = |version: &Version| -> Result<bool> {
            let message = self.project().git().tag_message(&template.name(version))?;
            let receipts = message.map(|message: String| receipts(&message));
            let mut digests = receipts.iter().flatten().map(|receipt| &receipt.digest);
            Ok(digests.any(|known| known == digest))
        };
        if !named(&subject.version)? {
            return Ok(false);
        }
        for earlier in subject.git.iter().filter(|other| **other < subject.version) {
            if named(earlier)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn missing_platforms(&self, images: &[Runnable]) -> Vec<String> {
        let has = |wanted: &Platform| {
            images.iter().any(|image| {
                let platform = image.platform.as_ref();
                platform.is_some_and(|platform| platform.satisfies(wanted))
            })
        };
        let wanted = self.policy().image.build.platforms.iter();
        wanted
            .filter(|platform| !has(platform))
            .map(|platform| format!("platform {platform} is missing"))
            .collect()
    }
}

impl Subject {
    /// Labels that say another commit or version; `parent` is that of a release commit. An image without them says nothing, and one
    /// that was promoted still says the pre-release that it was.
    fn disagreements(
        &self,
        revision: Option<&str>,
        version: Option<&str>,
        parent: Option<CommitId>,
    ) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(revision) = revision
            && let Some(commit) = self.commit
            && !commit.is_named_by(revision)
            && !parent.is_some_and(|parent| parent.is_named_by(revision))
        {
            found.push(format!(
                "its label says commit {revision}, the git tag {commit}"
            ));
        }
        if let Some(other) = version.and_then(|text| Version::parse(text).ok()) {
            let promoted = core(&other) == self.version && !other.pre.is_empty();
            if other != self.version && !promoted {
                found.push(format!("its label says version {other}"));
            }
        }
        found
    }
}

/// Fetches every blob; the client checks each against its digest.
async fn fetch_all(
    place: &dyn RepositoryApi,
    tree: &ImageTree,
    problems: &mut Vec<String>,
) -> Result<u64> {
    let folder = tempfile::tempdir()
        .map_err(|error| Error::failed("cannot make a temporary directory").because(&error))?;
    let fetch = |(index, blob)| {
        let file = folder.path().join(format!("{index}"));
        async move {
            let fetched = place.fetch_blob(blob, file.clone()).await;
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
            Err(error) => problems.push(format!("{}: {}", blob.digest, problem(place, error)?)),
        }
    }
    Ok(bytes)
}

/// An answer that says the content is wrong is a finding; no answer is a failure.
fn problem(place: &dyn RepositoryApi, error: RegistryError) -> Result<String> {
    match error.kind {
        RegistryErrorKind::BadAnswer
        | RegistryErrorKind::NotFound
        | RegistryErrorKind::BlobsMissing(_) => {
            Ok(error.detail.unwrap_or_else(|| error.request.clone()))
        }
        _ => Err(errors::registry(
            &format!("cannot read `{}`", place.repository()),
            &error,
        )),
    }
}
