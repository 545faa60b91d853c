//! Which of what is about an image are signatures of it that were there before.

use std::collections::BTreeSet;

use semver::Version;

use crate::{
    oci::Digest,
    plan::{
        release::receipt::{ReferrerReceipt, record},
        version::bump::core,
    },
    publish::{Publication, Referrer},
    release::facade::Release,
};

impl Release {
    /// The signatures among what goes along with images that were published already.
    pub(super) fn carried_signatures(
        &self,
        version: &Version,
        referrers: &[Referrer],
    ) -> BTreeSet<Digest> {
        let carried = referrers.iter().filter(|one| one.from.is_some());
        let signatures = carried.filter(|one| is_signature(one.artifact_type()));
        let mut all: BTreeSet<Digest> = signatures.map(|one| one.entry.digest.clone()).collect();
        if !all.is_empty() {
            let attached = self.attached_before(version);
            all.retain(|digest| !attached.contains(digest));
        }
        all
    }

    /// The signatures among `known`, which a repository lists with an image: what hoist attaches, or has attached
    /// before, is none, whatever its type says.
    pub(super) fn earlier_signatures(
        &self,
        mut known: Vec<(Digest, String)>,
        publication: &Publication,
    ) -> Vec<(Digest, String)> {
        known.retain(|(_, artifact_type)| is_signature(artifact_type));
        if known.is_empty() {
            return known;
        }
        let mut attached = self.attached_before(&publication.version);
        let made = publication.referrers.iter();
        let made = made.filter(|one| one.from.is_none());
        attached.extend(made.map(|one| one.entry.digest.clone()));
        known.retain(|(digest, _)| !attached.contains(digest));
        known
    }

    /// What the git tags of the version and its pre-releases record as attached, as far as this clone has them.
    fn attached_before(&self, version: &Version) -> BTreeSet<Digest> {
        let template = &self.policy().version.tag;
        let names = self.project().git().tag_names().unwrap_or_default();
        let is_of_core = |name: &String| {
            let named = template.version(name);
            named.is_some_and(|named| core(&named) == core(version))
        };
        let mut all = BTreeSet::new();
        for name in names.iter().filter(|name| is_of_core(name)) {
            let message = self.project().git().tag_message(name).ok().flatten();
            let recorded = message.as_deref().and_then(record).unwrap_or_default();
            all.extend(recorded.attachments.into_iter().map(|one| one.digest));
        }
        all
    }
}

/// Both, each once.
pub(super) fn with_known(
    known: &[ReferrerReceipt],
    new: &[ReferrerReceipt],
) -> Vec<ReferrerReceipt> {
    let mut all = known.to_vec();
    for one in new {
        if !all.contains(one) {
            all.push(one.clone());
        }
    }
    all
}

/// Whether something of this type is a signature by its name, such as those of cosign, Notary and PGP.
fn is_signature(artifact_type: &str) -> bool {
    let name = artifact_type.to_ascii_lowercase();
    ["signature", "signing", "sigstore"]
        .iter()
        .any(|word| name.contains(word))
}
