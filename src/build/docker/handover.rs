//! Takes the built image out of the engine by the engine's own push, to a door on loopback: only what no
//! registry has is compressed and handed over.

use std::sync::{Arc, atomic::Ordering};

use bollard::{
    auth::DockerCredentials,
    query_parameters::{PushImageOptionsBuilder, TagImageOptionsBuilder},
};
use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use crate::{
    build::{
        docker::{client::Engine, leftovers::Leftovers},
        engine::{
            host::EngineAddress,
            watchdog::{Activity, watch},
        },
        errors::interrupted,
        pushed,
        request::TargetRepositories,
    },
    error::{Error, ErrorKind, Result},
    event::{Event, Events},
    io::{
        layout::{Store, WantedImage},
        push_door::PushDoor,
    },
    oci::Image,
    text::sanitize_line,
};

/// Where the image goes, and who hears of it.
pub(crate) struct Handover<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) store: &'a Store,
    pub(crate) wanted: &'a WantedImage,
    pub(crate) targets: &'a TargetRepositories,
    pub(crate) events: &'a Events,
    pub(crate) cancel: &'a CancellationToken,
}

impl Handover<'_> {
    /// Lets the engine push the image that `leftovers` names. `None`: it cannot, or what came is not of use,
    /// so that the image is to be exported.
    pub(crate) async fn take(&self, leftovers: &mut Leftovers) -> Result<Option<Image>> {
        if self.targets.is_empty() || !shares_loopback(self.engine) {
            return Ok(None);
        }
        let incoming = Arc::new(self.store.incoming(self.cancel)?);
        let presence = Arc::new(self.targets.clone());
        let Ok(door) = PushDoor::open(incoming.clone(), presence).await else {
            return self.export_instead("hoist cannot listen on loopback");
        };
        let (repository, tag) = (door.repository(), leftovers.mark().to_owned());
        leftovers.also(format!("{repository}:{tag}"));
        let ended = self.push(&leftovers.tag, &repository, &tag, &door).await;
        let received = door.close().await;
        let refused = ended?.err();
        let received = received.map_err(|why| {
            Error::failed("cannot take the image from the engine")
                .cause(why)
                .state("nothing was published")
                .hint("make room on the disk, and run the same command again")
        })?;
        let pushed = match (refused, received) {
            (Some(why), _) => return self.export_instead(&why),
            (None, None) => return self.export_instead("no manifest came"),
            (None, Some(pushed)) => pushed,
        };
        match pushed::keep(self.store, incoming, pushed, self.wanted, self.cancel).await {
            Ok(image) => Ok(Some(image)),
            Err(error) if error.kind() == ErrorKind::Failed => {
                self.export_instead(&format!("{error:#}"))
            }
            Err(error) => Err(error),
        }
    }

    fn export_instead(&self, why: &str) -> Result<Option<Image>> {
        self.events.detail(format!(
            "the engine exports the image, because it could not push it to hoist: {}",
            sanitize_line(why, 500)
        ));
        Ok(None)
    }

    /// The inner error is the engine's reason why it did not push.
    async fn push(
        &self,
        image: &str,
        repository: &str,
        tag: &str,
        door: &PushDoor,
    ) -> Result<Result<(), String>> {
        let activity = Activity::default();
        let pushing = self.push_to(image, repository, tag, door, &activity);
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(interrupted()),
            error = watch(self.engine, &activity) => Err(error),
            () = door.failed() => Ok(Err("it could not be kept".to_owned())),
            pushed = pushing => Ok(pushed),
        }
    }

    async fn push_to(
        &self,
        image: &str,
        repository: &str,
        tag: &str,
        door: &PushDoor,
        activity: &Activity,
    ) -> Result<(), String> {
        let docker = &self.engine.docker;
        let name = TagImageOptionsBuilder::default().repo(repository).tag(tag);
        let named = docker.tag_image(image, Some(name.build())).await;
        named.map_err(|error| error.to_string())?;
        let options = PushImageOptionsBuilder::default().tag(tag).build();
        let nobody = DockerCredentials::default();
        let mut messages = docker.push_image(repository, Some(options), Some(nobody));
        while let Some(message) = messages.next().await {
            activity.fetch_add(1, Ordering::Relaxed);
            let message = message.map_err(|error| error.to_string())?;
            if let Some(detail) = message.error_detail {
                return Err(detail.message.unwrap_or_default());
            }
            self.events.emit(Event::Progress {
                id: "hand-over".into(),
                label: "taking the image from the engine".into(),
                done: door.bytes(),
                total: None,
            });
        }
        let done = door.bytes();
        self.events.emit(Event::Progress {
            id: "hand-over".into(),
            label: "taking the image from the engine".into(),
            done,
            total: Some(done),
        });
        Ok(())
    }
}

/// Whether the engine's loopback can be ours. One behind another socket, such as in a virtual machine,
/// finds nothing there, and then exports.
pub(crate) fn shares_loopback(engine: &Engine) -> bool {
    engine.pushes_plainly && matches!(engine.address, EngineAddress::Unix(_))
}
