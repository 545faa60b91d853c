//! The client of a forge.

use std::sync::Arc;

use crate::{
    io::{
        environment::Environment,
        forge::{
            ForgeApi, address::part, client::ForgeClient, connection::ForgeConnection,
            github::GitHub, gitlab::GitLab, project::ForgeProject, token::token,
        },
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
    connection: ForgeConnection,
) -> Result<Arc<dyn ForgeApi>, String> {
    let token = token(&place, remote, environment)?;
    let client = ForgeClient::new(&place.origin, token, environment, connection);
    Ok(match place.service {
        ForgeService::GitHub => Arc::new(GitHub(ForgeProject {
            client: client
                .with_header("accept", "application/vnd.github+json")
                .with_header("x-github-api-version", "2022-11-28"),
            root: format!("repos/{}", place.project),
            place,
        })),
        ForgeService::GitLab => Arc::new(GitLab(ForgeProject {
            client,
            root: format!("projects/{}", part(&place.project)),
            place,
        })),
    })
}
