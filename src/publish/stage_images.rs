//! Content by digest and nothing else: for legs, which another run publishes.

use std::sync::Arc;

use crate::{
    error::{Error, ErrorCode, ErrorKind, Result},
    io::registry::RepositoryApi,
    oci::{Image, Repository},
    publish::{
        destination::Destination,
        errors::push_error,
        steps::stage::{self, Staging},
        transfers::Transfers,
        world::World,
    },
};

/// Makes `images` present in every repository, under their digests alone. No tag is touched.
///
/// # Errors
/// Failed (exit 6): a right is missing, content could not be sent, or a registry takes manifests only
/// under a tag. Interrupted by a signal.
pub async fn stage_images(
    world: &World,
    repositories: &[Repository],
    images: &[Image],
) -> Result<()> {
    let apis: Vec<Arc<dyn RepositoryApi>> = repositories
        .iter()
        .map(|repository| (world.connect)(repository))
        .collect::<Result<_>>()?;
    let work = async {
        for api in &apis {
            let right = api.check_push().await;
            right.map_err(|error| push_error(api.repository(), &error))?;
        }
        let destinations: Vec<_> = apis
            .iter()
            .map(|api| Destination {
                api: &**api,
                images: images.iter().collect(),
                referrers: Vec::new(),
            })
            .collect();
        let transfers = Transfers::new(world.events.clone());
        let staging = Staging {
            transfers: &transfers,
            destinations: &destinations,
        };
        let tag_first = stage::stage(staging).await.map_err(|error| {
            Error::failed("cannot stage the image")
                .with_code(ErrorCode::StageFailed)
                .because(&error)
                .state("nothing that was sent has a name")
                .hint("the same command starts again; what was sent already is not sent again")
        })?;
        match tag_first.first() {
            None => Ok(()),
            Some(place) => Err(by_tag_only(&repositories[*place])),
        }
    };
    tokio::select! {
        done = work => done,
        () = world.cancel.cancelled() => Err(
            Error::new(ErrorKind::Interrupted, "interrupted while staging")
                .state("nothing that was sent has a name")
                .hint("the same command starts again"),
        ),
    }
}

fn by_tag_only(repository: &Repository) -> Error {
    Error::failed(format!("`{repository}` takes no manifest without a tag"))
        .with_code(ErrorCode::StageFailed)
        .cause("a staged leg has no name until the release gives it one")
        .state("nothing that was sent has a name")
        .hint("`hoist build --output DIR` makes a leg that needs no registry")
}
