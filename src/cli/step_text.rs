//! The steps of a release in words: the verb of a line, and what it says.

use semver::Version;

use crate::{
    event::{Finished, Started, Step},
    oci::{ImageName, Repository},
    outcome::Amount,
    text::bytes,
};

/// The verb of a step that is under way.
pub(super) fn doing(step: Step) -> &'static str {
    match step {
        Step::Plan => "Planning",
        Step::Preflight => "Checking",
        Step::Build => "Building",
        Step::Stage => "Staging",
        Step::Hooks => "Running",
        Step::Sign => "Signing",
        Step::Draft => "Drafting",
        Step::Lock => "Locking",
        Step::Observe => "Observing",
        Step::Commit => "Tagging",
        Step::Verify => "Verifying",
        Step::RollBack => "Rolling back",
        Step::Finish => "Finishing",
        Step::Forge => "Publishing",
    }
}

/// The verb of what is under way.
pub(super) fn verb_of(started: &Started) -> &'static str {
    match started {
        Started::Build {
            layout: Some(_), ..
        } => "Reading",
        started => doing(started.step()),
    }
}

/// The verb of what is done.
pub(super) fn verb_of_done(finished: &Finished) -> &'static str {
    match finished {
        Finished::Build {
            layout: Some(_), ..
        } => "Read",
        finished => done(finished.step()),
    }
}

/// The verb of a step that is done.
pub(super) fn done(step: Step) -> &'static str {
    match step {
        Step::Plan => "Planned",
        Step::Preflight => "Checked",
        Step::Build => "Built",
        Step::Stage => "Staged",
        Step::Hooks => "Passed",
        Step::Sign => "Signed",
        Step::Draft => "Drafted",
        Step::Lock => "Locked",
        Step::Observe => "Observed",
        Step::Commit => "Tagged",
        Step::Verify => "Verified",
        Step::RollBack => "Rolled back",
        Step::Finish => "Finished",
        Step::Forge => "Published",
    }
}

/// What a step is done to.
pub(super) fn subject(started: &Started) -> String {
    match started {
        Started::Plan { promoted: None } => "the release".into(),
        Started::Plan { promoted: Some(_) } => "the promotion".into(),
        Started::Preflight { repositories } => list(repositories),
        Started::Build { image, layout } => made_words(image, layout.as_deref()),
        Started::Stage { repository } => repository.to_string(),
        Started::Hooks { point } => format!("{point} hooks"),
        Started::Sign { image } => image.clone(),
        Started::Lock { remote } => remote.clone(),
        Started::Observe {
            version,
            taken_back,
        }
        | Started::Commit {
            version,
            taken_back,
        }
        | Started::Verify {
            version,
            taken_back,
        }
        | Started::Finish {
            version,
            taken_back,
        } => named(version, *taken_back),
        Started::RollBack { version } => version.to_string(),
        Started::Draft { page } | Started::Forge { page } => page.clone(),
    }
}

/// What a finished step was done to, in the words of its start; `None`: there is one such step at a time.
pub(super) fn subject_of(finished: &Finished) -> Option<String> {
    match finished {
        Finished::Build { image, layout, .. } => Some(made_words(image, layout.as_deref())),
        Finished::Sign { image, .. } => Some(image.clone()),
        Finished::Stage { repository, .. } => Some(repository.to_string()),
        Finished::Plan { .. }
        | Finished::Preflight { .. }
        | Finished::Hooks { .. }
        | Finished::Draft { .. }
        | Finished::Forge { .. }
        | Finished::Lock { .. }
        | Finished::Observe { .. }
        | Finished::Commit { .. }
        | Finished::Verify { .. }
        | Finished::RollBack { .. }
        | Finished::Finish { .. } => None,
    }
}

