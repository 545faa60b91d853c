//! What is about a release's images, beside what its git tag records: for `verify`, and as a list for
//! `inspect`.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use crate::{
    error::Result,
    io::registry::{RegistryError, RepositoryApi, referrer_list},
    oci::{Digest, ImageName, Repository, referrer},
    plan::{
        inspect::ReferrerReport,
        release::receipt::{ReceiptRecord, ReferrerReceipt},
    },
    release::{errors, facade::Release, verified::Finding},
    text::sanitize_line,
};

impl Release {
    /// Each attachment and signature that a release records and that is not there any more, and what helps.
    pub(super) async fn missing_referrers(
        &self,
        version: &Version,
        record: &ReceiptRecord,
    ) -> Result<(Vec<Finding>, Vec<String>)> {
        let attachments = record.attachments.iter().map(|one| (one, "attachment"));
        let signatures = record.signatures.iter().map(|one| (one, "signature"));
        let mut places: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (one, what) in attachments.chain(signatures) {
            let place = (&one.repository, &one.subject);
            places.entry(place).or_default().push((one, what));
        }
        let known = self.repositories()?;
        let mut findings = Vec::new();
        let mut gone = Vec::new();
        let mut there = BTreeSet::new();
        for ((repository, subject), recorded) in places {
            if !known.contains(repository) {
                continue;
            }
            let api = self.apis(std::slice::from_ref(repository))?.remove(0);
            let named = record
                .images
                .iter()
                .find(|image| image.repository == *repository && image.digest == *subject);
            let image = named.map(|image| image.image.clone()).unwrap_or_default();
            let look = missing(api.as_ref(), (&image, subject), &recorded).await;
            let missing = look.map_err(|error| {
                let what = format!("cannot read what is about {}", repository.digest(subject));
                errors::registry(&what, &error)
            })?;
            let lacks = |digest: &Digest| missing.iter().any(|(one, _)| one.digest == *digest);
            let kept = recorded.iter().filter(|(one, _)| !lacks(&one.digest));
            there.extend(kept.map(|(one, _)| one.digest.clone()));
            for (one, finding) in missing {
                gone.push(one.digest.clone());
                findings.push(finding);
            }
        }
        Ok((findings, ways_back(version, &gone, &there)))
    }
}

/// What helps where a repository lacks what is recorded: a release of the version takes along what another of its
/// repositories has.
fn ways_back(version: &Version, gone: &[Digest], there: &BTreeSet<Digest>) -> Vec<String> {
    let mut notes = Vec::new();
    if gone.iter().any(|digest| there.contains(digest)) {
        notes.push(format!(
            "`hoist release --version {version}` at its commit copies what one of the repositories has lost, and another has, of attachments and signatures; `hoist repair` moves tags alone"
        ));
    }
    let mut lost: Vec<&str> = gone
        .iter()
        .filter(|digest| !there.contains(digest))
        .map(Digest::as_str)
        .collect();
    lost.sort_unstable();
    lost.dedup();
    if !lost.is_empty() {
        notes.push(format!(
            "no repository lists {} any more, so hoist has nothing to copy: put it there again with the program that made it, or release the next version",
            lost.join(", ")
        ));
    }
    notes
}

/// Which of `recorded` the repository neither lists nor has.
async fn missing<'r>(
    api: &dyn RepositoryApi,
    (image, subject): (&ImageName, &Digest),
    recorded: &[(&'r ReferrerReceipt, &str)],
) -> Result<Vec<(&'r ReferrerReceipt, Finding)>, RegistryError> {
    let listed = referrer_list::referrers(api, subject).await?;
    let mut findings = Vec::new();
    for (one, what) in recorded {
        let is_listed = listed.iter().any(|entry| entry.digest == one.digest);
        let fault = if api.head(&one.digest.clone().into()).await?.is_none() {
            "is gone"
        } else if !is_listed && !is_under_signature_tag(api, subject, &one.digest).await? {
            "is not listed with it any more"
        } else {
            continue;
        };
        let kind = sanitize_line(&one.artifact_type, 200);
        let finding = Finding {
            image: image.clone(),
            repository: Repository::clone(api.repository()),
            digest: subject.clone(),
            problem: format!("its {what} {} ({kind}) {fault}", one.digest),
        };
        findings.push((*one, finding));
    }
    Ok(findings)
}

/// Whether a manifest is a signature as cosign 2 keeps them, under a tag.
pub(super) async fn is_under_signature_tag(
    api: &dyn RepositoryApi,
    subject: &Digest,
    digest: &Digest,
) -> Result<bool, RegistryError> {
    let tag = referrer::signature_tag(subject).into();
    let shown = api.head(&tag).await?;
    Ok(shown.is_some_and(|shown| shown.digest == *digest))
}

/// What a registry lists as being about an image, as `inspect` shows it.
pub(super) async fn about(
    api: &dyn RepositoryApi,
    subject: &Digest,
) -> Result<Vec<ReferrerReport>, RegistryError> {
    let mut all = Vec::new();
    for entry in referrer_list::referrers(api, subject).await? {
        let entry = referrer_list::typed(api, entry).await?;
        all.push(ReferrerReport {
            artifact_type: entry.artifact_type().map(str::to_owned),
            digest: entry.digest,
            subject: subject.clone(),
            annotations: entry.annotations,
        });
    }
    Ok(all)
}
