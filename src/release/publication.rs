//! From a plan and its images to the transaction's data.

use crate::{
    error::Result,
    io::git::remote::{self, NewTag},
    oci::{Image, ImageName, Observed, Repository},
    plan::{
        Plan, PlannedMove,
        release::receipt::{self, PlatformReceipt, Receipt, ReceiptRecord, ReferrerReceipt},
        tags::{TagAction, TagKind},
    },
    publish::{
        GitTagObject, PreflightResult, Publication, PublishedImage, Referrer, TagClass, TagMove,
        Target, World,
    },
    release::{
        build::Made, errors, facade::Release, platforms::listed_platforms,
        release_commit::branch_move,
    },
};

impl Release {
    /// The transaction of `plan`, as plain data.
    pub(super) async fn publication(
        &self,
        world: &World,
        plan: &Plan,
        made: &Made,
        found: &[PreflightResult],
    ) -> Result<Publication> {
        let policy = self.policy();
        let mut referrers = self.attachments(plan, &made.images)?;
        referrers.extend(self.carried(plan, &made.images).await?);
        let git_tag = match plan.git_tag.create {
            true => {
                let record = self.receipt_record(world, plan, made, &referrers);
                let (tag, anonymous) = self.tag_object(plan, &record).await?;
                if anonymous {
                    self.events.note(format!(
                        "git knows no name for you, so tag `{}` is made by `hoist`: `git config user.name` and `user.email` set one",
                        tag.name.short()
                    ));
                }
                Some(tag)
            }
            false => None,
        };
        let images = self.with_successors(plan, &made.images).await?;
        let target = |(index, repository): (usize, &Repository)| Target {
            repository: repository.clone(),
            strict: found.get(index).is_some_and(|found| found.strict),
            tags: plan
                .tags
                .iter()
                .filter(|planned| planned.repository == *repository)
                .filter(|planned| planned.action != TagAction::Keep)
                .map(|planned| tag_move(plan, planned, &images))
                .collect(),
        };
        Ok(Publication {
            version: plan.version.clone(),
            promotes: None,
            commit: plan.commit,
            instant: plan.instant,
            targets: plan.repositories.iter().enumerate().map(target).collect(),
            images,
            referrers,
            git_tag,
            mark: None,
            branch: branch_move(plan),
            recheck: Some(self.recheck_of(plan)),
            lock_refs: policy.git.lock_refs.clone(),
            policy: policy.publish.clone(),
        })
    }

    /// The release's images, and behind them those of other versions that a tag is to show.
    async fn with_successors(&self, plan: &Plan, made: &[Image]) -> Result<Vec<PublishedImage>> {
        let named = plan.images.iter().zip(made);
        let named = named.map(|(planned, image)| self.named(&planned.name, image.clone()));
        let mut images: Vec<PublishedImage> = named.collect();
        for planned in &plan.tags {
            if let Some(successor) = &planned.successor
                && !images
                    .iter()
                    .any(|i| *i.digest() == successor.digest && i.name == planned.image)
            {
                let image = self.published_image(&successor.digest, &planned.repository);
                images.push(self.named(&planned.image, image.await?));
            }
        }
        Ok(images)
    }

    /// An image with what the journal says of it.
    pub(super) fn named(&self, name: &ImageName, image: Image) -> PublishedImage {
        let mut platforms = listed_platforms(&image.manifest);
        if platforms.is_empty() {
            platforms = self.policy().platforms(name).to_vec();
        }
        PublishedImage {
            name: name.clone(),
            platforms,
            image,
        }
    }

    /// What the git tag records, as far as it is known when everything is made.
    pub(super) fn receipt_record(
        &self,
        world: &World,
        plan: &Plan,
        made: &Made,
        referrers: &[Referrer],
    ) -> ReceiptRecord {
        let mut receipts = Vec::new();
        for repository in &plan.repositories {
            let images = plan.images.iter().zip(&made.images);
            let own = images.filter(|(it, _)| plan.repositories_of(it).contains(repository));
            receipts.extend(own.map(|(planned, image)| Receipt {
                repository: repository.clone(),
                digest: image.manifest.digest().clone(),
                image: planned.name.clone(),
            }));
        }
        let mut platforms = Vec::new();
        for (image, own) in made.images.iter().zip(&made.platforms) {
            let own = own.iter().map(|platform| PlatformReceipt {
                digest: image.manifest.digest().clone(),
                platform: platform.in_full(),
            });
            for one in own {
                if !platforms.contains(&one) {
                    platforms.push(one);
                }
            }
        }
        let carried = self.carried_signatures(&plan.version, referrers);
        let about = about(plan, referrers).into_iter();
        let (signatures, attachments) = about.partition(|one| carried.contains(&one.digest));
        ReceiptRecord {
            run: world.owner.to_string(),
            without_hooks: self.leaves_hooks_out(),
            images: receipts,
            platforms,
            attachments,
            signatures,
            over_budget: made.over_budget.clone(),
            uncommitted: made.uncommitted.clone(),
            forge: plan.forge.as_ref().map(|forge| forge.url.clone()),
            ..ReceiptRecord::default()
        }
    }

