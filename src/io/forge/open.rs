//! The client of a forge.

use std::sync::Arc;

use crate::{
    event::Events,
    io::{
        environment::Environment,
        forge::{ForgeApi, client::ForgeClient, github::GitHub, gitlab::GitLab, token::token},
    },
    policy::{ForgePlace, ForgeService},
};

/// The project at `place`. `remote` is the address of the git remote, whose host the token may be sent to.
/// Asks nobody.
///
/// # Errors
/// There is no token for it, in words.
pub fn open(
    place: ForgePlace,
    remote: Option<&str>,
    environment: &Environment,
    events: Events,
) -> Result<Arc<dyn ForgeApi>, String> {
    let token = token(&place, remote, environment)?;
    let client = ForgeClient::new(&place.origin, token, environment, events);
    Ok(match place.service {
        ForgeService::GitHub => {
            let client = client
                .with_header("accept", "application/vnd.github+json")
                .with_header("x-github-api-version", "2022-11-28");
            Arc::new(GitHub { client, place })
        }
        ForgeService::GitLab => Arc::new(GitLab { client, place }),
    })
}
