//! What was put into a repository as being about another manifest, and is not listed there yet.

use std::collections::BTreeMap;

use crate::{
    io::registry::{
        PutAnswer, RegistryError, RepositoryApi,
        referrer_list::{is_listed, list_under_tag},
    },
    oci::{Descriptor, Digest, Manifest, referrer},
    publish::transfers::Transfers,
};

/// Manifests of one repository that are about others and that its registry has not said it lists, by
/// what they are about. Whoever pushes them owes them a place in the list under a tag.
#[derive(Default)]
pub(in crate::publish) struct ReferrersToList(BTreeMap<Digest, Vec<Descriptor>>);

impl ReferrersToList {
    /// A manifest was put, with this answer.
    pub(in crate::publish) fn put(&mut self, manifest: &Manifest, answer: &PutAnswer) {
        if let Some((subject, entry)) = referrer::referrer(manifest)
            && !is_listed(answer, &subject)
        {
            self.0.entry(subject).or_default().push(entry);
        }
    }

    /// Lists all of them: what is about one digest with one request.
    pub(in crate::publish) async fn list(
        self,
        api: &dyn RepositoryApi,
        transfers: &Transfers,
    ) -> Result<(), RegistryError> {
        for (subject, entries) in self.0 {
            if list_under_tag(api, &subject, &entries).await? {
                let tag = referrer::referrers_tag(&subject);
                transfers.has_listed(api.repository().tag(&tag));
            }
        }
        Ok(())
    }
}
