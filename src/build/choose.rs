//! Which image source a request is for. The only place that knows all of them.

use crate::{
    build::{
        docker::DockerEngine, layout::LayoutSource, request::BuildRequest, source::ImageSource,
    },
    error::{Error, Result},
    io::environment::Environment,
};

/// Chooses by the policy and the environment alone: `image.build.layout` where it is set (made by
/// `image.build.command` first), else the engine that the environment names.
///
/// # Errors
/// The policy contradicts itself. Nothing is contacted yet.
pub fn choose<'a>(
    request: &'a BuildRequest,
    environment: &'a Environment,
) -> Result<Box<dyn ImageSource + 'a>> {
    let wanted = request.wanted_image()?;
    if let Some(layout) = &request.policy.layout {
        return Ok(Box::new(LayoutSource {
            request,
            layout,
            wanted,
        }));
    }
    if !request.policy.command.is_empty() {
        return Err(
            Error::usage("`image.build.command` is set, and `image.build.layout` is not")
                .hint("`image.build.layout` names what the command makes"),
        );
    }
    Ok(Box::new(DockerEngine {
        request,
        environment,
        wanted,
    }))
}
