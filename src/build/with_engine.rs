//! Builds with an engine, where hoist is made with the feature `engine`; [`no_engine`](super) stands in without it.

use crate::{
    build::{
        buildkit::BuildkitNodesSource, docker::DockerEngine, request::BuildRequest,
        source::ImageSource,
    },
    io::{environment::Environment, layout::WantedImage},
    policy::Builder,
};

pub(crate) use crate::build::docker::load;

/// The daemon or the builder that `image.build.builder` names, else the engine that the environment names.
pub(super) fn source<'a>(
    request: &'a BuildRequest,
    environment: &'a Environment,
    wanted: WantedImage,
) -> Box<dyn ImageSource + 'a> {
    match &request.policy.builder {
        Some(builder @ (Builder::Daemon(_) | Builder::Buildx(_))) => {
            Box::new(BuildkitNodesSource {
                request,
                environment,
                builder,
                wanted,
            })
        }
        Some(Builder::Buildkit | Builder::Classic) | None => Box::new(DockerEngine {
            request,
            environment,
            wanted,
        }),
    }
}