/// What a step was done to, and its result.
pub(super) fn result(finished: &Finished) -> String {
    match finished {
        Finished::Plan {
            repositories,
            current,
            version,
            bump,
        } => {
            let from = current.as_ref().map(|current| format!("{current} → "));
            let bump = bump.as_ref().map(|bump| format!(" ({bump})"));
            format!(
                "{} {}{version}{}",
                list(repositories),
                from.unwrap_or_default(),
                bump.unwrap_or_default()
            )
        }
        Finished::Preflight { repositories } => list(repositories),
        Finished::Build {
            digest,
            adopted: Some(repository),
            ..
        } => format!("nothing: {} is adopted", repository.digest(digest)),
        Finished::Build {
            image,
            digest,
            adopted: None,
            layout,
        } => format!(
            "{} {}",
            made_words(image, layout.as_deref()),
            digest.short()
        ),
        Finished::Stage {
            repository,
            sent,
            mounted,
        } => format!(
            "{repository}{}{}",
            amount(*sent, "sent"),
            amount(*mounted, "mounted")
        ),
        Finished::Hooks { point, count: 1 } => format!("1 {point} hook"),
        Finished::Hooks { point, count } => format!("{count} {point} hooks"),
        Finished::Sign { image, .. } => image.clone(),
        Finished::Lock { remote } => remote.clone(),
        Finished::Commit {
            version,
            tags,
            taken_back,
        } => {
            let plural = if *tags == 1 { "tag" } else { "tags" };
            format!("{}, {tags} {plural}", named(version, *taken_back))
        }
        Finished::Observe {
            version,
            taken_back,
        }
        | Finished::Verify {
            version,
            taken_back,
        }
        | Finished::Finish {
            version,
            taken_back,
        } => named(version, *taken_back),
        Finished::RollBack { version } => version.to_string(),
        Finished::Draft { page, files: 0 } | Finished::Forge { page } => page.clone(),
        Finished::Draft { page, files: 1 } => format!("{page}, 1 file"),
        Finished::Draft { page, files } => format!("{page}, {files} files"),
    }
}

/// A release, or the taking back of one.
fn named(version: &Version, taken_back: bool) -> String {
    match taken_back {
        true => format!("the roll back of {version}"),
        false => version.to_string(),
    }
}

fn list(repositories: &[Repository]) -> String {
    let names: Vec<_> = repositories.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// The image that is made, and the layout that it comes from.
fn made_words(image: &ImageName, layout: Option<&str>) -> String {
    match layout {
        Some(layout) => format!("{} from `{layout}`", image_words(image)),
        None => image_words(image),
    }
}

fn image_words(image: &ImageName) -> String {
    match (image.is_of_main(), image.variant()) {
        (true, None) => "the image".into(),
        (true, Some(variant)) => format!("the {variant} image"),
        (false, _) => format!("image {image}"),
    }
}

pub(super) fn amount(amount: Amount, what: &str) -> String {
    match amount.blobs {
        0 => String::new(),
        1 => format!(", {} in 1 blob {what}", bytes(amount.bytes)),
        blobs => format!(", {} in {blobs} blobs {what}", bytes(amount.bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_fits_its_column() {
        for step in Step::ALL {
            assert!(doing(step).len() <= 12 && done(step).len() <= 12);
        }
    }

    #[test]
    fn what_is_not_built_is_not_called_so() {
        let digest = crate::oci::Digest::of(b"x");
        for (layout, begun, ended) in [
            (None, "Building the image", "Built the image"),
            (
                Some("dist/oci".to_owned()),
                "Reading the image from `dist/oci`",
                "Read the image from `dist/oci`",
            ),
        ] {
            let image = ImageName::main();
            let started = Started::Build {
                image: image.clone(),
                layout: layout.clone(),
            };
            assert_eq!(
                format!("{} {}", verb_of(&started), subject(&started)),
                begun
            );
            let finished = Finished::Build {
                image,
                digest: digest.clone(),
                adopted: None,
                layout,
            };
            assert_eq!(subject_of(&finished), Some(subject(&started)));
            let told = format!("{} {}", verb_of_done(&finished), result(&finished));
            assert_eq!(told, format!("{ended} {}", digest.short()));
        }
    }

    #[test]
    fn what_was_sent_is_told_with_its_size() {
        let repository: Repository = "docker.io/acme/api".parse().expect("a valid name");
        let (sent, mounted) = (
            Amount {
                blobs: 2,
                bytes: 1200,
            },
            Amount::default(),
        );
        let finished = Finished::Stage {
            repository,
            sent,
            mounted,
        };
        assert_eq!(
            result(&finished),
            "docker.io/acme/api, 1.2 kB in 2 blobs sent"
        );
    }
}