    /// The annotated tag, with the notes and the record; and whether git knows no name for who makes it.
    pub(super) async fn tag_object(
        &self,
        plan: &Plan,
        record: &ReceiptRecord,
    ) -> Result<(GitTagObject, bool)> {
        let name = &plan.git_tag.name;
        let tag = NewTag {
            name: name.clone(),
            commit: plan.commit,
            message: receipt::message(name.short(), &plan.notes, record),
            seconds: plan.instant.timestamp(),
            sign: self.policy().git.sign,
        };
        let made = remote::make_tag(self.top(), &tag)
            .await
            .map_err(|error| errors::git_tag(name.short(), &error))?;
        let tag = GitTagObject {
            name: name.clone(),
            object: made.object,
        };
        Ok((tag, made.anonymous))
    }
}

/// Where each attachment is published, and each signature that goes along.
fn about(plan: &Plan, referrers: &[Referrer]) -> Vec<ReferrerReceipt> {
    let receipt = |repository: &Repository, referrer: &Referrer| ReferrerReceipt {
        repository: repository.clone(),
        digest: referrer.entry.digest.clone(),
        artifact_type: referrer.artifact_type().to_owned(),
        subject: referrer.subject.clone(),
    };
    let mut all = Vec::new();
    for repository in &plan.repositories {
        let of_here = |referrer: &&Referrer| {
            let image = &plan.images[referrer.image];
            plan.repositories_of(image).contains(repository)
        };
        let one = |referrer| receipt(repository, referrer);
        all.extend(referrers.iter().filter(of_here).map(one));
    }
    all
}

/// `images`: as [`Release::with_successors`] puts them.
fn tag_move(plan: &Plan, planned: &PlannedMove, images: &[PublishedImage]) -> TagMove {
    let kind = match (planned.is_version, planned.kind) {
        (true, _) => TagClass::Version,
        (false, TagKind::Fixed) => TagClass::Fixed,
        (false, TagKind::Moving) => TagClass::Moving,
    };
    let image = match &planned.successor {
        None => plan
            .images
            .iter()
            .position(|image| image.name == planned.image),
        Some(successor) => images
            .iter()
            .position(|it| *it.digest() == successor.digest && it.name == planned.image),
    };
    TagMove {
        tag: planned.tag.clone(),
        kind,
        image: image.expect("each planned tag belongs to a planned image"),
        before: planned.before.clone(),
    }
}

/// One sentence for each image that came out as another one of the release: the target, the arguments or the layout
/// of a variant may be missing, or one image may have been given for two.
pub(super) fn alike(plan: &Plan, images: &[Image]) -> Vec<String> {
    let all: Vec<_> = plan.images.iter().zip(images).collect();
    let mut found = Vec::new();
    for (place, (own, image)) in all.iter().enumerate() {
        let mut before = all[..place].iter();
        let same = before.find(|(other, known)| {
            other.name != own.name && known.manifest.digest() == image.manifest.digest()
        });
        found.extend(same.map(|(other, _)| {
            format!(
                "the images `{}` and `{}` are the same: {}",
                other.name,
                own.name,
                image.manifest.digest()
            )
        }));
    }
    found
}

/// A fixed tag never moves: now that the image is known, one that shows another stops the release.
pub(super) fn still_fits(plan: &Plan, images: &[Image]) -> Result<()> {
    for planned in plan
        .tags
        .iter()
        .filter(|p| p.kind == TagKind::Fixed && p.action != TagAction::Keep)
    {
        let Observed::At(shown) = &planned.before else {
            continue;
        };
        let mut named = plan.images.iter().zip(images);
        let ours = named.find(|(own, _)| own.name == planned.image);
        let ours = ours.map(|(_, image)| image.manifest.digest());
        if ours.is_some_and(|ours| ours != shown) {
            return Err(errors::fixed(planned, shown));
        }
    }
    Ok(())
}
