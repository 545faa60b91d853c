//! The release on the forge before it is public: a draft with its files, made when everything is proven and
//! before the lock is taken. Each run makes one of its own: of two runs for one version either can get the lock,
//! and the other takes back nothing but its own.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    error::{Error, ErrorCode, ErrorKind, Result},
    event::{Finished, Started},
    publish::{
        drafting::Drafting,
        protocol::journal::ForgeRecord,
        publication::{ForgePublication, Publication},
        world::World,
    },
};

/// How long a draft may be made. A draft that is older by far belongs to a run that is over, where no lock tells
/// of it.
const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// Makes what the forge is to have before a tag moves; `None`: the policy wants nothing, or the forge shows
/// a release of the tag already.
///
/// # Errors
/// Refused (exit 4): somebody else has a draft of the tag. Busy (exit 5): another run has. Failed (exit 6).
/// Nothing of it is left then.
pub(super) async fn draft(
    world: &World,
    publication: &Publication,
    wanted: Option<&ForgePublication>,
) -> Result<Option<ForgeRecord>> {
    let Some(wanted) = wanted else {
        return Ok(None);
    };
    let forge = match &world.forge {
        Ok(forge) => &**forge,
        Err(why) => {
            return Err(Error::failed("cannot make the release on the forge")
                .with_code(ErrorCode::ForgeFailed)
                .cause(why.clone())
                .state("no tag has moved"));
        }
    };
    let page = forge.place().release_page(wanted.tag.short());
    let step = world.events.start(Started::Draft { page: page.clone() });
    let drafting = Drafting::new(world, forge, publication, wanted);
    let made = tokio::select! {
        biased;
        made = timeout(LONGEST, drafting.run(&page)) => made.unwrap_or_else(|_| Err(too_long())),
        () = world.cancel.cancelled() => {
            Err(Error::new(ErrorKind::Interrupted, "interrupted while the draft was made"))
        }
    };
    match made {
        // It is taken when the lock is.
        Ok(Some(made)) if made.adopted => Ok(Some(made)),
        // Without drafts and files nothing is there yet.
        Ok(Some(made)) if made.id.is_none() && made.links.is_empty() => Ok(Some(made)),
        Ok(Some(made)) => {
            let files = wanted.files.len();
            step.finish(Finished::Draft { page, files });
            Ok(Some(made))
        }
        Ok(None) => Ok(None),
        Err(error) => {
            drafting.clean_up().await;
            Err(error.state(publication.nothing_moved()))
        }
    }
}

fn too_long() -> Error {
    let hours = LONGEST.as_secs() / 3600;
    Error::failed("cannot make the release on the forge")
        .with_code(ErrorCode::ForgeFailed)
        .cause(format!(
            "the draft and its files were not there after {hours} hours"
        ))
}
