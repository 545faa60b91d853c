//! An image that needs no engine: a layout or archive that is there already, or that a program of
//! the project makes.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{
    build::{
        command,
        errors::task_result,
        request::BuildRequest,
        source::{Description, ImageSource},
    },
    error::Result,
    event::Events,
    io::layout::{self, Store, WantedImage},
    oci::Image,
    policy::BuildCommand,
};

/// `image.build.layout`, after `image.build.command` where there is one.
pub(crate) struct LayoutSource<'a> {
    pub(crate) request: &'a BuildRequest,
    /// Relative to the repository's working directory.
    pub(crate) layout: &'a str,
    /// The program that makes the layout, if any.
    pub(crate) command: Option<&'a BuildCommand>,
    pub(crate) wanted: WantedImage,
}

#[async_trait]
impl ImageSource for LayoutSource<'_> {
    async fn check(&self) -> Result<Description> {
        Ok(Description::new(match self.command {
            Some(command) => format!("`{}` makes `{}`", command.program, self.layout),
            None => format!("`{}`", self.layout),
        }))
    }

    async fn produce(
        &self,
        store: &Store,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<Image> {
        let request = self.request;
        if let Some(command) = self.command {
            command::run(
                command,
                &request.repository,
                &request.variables,
                events,
                cancel,
            )
            .await?;
        }
        let path = request.repository.join(self.layout);
        let (store, wanted) = (store.clone(), self.wanted.clone());
        let (events, cancel) = (events.clone(), cancel.clone());
        let adopted = tokio::task::spawn_blocking(move || {
            layout::adopt(&path, &store, &wanted, &events, &cancel)
        });
        task_result(adopted.await)
    }
}
