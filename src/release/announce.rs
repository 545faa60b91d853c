//! `[[announce]]`: once a version is public, and without the lock, messages tell of it. Each is sent at most
//! once, and one that fails changes nothing of the release.

use crate::{
    error::{Error, Result},
    io::webhook::Webhook,
    oci::{Digest, Observed},
    outcome::{GitTagReport, ImageReport, Outcome, OutcomeKind},
    plan::{
        Plan,
        notes::{AnnouncedImage, Announcement, announcement},
        tags::TagAction,
    },
    policy::AnnouncePolicy,
    regular_file,
    release::facade::Release,
};

impl Release {
    /// Tells of a version that has just become public.
    pub(super) async fn announce(&self, plan: &Plan, outcome: &Outcome) {
        let is_public = outcome.kind == OutcomeKind::Published && outcome.error.is_none();
        if !is_public || !is_new(plan) {
            return self.tell_unannounced(plan, outcome, is_public);
        }
        let told = told(plan, images(outcome), tags(outcome));
        for policy in &self.policy().announce {
            let sent = tokio::select! {
                biased;
                sent = self.send_announcement(policy, &told) => sent,
                () = self.cancel.cancelled() => Err(Error::failed("interrupted")),
            };
            match sent {
                Ok(host) => self
                    .events
                    .note(format!("{} is announced to `{host}`", told.version)),
                Err(error) => self.events.warning(format!(
                    "{} is published, and not announced with `{}`: {error:#}",
                    told.version, policy.template
                )),
            }
        }
    }

    /// Says that nothing is announced of what people see now.
    fn tell_unannounced(&self, plan: &Plan, outcome: &Outcome, is_public: bool) {
        if self.policy().announce.is_empty() {
            return;
        }
        let version = &plan.version;
        let is_tagged = |tag: &GitTagReport| tag.pushed || tag.local;
        let is_out = outcome.kind == OutcomeKind::Published
            || outcome.git_tag.as_ref().is_some_and(is_tagged);
        let is_shown = outcome
            .forge
            .as_ref()
            .is_some_and(|page| page.public == Some(true));
        if !is_public && is_new(plan) && is_out {
            self.events.warning(format!(
                "{version} is published, and not announced: this run ends with an error, and no later one announces it"
            ));
        } else if is_public && is_shown {
            self.events.note(format!(
                "this run does not announce {version}: only the run that publishes a version does, and only where it ends well"
            ));
        }
    }

    /// Says that nothing is announced of a release that another run has begun.
    pub(super) fn tell_resumed(&self, outcome: &Outcome) {
        let is_public = outcome.kind == OutcomeKind::Published && outcome.error.is_none();
        if is_public && outcome.git_tag.is_some() && !self.policy().announce.is_empty() {
            self.events.note(format!(
                "`hoist resume` announces nothing: {} is published, and not announced by this run",
                outcome.version
            ));
        }
    }

    async fn send_announcement(
        &self,
        policy: &AnnouncePolicy,
        told: &Announcement,
    ) -> Result<String> {
        let message = self.announcement(policy, told)?;
        let Some(hook) = self.webhook(policy)? else {
            return Err(Error::failed(format!(
                "the variable `{}` is not set",
                policy.url.env
            )));
        };
        let sent = hook.send(message, self.environment()).await;
        sent.map_err(|error| Error::failed(format!("`{}` {error}", hook.host())))?;
        Ok(hook.host().to_owned())
    }

    fn announcement(&self, policy: &AnnouncePolicy, told: &Announcement) -> Result<String> {
        let name = policy.template.as_str();
        let source = regular_file::read_text_inside(self.top(), name).map_err(|error| {
            Error::usage(format!(
                "cannot read the template `{name}` of an announcement"
            ))
            .because(&error)
        })?;
        announcement(told, (name, &source))
    }

    /// `None`: the variable is not set.
    fn webhook(&self, policy: &AnnouncePolicy) -> Result<Option<Webhook>> {
        let variable = policy.url.env.as_str();
        let address = self.environment().get(variable).map(Webhook::new);
        let wrong = |error| Error::usage(format!("`{variable}`: {error}"));
        address.transpose().map_err(wrong)
    }

    /// Whether the announcements could be made; nothing is sent.
    pub(super) fn check_announcements(&self, plan: Option<&Plan>) -> Result<String> {
        let mut unset = Vec::new();
        let told = plan.map(|plan| told(plan, planned_images(plan), planned_tags(plan)));
        for policy in &self.policy().announce {
            match &told {
                Some(told) => self.announcement(policy, told).map(drop)?,
                None => {
                    let name = policy.template.as_str();
                    regular_file::inside(self.top(), name).map_err(|error| {
                        Error::usage(format!(
                            "cannot read the template `{name}` of an announcement"
                        ))
                        .because(&error)
                    })?;
                }
            }
            if self.webhook(policy)?.is_none() {
                unset.push(format!("`{}`", policy.url.env));
            }
        }
        let count = match self.policy().announce.len() {
            1 => "1 message".to_owned(),
            count => format!("{count} messages"),
        };
        Ok(match &*unset {
            [] => count,
            unset => format!("{count}; not set here: {}", unset.join(", ")),
        })
    }
}

/// Whether this release is the one that makes the version public: a later one that only adds to it, such as
/// a further repository, is no news.
fn is_new(plan: &Plan) -> bool {
    let mut versions = plan.tags.iter().filter(|tag| tag.is_version);
    let was_absent = |before: &Observed| *before == Observed::Absent;
    plan.git_tag.create || versions.all(|tag| was_absent(&tag.before))
}

fn told(plan: &Plan, images: Vec<AnnouncedImage>, tags: Vec<String>) -> Announcement {
    Announcement {
        version: plan.version.to_string(),
        previous: plan.current.as_ref().map(ToString::to_string),
        prerelease: plan.prerelease,
        tag: plan.git_tag.name.short().to_owned(),
        commit: plan.commit,
        date: plan.instant.format("%Y-%m-%d").to_string(),
        images,
        tags,
        notes: plan.notes.clone(),
    }
}

fn images(outcome: &Outcome) -> Vec<AnnouncedImage> {
    let image = |image: &ImageReport| AnnouncedImage {
        image: image.image.clone(),
        reference: image.repository.digest(&image.digest),
        repository: image.repository.clone(),
        digest: image.digest.clone(),
    };
    outcome.images.iter().map(image).collect()
}

fn tags(outcome: &Outcome) -> Vec<String> {
    let tags = outcome.tags.iter();
    tags.map(|tag| tag.repository.tag(&tag.tag)).collect()
}

/// The images before there are any: what a template does with one can be looked at.
fn planned_images(plan: &Plan) -> Vec<AnnouncedImage> {
    let mut all = Vec::new();
    for image in &plan.images {
        for repository in plan.repositories_of(image) {
            let digest = Digest::of(b"not made yet");
            all.push(AnnouncedImage {
                image: image.name.clone(),
                reference: repository.digest(&digest),
                repository: repository.clone(),
                digest,
            });
        }
    }
    all
}

fn planned_tags(plan: &Plan) -> Vec<String> {
    let moved = plan.tags.iter().filter(|tag| tag.action != TagAction::Keep);
    moved.map(|tag| tag.repository.tag(&tag.tag)).collect()
}
