//! `[forge]`: the release on GitHub or GitLab that belongs to a version, from policy and plan to what the
//! transaction carries out.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::{
    error::{Error, ErrorCode, Result},
    io::forge::{self, ForgeApi, ForgeConnection, ForgeError, ReleaseText, has_drafts},
    oci::{Digest, ImageName, Repository},
    plan::{Plan, PlannedForge, release::forge::release_text},
    policy::ForgePlace,
    publish::{
        ForgeAccess, ForgePublication, LeftKind, LeftOnForge, Publication, World,
        clear_left_on_forge, is_marker_of, left_on_forge,
        protocol::journal::{ForgeRecord, Prepared},
    },
    release::facade::Release,
};

impl Release {
    /// Where releases are made; `None`: the policy wants none.
    pub(super) fn forge_place(&self) -> Option<std::result::Result<ForgePlace, String>> {
        let policy = self.policy().forge.as_ref()?;
        Some(policy.place(self.remote_url.as_deref()))
    }

    /// The project on the forge, or why there is none. Asks nobody.
    pub(super) fn forge(&self) -> ForgeAccess {
        let place = self
            .forge_place()
            .unwrap_or_else(|| Err("the policy at hand has no `[forge]`".to_owned()))?;
        let remote = self.remote_url.as_deref();
        let own = self.policy().forge.as_ref();
        let authority = own.and_then(|policy| policy.ca_file.as_ref());
        let connection = ForgeConnection {
            ca_file: authority.map(|file| self.top().join(file)),
            events: self.events.clone(),
        };
        forge::open(place, remote, self.environment(), connection)
    }

    /// Whether releases may be made, and what a person should know of it.
    pub(super) async fn check_forge(&self) -> Result<String> {
        let forge = self.forge().map_err(without_forge)?;
        let told = self.may_release(&forge).await?;
        let left = self.left_on_forge(&forge).await;
        let left = left.map_err(|error| refused(forge.place(), &error))?;
        let now = forge.time();
        let left = left.iter().map(|left| in_words(left, now));
        let told: Vec<String> = told.into_iter().chain(left).collect();
        let place = forge.place();
        Ok(match told.is_empty() {
            false => format!("releases are made on {place}; {}", told.join("; ")),
            true => format!("releases are made on {place}"),
        })
    }

    /// What runs have made for this policy's versions and not deleted.
    async fn left_on_forge(
        &self,
        forge: &Arc<dyn ForgeApi>,
    ) -> std::result::Result<Vec<LeftOnForge>, ForgeError> {
        let template = &self.policy().version.tag;
        left_on_forge(&**forge, |tag| template.version(tag).is_some()).await
    }

    /// Deletes what runs that are over have left on the forge, once a release is published.
    pub(super) async fn clear_left_on_forge(&self, world: &World, plan: &Plan) {
        let is_first = |planned: &PlannedForge| planned.draft || !has_drafts(planned.service);
        if plan.forge.as_ref().is_some_and(is_first) {
            let (template, lock_refs) = (&self.policy().version.tag, &self.policy().git.lock_refs);
            clear_left_on_forge(world, lock_refs, |tag| template.version(tag).is_some()).await;
        }
    }

    /// The same before anything is built, where the plan makes one.
    pub(super) async fn check_forge_of(&self, world: &World, plan: &Plan) -> Result<()> {
        if plan.forge.is_none() {
            return Ok(());
        }
        let forge = world.forge.clone().map_err(without_forge)?;
        self.may_release(&forge).await.map(drop)
    }

    async fn may_release(&self, forge: &Arc<dyn ForgeApi>) -> Result<Option<String>> {
        let checked = forge.check().await;
        checked.map_err(|error| refused(forge.place(), &error))
    }

    /// What the transaction makes on the forge: the text is known when the images are, and the files when
    /// the gate and the signatures are through.
    pub(super) async fn forge_publication(
        &self,
        plan: &Plan,
        publication: &Publication,
    ) -> Result<Option<ForgePublication>> {
        let (Some(planned), Some(policy)) = (&plan.forge, &self.policy().forge) else {
            return Ok(None);
        };
        let page = self.forge_place().and_then(std::result::Result::ok);
        let page = page.map(|place| place.page());
        let pages = [self.remote_url.as_deref(), page.as_deref()];
        let text = release_text(plan, &images(plan, publication), pages);
        let files = self.release_files(policy)?;
        let tag = plan.git_tag.name.clone();
        Ok(Some(ForgePublication {
            text: ReleaseText {
                tag: tag.short().to_owned(),
                // A draft that names a commit which the forge does not have is refused.
                commit: match &plan.release_commit {
                    Some(own) => own.parent,
                    None => plan.commit,
                },
                title: Some(tag.short().to_owned()),
                text,
                prerelease: planned.prerelease,
            },
            tag,
            latest: planned.latest,
            draft_first: policy.draft_first,
            use_draft: policy.use_draft,
            files,
        }))
    }

