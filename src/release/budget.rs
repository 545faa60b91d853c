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
            let dir = over[0].dir.display();
            return Err(refusal(&over)
                .state("nothing was published")
                .hint(format!(
                    "`hoist inspect {dir}` shows where the bytes are, and what would save some{}",
                    shown_platform(&over[0], images)
                ))
                .hint("`hoist release --over-budget` releases it all the same"));
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

/// Which platform's figures explain the excess, where `inspect` may show another one of the same image.
fn shown_platform(over: &Measured, images: &[Image]) -> String {
    let mut own = images.iter().filter(|image| image.dir == over.dir);
    let several =
        own.any(|image| layout::runnable(image).is_ok_and(|platforms| platforms.len() > 1));
    match &over.report.platform {
        Some(platform) if several => format!(
            "; it shows one platform, this machine's or the first, and what is over is the image for {platform}"
        ),
        Some(_) | None => String::new(),
    }
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
