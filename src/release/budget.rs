//! `[image.budget]`, judged once the images are made and before anything names them.

use crate::{
    error::{Error, ErrorCode, Result},
    io::layout,
    oci::Image,
    plan::{
        Plan, PlannedSource,
        inspect::{Excess, budget::top_causes},
    },
    release::{
        facade::Release,
        last_release::ReleaseLookup,
        measure::{MeasurePurpose, Measured},
    },
    text::shell_word,
};

impl Release {
    /// Refuses images that are over their budget, unless that is `allowed`: then what they exceed comes back, a line each.
    /// What is published already is not judged again.
    pub(super) async fn check_budget(
        &self,
        plan: &Plan,
        images: &[Image],
        allowed: bool,
    ) -> Result<Vec<String>> {
        let lookup = ReleaseLookup::lenient(self);
        let mut over = Vec::new();
        for (planned, image) in plan.images.iter().zip(images) {
            if planned.source == PlannedSource::Build {
                let purpose = MeasurePurpose::Release;
                let measured = self.measured(&lookup, plan, planned, image, purpose);
                over.extend(measured.await?.into_iter().filter(is_over));
            }
        }
        if over.is_empty() {
            return Ok(Vec::new());
        }
        if !allowed {
            let error = refusal(&over).state("nothing was published");
            let error = over
                .iter()
                .map(|one| looking(one, images))
                .fold(error, Error::hint);
            return Err(error.hint("`hoist release --over-budget` releases it all the same"));
        }
        Ok(self.warned(&over, "over its budget, and released all the same"))
    }

    /// What is over its budget, a line each, which is said, too.
    pub(super) fn warned(&self, over: &[Measured], what: &str) -> Vec<String> {
        let lines = over.iter().flat_map(|one| {
            let line = |excess: &Excess| format!("{}: {}", one.name, excess.text);
            one.report.over_budget.iter().map(line)
        });
        let lines: Vec<_> = lines.collect();
        for line in &lines {
            self.events.warning(format!("{what}: {line}"));
        }
        lines
    }
}

/// The command that shows the image that is over, and not that of another platform.
fn looking(over: &Measured, images: &[Image]) -> String {
    let mut own = images.iter().filter(|image| image.dir == over.dir);
    let several =
        own.any(|image| layout::runnable(image).is_ok_and(|platforms| platforms.len() > 1));
    let platform = match &over.platform {
        Some(platform) if several => format!(" --platform {platform}"),
        Some(_) | None => String::new(),
    };
    format!(
        "`hoist inspect {}{platform}` shows where the bytes of {} are, and what would save some",
        shell_word(&over.dir.to_string_lossy()),
        over.name
    )
}

/// Whether an image breaks a rule of its budget.
pub(super) fn is_over(measured: &Measured) -> bool {
    !measured.report.over_budget.is_empty()
}

/// The images with their figures, and the three most important causes.
pub(super) fn refusal(over: &[Measured]) -> Error {
    let names: Vec<_> = over.iter().map(|one| one.name.clone()).collect();
    let mut keys: Vec<_> = over.iter().map(|one| format!("`{}`", one.key)).collect();
    keys.dedup();
    let keys = keys.join(" and ");
    let mut error = Error::refused(format!("over {keys}: {}", names.join(", ")))
        .with_code(ErrorCode::OverBudget);
    for one in over {
        let several = over.len() > 1;
        let name = if several {
            format!("{}: ", one.name)
        } else {
            String::new()
        };
        for excess in &one.report.over_budget {
            error = error.cause(format!("{name}{}", excess.text));
        }
    }
    let all: Vec<_> = over
        .iter()
        .flat_map(|one| one.report.over_budget.clone())
        .collect();
    for cause in top_causes(&all) {
        error = error.cause(cause);
    }
    error
}
