//! Which image source a request is for. The only place that knows all of them.

use crate::{
    build::{
        engine_build, layout::LayoutSource, pushed::PushedSource, request::BuildRequest,
        source::ImageSource,
    },
    io::environment::Environment,
    policy::BuildSource,
};

/// Chooses by the policy and the environment alone: `image.build.layout` where it is set (made by
/// `image.build.command` first), else the program that `image.build.command` names, else the BuildKit daemon or the builder that
/// `image.build.builder` names, else the engine that the environment names. Nothing is contacted yet.
#[must_use]
pub fn choose<'a>(
    request: &'a BuildRequest,
    environment: &'a Environment,
) -> Box<dyn ImageSource + 'a> {
    let wanted = request.wanted_image();
    match &request.policy.image_source {
        BuildSource::Layout { path, command } => Box::new(LayoutSource {
            request,
            layout: path,
            command: command.as_ref(),
            search_path: environment.get("PATH"),
            wanted,
            uncommitted: Default::default(),
        }),
        BuildSource::Pushed { command } => Box::new(PushedSource {
            request,
            command,
            search_path: environment.get("PATH"),
            wanted,
        }),
        BuildSource::Engine => engine_build::source(request, environment, wanted),
    }
}