    /// Why the policy would not make the release on the forge that a lock's journal names; `None`: it would,
    /// or the journal names none.
    pub(super) fn odd_forge(&self, prepared: &Prepared) -> Option<String> {
        let record = prepared.forge.as_ref()?;
        let tag = self.policy().version.tag.name(&prepared.version);
        let place = match self.forge_place() {
            Some(Ok(place)) => place,
            Some(Err(why)) => return Some(why),
            None => {
                return Some(
                    "it makes a release on a forge, and the policy has no `[forge]`".to_owned(),
                );
            }
        };
        let nonce = &prepared.owner.nonce;
        let own = format!("{}-{nonce}", prepared.version);
        if record.package.as_ref().is_some_and(|it| *it != own) {
            return Some("the files of its release are in the package of another one".to_owned());
        }
        if !is_marker_of(&record.marker, nonce) {
            return Some("its draft on the forge is marked as that of another run".to_owned());
        }
        is_odd(record, &place, &tag)
    }
}

fn is_odd(record: &ForgeRecord, place: &ForgePlace, tag: &str) -> Option<String> {
    let own = place.release_page(tag);
    if record.url != own || record.service != place.service || record.tag.short() != tag {
        return Some(format!(
            "it makes the release {}, and the policy makes {own}",
            record.url
        ));
    }
    if record.title != tag {
        return Some(format!(
            "it calls the release on the forge `{}`",
            record.title
        ));
    }
    let api = format!("{}/", place.api());
    let mut links = record.links.iter();
    let strange = links.find(|(_, url)| !url.starts_with(&api));
    strange.map(|(name, _)| format!("the file `{name}` of its release lies elsewhere"))
}

/// The images of the release in each repository.
fn images(plan: &Plan, publication: &Publication) -> Vec<(ImageName, Repository, Digest)> {
    let mut all = Vec::new();
    for repository in &plan.repositories {
        for (planned, made) in plan.images.iter().zip(&publication.images) {
            if plan.repositories_of(planned).contains(repository) {
                let digest = made.digest().clone();
                all.push((planned.name.clone(), repository.clone(), digest));
            }
        }
    }
    all
}

/// What belongs to a run that is over, or may be.
fn in_words(left: &LeftOnForge, now: Option<DateTime<Utc>>) -> String {
    let what = &left.what;
    match left.since {
        None => match what {
            LeftKind::Draft { .. } => {
                format!("an older hoist has left {what}, which can be deleted by hand")
            }
            LeftKind::Package { .. } => {
                format!("a run has left {what}, which can be deleted by hand")
            }
        },
        Some(_) if left.is_over(now) => {
            format!("a run has left {what}, which the next release deletes")
        }
        Some(since) => format!(
            "{what}, made on {}, is of a run that is under way, has died, or was refused by the forge; the next release a day after that deletes it",
            since.format("%Y-%m-%d %H:%M UTC")
        ),
    }
}

fn without_forge(why: String) -> Error {
    Error::failed("cannot make releases on the forge")
        .with_code(ErrorCode::ForgeFailed)
        .cause(why)
        .state("nothing was built or moved")
}

fn refused(place: &ForgePlace, error: &ForgeError) -> Error {
    let told = Error::failed(format!("cannot make releases on {place}"))
        .with_code(ErrorCode::ForgeFailed)
        .because(error)
        .state("nothing was built or moved");
    match error.remedy {
        Some(remedy) => told.hint(remedy),
        None => told.hint("`hoist check` asks again without a release"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ForgeService;

    #[test]
    fn a_lock_cannot_lead_a_release_elsewhere() {
        let place = ForgePlace {
            service: ForgeService::GitHub,
            origin: "https://github.com".to_owned(),
            host: "github.com".to_owned(),
            project: "acme/api".to_owned(),
        };
        let good = ForgeRecord {
            service: ForgeService::GitHub,
            url: "https://github.com/acme/api/releases/tag/v1.3.0".to_owned(),
            id: Some(7),
            marker: "<!-- hoist: x -->".to_owned(),
            tag: crate::git::RefName::tag("v1.3.0").expect("a tag"),
            title: "v1.3.0".to_owned(),
            text: String::new(),
            package: None,
            links: vec![("a".to_owned(), "https://api.github.com/x".to_owned())],
            prerelease: false,
            latest: true,
            added: Vec::new(),
            adopted: false,
        };
        assert_eq!(is_odd(&good, &place, "v1.3.0"), None);
        let change = |change: fn(&mut ForgeRecord)| {
            let mut bad = good.clone();
            change(&mut bad);
            is_odd(&bad, &place, "v1.3.0").is_some()
        };
        assert!(change(
            |it| it.url = "https://github.com/evil/api/releases/tag/v1.3.0".to_owned()
        ));
        assert!(change(|it| it.service = ForgeService::GitLab));
        assert!(change(|it| it.title = "free money".to_owned()));
        assert!(change(
            |it| it.tag = crate::git::RefName::tag("v9.9.9").expect("a tag")
        ));
        assert!(change(
            |it| it.links[0].1 = "https://evil.example/x".to_owned()
        ));
        assert!(is_odd(&good, &place, "v1.4.0").is_some());
    }
}
