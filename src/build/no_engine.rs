//! What stands in for the engines where hoist is made without the feature `engine`: each use of one is refused,
//! with the ways that remain.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{
    build::{
        request::BuildRequest,
        source::{Description, ImageSource},
    },
    error::{Error, Result},
    event::Events,
    io::{
        environment::Environment,
        layout::{Store, WantedImage},
    },
    oci::Image,
};

/// An image that an engine would have to build.
struct NoEngine;

/// The source of an image that an engine would have to build.
pub(super) fn source<'a>(
    _: &'a BuildRequest,
    _: &'a Environment,
    _: WantedImage,
) -> Box<dyn ImageSource + 'a> {
    Box::new(NoEngine)
}

/// Loads nothing.
///
/// # Errors
/// Refused, always.
pub(crate) async fn load(
    _: &Environment,
    _: &Image,
    reference: &str,
    _: &CancellationToken,
) -> Result<()> {
    Err(load_refused(reference))
}

#[async_trait]
impl ImageSource for NoEngine {
    async fn check(&self) -> Result<Description> {
        Err(build_refused())
    }

    async fn produce(&self, _: &Store, _: &Events, _: &CancellationToken) -> Result<Image> {
        Err(build_refused())
    }
}

/// How a program that embeds hoist gets the builders.
const FEATURE: &str = "the feature brings the builders: `cargo add hoist --features engine`";

fn refused(what: &str) -> Error {
    Error::refused(format!(
        "{what} needs an engine, and this program has no builders"
    ))
    .cause("it uses the crate `hoist` without the feature `engine`")
}

fn build_refused() -> Error {
    refused("building the image")
        .hint("`image.build.layout` names an image that is on disk already, `image.build.command` a program that makes it")
        .hint("or make a leg with the program: `hoist build --output FILE.tar`; releasing legs needs no engine")
        .hint(FEATURE)
}

fn load_refused(reference: &str) -> Error {
    refused(&format!("loading `{reference}`")).hint(FEATURE)
}

#[cfg(test)]
mod tests {
    use crate::{build::no_engine::*, error::ErrorKind};

    #[tokio::test]
    async fn without_the_feature_a_build_is_refused_with_the_ways_that_remain() {
        let error = NoEngine.check().await.expect_err("no engine");
        assert_eq!(error.kind(), ErrorKind::Refused);
        let wanted = [
            "building the image needs an engine, and this program has no builders",
            "it uses the crate `hoist` without the feature `engine`",
            "`image.build.layout` names an image that is on disk already, `image.build.command` a program that makes it",
            "or make a leg with the program: `hoist build --output FILE.tar`; releasing legs needs no engine",
            "the feature brings the builders: `cargo add hoist --features engine`",
        ];
        assert_eq!(told(&error), wanted);
        assert_eq!(told(&build_refused()), told(&error));
        assert!(NoEngine.at_hand().await.expect("none").is_none());
    }

    #[test]
    fn without_the_feature_nothing_is_loaded() {
        let error = load_refused("app:1.2.3");
        let wanted = [
            "loading `app:1.2.3` needs an engine, and this program has no builders",
            "it uses the crate `hoist` without the feature `engine`",
            "the feature brings the builders: `cargo add hoist --features engine`",
        ];
        assert_eq!(told(&error), wanted);
    }

    fn told(error: &Error) -> Vec<&str> {
        let lines = [vec![error.message()], error.causes()].concat();
        let hints = error.hints().iter().map(String::as_str);
        lines.into_iter().chain(hints).collect()
    }
}
