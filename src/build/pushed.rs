//! An image that a program of the project pushes: hoist is the registry that it pushes to.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{
    build::{
        command,
        errors::task_result,
        request::BuildRequest,
        source::{Description, ImageSource},
    },
    error::{Error, ErrorCode, Result},
    event::Events,
    io::{
        layout::{Incoming, PushedImage, Store, WantedImage},
        push_door::PushDoor,
    },
    oci::Image,
    policy::ProgramLine,
};

/// The repository to push to, in the environment of the program.
const PUSH_TO: &str = "HOIST_PUSH_TO";

/// `image.build.command` without `image.build.layout`.
pub(crate) struct PushedSource<'a> {
    pub(crate) request: &'a BuildRequest,
    pub(crate) command: &'a ProgramLine,
    /// Where programs are looked for: the value of `PATH`.
    pub(crate) search_path: Option<&'a str>,
    pub(crate) wanted: WantedImage,
}

#[async_trait]
impl ImageSource for PushedSource<'_> {
    async fn check(&self) -> Result<Description> {
        let program = &self.command.program;
        command::find(program, &self.request.repository, self.search_path)?;
        Ok(Description::new(format!(
            "`{program}` pushes the image to `${PUSH_TO}`"
        )))
    }

    async fn produce(
        &self,
        store: &Store,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<Image> {
        let incoming = Arc::new(store.incoming(cancel)?);
        let presence = Arc::new(self.request.targets.clone());
        let door = PushDoor::open(incoming.clone(), presence).await;
        let door = door.map_err(|error| {
            Error::failed("cannot listen on 127.0.0.1 for the image")
                .with_code(ErrorCode::BuildFailed)
                .because(&error)
                .state("nothing was published")
                .hint("let the program write an OCI layout, and name it in `image.build.layout`")
        })?;
        let mut variables = self.request.variables.clone();
        variables.push((PUSH_TO.to_owned(), door.repository()));
        let directory = &self.request.repository;
        let ran = command::run(self.command, directory, &variables, events, cancel).await;
        let pushed = door.close().await;
        ran?;
        let pushed = pushed.map_err(|why| {
            self.unusable("what it pushed could not be kept")
                .cause(why)
                .hint("make room on the disk, and run the same command again")
        })?;
        let pushed = pushed.ok_or_else(|| {
            self.unusable("it ended well, and pushed no image").hint(format!(
                "let it push to `${PUSH_TO}`, which is a registry on 127.0.0.1 without TLS; or name the OCI layout that it writes: `image.build.layout`"
            ))
        })?;
        keep(store, incoming, pushed, &self.wanted, cancel).await
    }
}

impl PushedSource<'_> {
    fn unusable(&self, why: &str) -> Error {
        Error::failed(format!("`{}` has made no image", self.command.program))
            .with_code(ErrorCode::ImageUnusable)
            .cause(why)
            .state("nothing was published")
    }
}

/// Makes an image of what was pushed, on a thread where waiting for the disk holds nothing up.
pub(crate) async fn keep(
    store: &Store,
    incoming: Arc<Incoming>,
    pushed: PushedImage,
    wanted: &WantedImage,
    cancel: &CancellationToken,
) -> Result<Image> {
    let (store, wanted, cancel) = (store.clone(), wanted.clone(), cancel.clone());
    let kept = tokio::task::spawn_blocking(move || store.keep(incoming, &pushed, &wanted, &cancel));
    task_result(kept.await)
}
