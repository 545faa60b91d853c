//! Legs that other machines made, as a release is given them: paths to inputs, and the image source that
//! joins them.

use std::path::Path;

use crate::{
    build::{self, BuildRequest, ImageSource, LegInput, LegsSource},
    error::{Error, ErrorCode, Result},
    oci::Variant,
    release::{
        facade::Release,
        request::{ImageOptions, LegPath},
    },
    text::sanitize_line,
};

impl Release {
    /// The files that `from` names.
    ///
    /// # Errors
    /// Usage (exit 2) for a pattern that is not valid or an image that the policy does not have; failed
    /// (exit 6) where a pattern matches nothing.
    pub(super) fn leg_inputs(&self, from: &[LegPath]) -> Result<Vec<LegInput>> {
        let all: Vec<Variant> = self.policy().images().collect();
        let mut inputs = Vec::new();
        for leg in from {
            let (variant, path) = named(leg, &all)?;
            let found = build::expand(path, &leg.directory)?;
            if found.is_empty() {
                return Err(no_match(&leg.text));
            }
            inputs.extend(found.into_iter().map(|name| LegInput {
                path: leg.directory.join(&name),
                name,
                variant: variant.clone(),
            }));
        }
        Ok(inputs)
    }

    /// What joins the legs of the image that `request` is for.
    pub(super) fn legs_source<'a>(
        &'a self,
        request: &BuildRequest,
        options: &ImageOptions,
    ) -> Result<Box<dyn ImageSource + 'a>> {
        let expected = request.expected.as_ref();
        let variant = expected.map(|expected| expected.variant.clone());
        Ok(Box::new(LegsSource {
            inputs: options.legs.clone(),
            variant: variant.unwrap_or_default(),
            all: self.policy().images().collect(),
            expected: request.expected.clone(),
            references: request.references.clone(),
            repositories: self.apis(&self.repositories()?)?,
        }))
    }
}

/// The image that a leg is said to be of, and the path.
fn named<'a>(leg: &'a LegPath, all: &[Variant]) -> Result<(Option<Variant>, &'a str)> {
    let Some((name, path)) = leg.text.split_once('=') else {
        return Ok((None, &leg.text));
    };
    if let Some(variant) = all
        .iter()
        .find(|variant| build::image_name(variant) == name)
    {
        return Ok((Some(variant.clone()), path));
    }
    let is_path = leg.directory.join(&leg.text).exists() || name.starts_with(['.', '/', '*']);
    if is_path || !leg.directory.join(path).exists() && Path::new(name).components().count() > 2 {
        return Ok((None, &leg.text));
    }
    let names: Vec<String> = all.iter().map(build::image_name).collect();
    Err(Error::usage(format!(
        "the policy has no image `{}`",
        sanitize_line(name, 100)
    ))
    .cause(format!("it has `{}`", names.join("`, `")))
    .state("nothing was built or moved")
    .hint("`--from IMAGE=PATH` or `--from IMAGE/VARIANT=PATH`; a path with `=` in it begins with `./`"))
}

fn no_match(text: &str) -> Error {
    Error::failed(format!("there is no leg at `{}`", sanitize_line(text, 200)))
        .with_code(ErrorCode::ImageUnusable)
        .cause("the pattern matches nothing")
        .state("nothing was published")
        .hint("`hoist build --platform PLATFORM --output DIR` makes a leg; let CI hand its files on to this job")
}
