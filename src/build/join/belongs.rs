//! Whether a leg belongs to the release: by its description, and by the labels of its images.

use crate::{
    build::join::{
        content::LegContent, expected::Expected, leg::Leg, part::ImagePart, platform_refusal,
        platforms::same_platform, refusal,
    },
    error::Result,
    git::CommitId,
    oci::{Platform, StatementPlace, annotation},
};

/// Compares the description of a leg with the release.
pub(super) fn check_claims(leg: &LegContent, expected: &Expected) -> Result<()> {
    let Some(claims) = &leg.claims else {
        return Ok(());
    };
    let file = &leg.file;
    check_description(claims, expected, file)?;
    if claims.digest != *leg.manifest.digest() {
        return Err(refusal::tampered(
            leg,
            &claims.digest,
            leg.manifest.digest(),
        ));
    }
    let entry = crate::oci::Descriptor::new(
        claims.media_type.clone(),
        claims.digest.clone(),
        claims.size,
    );
    if claims.size != leg.manifest.bytes.len() as u64 {
        return Err(refusal::other_size(leg, &entry, &leg.manifest));
    }
    if claims.media_type != leg.manifest.media_type {
        return Err(refusal::other_type(leg, &entry, &leg.manifest));
    }
    Ok(())
}

/// What can be compared before anything of the leg's content is read.
pub(super) fn check_description(claims: &Leg, expected: &Expected, file: &str) -> Result<()> {
    if claims.image != expected.image {
        let (said, ours) = (&claims.image, &expected.image);
        return Err(refusal::laid_out_for_other_image(file, said, ours));
    }
    let differs = |what: &str, theirs: &dyn ToString, ours: &dyn ToString| {
        let (theirs, ours) = (theirs.to_string(), ours.to_string());
        refusal::differs((file, claims), what, (&theirs, &ours), expected)
    };
    if claims.commit != expected.commit {
        return Err(differs("commit", &claims.commit, &expected.commit));
    }
    if claims.version != expected.version {
        return Err(differs("version", &claims.version, &expected.version));
    }
    if let Some(tree) = &expected.tree
        && claims.tree != *tree
    {
        return Err(differs("tree", &claims.tree, tree));
    }
    if claims.policy != expected.policy {
        return Err(differs("policy", &claims.policy, &expected.policy));
    }
    if claims.dirty && !expected.accepts_dirty {
        return Err(refusal::dirty(claims, expected, file));
    }
    let elsewhere = claims
        .staged
        .iter()
        .find(|place| !expected.repositories.contains(place));
    match elsewhere {
        Some(place) => Err(refusal::elsewhere(claims, expected, file, place)),
        None => Ok(()),
    }
}

/// The platforms that a leg says it has are those of its images.
pub(super) fn check_content(leg: &LegContent, images: &[ImagePart<'_>]) -> Result<()> {
    let Some(claims) = &leg.claims else {
        return Ok(());
    };
    let said = claims.parsed_platforms();
    let unsaid = images.iter().find(|image| {
        let mut said = said.iter();
        !said.any(|said| same_platform(said, &without_system(&image.platform)))
    });
    if let Some(image) = unsaid {
        return Err(platform_refusal::other_platform(
            leg,
            &claims.platforms,
            &image.platform,
        ));
    }
    let lost = said.iter().find(|said| {
        let mut images = images.iter();
        !images.any(|image| same_platform(said, &without_system(&image.platform)))
    });
    match (lost, said.len() == claims.platforms.len()) {
        (None, true) => Ok(()),
        _ => {
            let has: Vec<_> = images.iter().map(|image| image.platform.clone()).collect();
            Err(platform_refusal::lost_platform(
                leg,
                &claims.platforms,
                &has,
            ))
        }
    }
}

/// The part of a platform that its text holds.
fn without_system(platform: &Platform) -> Platform {
    Platform::new(
        platform.os.clone(),
        platform.architecture.clone(),
        platform.variant.clone(),
    )
}

/// Every place that names a commit or a version for an image names that of the release.
pub(super) fn check_labels(images: &[ImagePart<'_>], expected: &Expected) -> Result<()> {
    for image in images {
        for (place, revision) in said(image, annotation::REVISION) {
            let mut ours = std::iter::once(&expected.commit).chain(&expected.parent);
            if !ours.any(|commit| commit.is_named_by(revision)) {
                let key = (annotation::REVISION, "revision");
                return Err(refusal::statement(image, key, (place, revision), expected));
            }
        }
        for (place, text) in said(image, annotation::VERSION) {
            // What is not a version, such as the `24.04` of a base image, says nothing about the release.
            let (ours, suffix) = (&expected.version, &expected.suffix);
            let version = annotation::version_of_image(text, ours, suffix);
            if let Some(version) = version.filter(|version| *version != expected.version) {
                let key = (annotation::VERSION, "version");
                let theirs = version.to_string();
                return Err(match annotation::is_trial(&version) {
                    true => refusal::trial(image, place, &theirs, expected),
                    false => refusal::statement(image, key, (place, &theirs), expected),
                });
            }
        }
    }
    Ok(())
}

/// Images that name different commits are not one image, whichever of them a release would take.
pub(super) fn check_together(images: &[ImagePart<'_>], expected: &Expected) -> Result<()> {
    let named = |image: &ImagePart<'_>, commit: &CommitId| {
        said(image, annotation::REVISION).any(|(_, text)| commit.is_named_by(text))
    };
    let Some(parent) = &expected.parent else {
        return Ok(());
    };
    let new = images.iter().find(|image| named(image, &expected.commit));
    let old = images.iter().find(|image| named(image, parent));
    match (new, old) {
        (Some(new), Some(old)) => Err(refusal::mixed(new, old, parent, expected)),
        _ => Ok(()),
    }
}

/// What is said about an image under this key, and where.
fn said<'a>(
    image: &'a ImagePart<'_>,
    key: &'a str,
) -> impl Iterator<Item = (StatementPlace, &'a str)> {
    image.statements.iter().filter_map(move |statement| {
        let text = statement.says(key)?;
        Some((statement.place, text))
    })
}
