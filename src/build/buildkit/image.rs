//! From the inputs of a build to an image in the store.

use std::{collections::BTreeMap, sync::Arc};

use bollard_buildkit_proto::moby::buildkit::v1::CacheOptionsEntry;
use tokio_util::{io::SyncIoBridge, sync::CancellationToken};

use crate::{
    build::{
        buildkit::{
            cache,
            control::BuildkitControl,
            filesend::ArchiveSink,
            filesync::SyncedContext,
            frontend::{Exporter, Solve},
            hosts,
            session::{BuildkitSession, SessionOffer},
            solve::solve,
        },
        engine::{
            explain::told,
            inputs::BuildInputs,
            progress::Progress,
            watchdog::{Activity, watch},
        },
        errors::{interrupted, task_result},
        pushed,
        request::BuildRequest,
        secrets::BuildSecrets,
    },
    error::{Error, ErrorCode, Result},
    event::{Event, Events},
    io::{
        layout::{Store, WantedImage, adopt_archive},
        process::random_name,
        push_door::PushDoor,
    },
    oci::Image,
    policy::HostEntry,
    text::sanitize_line,
};

/// One image that BuildKit makes.
pub(crate) struct SolvedImage<'a> {
    pub(crate) control: &'a BuildkitControl,
    pub(crate) request: &'a BuildRequest,
    pub(crate) wanted: &'a WantedImage,
    /// Whether the builder's loopback can be ours.
    pub(crate) shares_loopback: bool,
    pub(crate) store: &'a Store,
    pub(crate) events: &'a Events,
    pub(crate) cancel: &'a CancellationToken,
}

/// What stays the same if the build has to be asked for twice.
struct SolveInputs {
    context: SyncedContext,
    secrets: BuildSecrets,
    dockerfile: String,
    args: BTreeMap<String, String>,
    contexts: BTreeMap<String, String>,
    hosts: Vec<HostEntry>,
    cache_from: Vec<CacheOptionsEntry>,
    cache_to: Vec<CacheOptionsEntry>,
}

impl SolvedImage<'_> {
    /// Builds the image and takes it over.
    ///
    /// # Errors
    /// The build failed, the image is not whole, or `cancel`.
    pub(crate) async fn make(&self, inputs: BuildInputs) -> Result<Image> {
        let dockerfile = inputs.context.dockerfile();
        let activity = Activity::default();
        let secrets = inputs.secrets.values.values().map(Vec::as_slice);
        let mut progress = Progress::new(self.events.clone(), secrets);
        let asked = self.asked(inputs, &activity).await?;
        let made = match self.shares_loopback {
            true => self.pushed(&asked, &mut progress, &activity).await,
            false => Ok(None),
        };
        let made = match made {
            Ok(Some(image)) => Ok(image),
            Ok(None) => self.archived(&asked, &mut progress, &activity).await,
            Err(error) => Err(error),
        };
        made.map_err(|error| {
            let error = told(error, &mut progress, &dockerfile, self.request);
            match error.state_now() {
                None => error.state("nothing was published"),
                Some(_) => error,
            }
        })
    }

    async fn asked(&self, inputs: BuildInputs, activity: &Activity) -> Result<SolveInputs> {
        let policy = &self.request.policy;
        let workers = match hosts::need_gateway(&policy.add_hosts) {
            true => self.control.workers().await?,
            false => Vec::new(),
        };
        let environment = &inputs.secrets.environment;
        Ok(SolveInputs {
            cache_from: cache::entries("cache-from", &policy.cache_from, environment)?,
            cache_to: cache::entries("cache-to", &policy.cache_to, environment)?,
            dockerfile: inputs.context.dockerfile_name().to_owned(),
            args: self.request.all_args(),
            contexts: inputs.context_options(),
            hosts: hosts::with_addresses(&policy.add_hosts, &workers)?,
            context: SyncedContext::new(inputs.context, inputs.named, activity),
            secrets: inputs.secrets,
        })
    }

    /// Lets the builder push the image. `None`: it cannot reach us.
    async fn pushed(
        &self,
        asked: &SolveInputs,
        progress: &mut Progress,
        activity: &Activity,
    ) -> Result<Option<Image>> {
        let incoming = Arc::new(self.store.incoming(self.cancel)?);
        let presence = Arc::new(self.request.targets.clone());
        let Ok(door) = PushDoor::open(incoming.clone(), presence).await else {
            self.send_instead("hoist cannot listen on loopback");
            return Ok(None);
        };
        let exporter = Exporter::Push(door.repository());
        let solved = self.solve(asked, &exporter, None, progress, activity);
        let solved = tokio::select! {
            solved = solved => solved,
            () = door.failed() => Err(cannot_take("it could not be kept")),
        };
        if let Err(error) = solved {
            let is_about_us = || error.causes().iter().any(|why| why.contains(&door.host()));
            let is_out_of_reach =
                error.code() == ErrorCode::BuildFailed && !door.was_reached() && is_about_us();
            let closed = door.close().await;
            if is_out_of_reach {
                self.send_instead(&format!("{error:#}"));
                return Ok(None);
            }
            return Err(match closed {
                Err(kept) => {
                    cannot_take(&kept).hint("make room on the disk, and run the same command again")
                }
                Ok(_) => error,
            });
        }
        let done = door.bytes();
        self.events.emit(Event::Progress {
            id: "hand-over".into(),
            label: "taking the image from the builder".into(),
            done,
            total: Some(done),
        });
        let received = door.close().await.map_err(|why| cannot_take(&why))?;
        let received = received.ok_or_else(|| cannot_take("no manifest came"))?;
        let wanted = self.as_it_is();
        let image = pushed::keep(self.store, incoming, received, &wanted, self.cancel).await?;
        Ok(Some(image))
    }

    /// Lets the builder send the image over the session.
    async fn archived(
        &self,
        asked: &SolveInputs,
        progress: &mut Progress,
        activity: &Activity,
    ) -> Result<Image> {
        let stop = self.cancel.child_token();
        let (sink, archive) = ArchiveSink::new(activity, stop.clone());
        let adopting = {
            let (store, events, stop) = (self.store.clone(), self.events.clone(), stop.clone());
            let (reader, wanted) = (SyncIoBridge::new(archive), self.as_it_is());
            tokio::task::spawn_blocking(move || {
                adopt_archive(reader, &store, &wanted, &events, &stop)
            })
        };
        let offered = Some(sink.clone());
        let solved = self.solve(asked, &Exporter::Archive, offered, progress, activity);
        let solved = solved.await;
        sink.close();
        // What could not be kept here ended the build, which knows nothing of the reason.
        let is_ours = sink.was_refused();
        if solved.is_err() {
            stop.cancel();
        }
        let adopted = task_result(adopting.await);
        match (solved, adopted) {
            (_, Err(_)) if self.cancel.is_cancelled() => Err(interrupted()),
            (Err(_), Err(kept)) if is_ours => Err(kept),
            (Err(failed), _) => Err(failed),
            (Ok(()), adopted) => adopted,
        }
    }

    /// The image keeps the bytes that the builder wrote.
    fn as_it_is(&self) -> WantedImage {
        WantedImage {
            built_here: false,
            annotations: BTreeMap::new(),
            ..self.wanted.clone()
        }
    }

    fn send_instead(&self, why: &str) {
        self.events.detail(format!(
            "the builder sends the image as an archive, because it could not push it to hoist: {}",
            sanitize_line(why, 500)
        ));
    }

    async fn solve(
        &self,
        asked: &SolveInputs,
        exporter: &Exporter,
        archive: Option<ArchiveSink>,
        progress: &mut Progress,
        activity: &Activity,
    ) -> Result<()> {
        let id = format!("hoist{}", &random_name()[..16]);
        let offer = SessionOffer {
            secrets: asked.secrets.clone(),
            context: asked.context.clone(),
            archive,
        };
        let session = BuildkitSession::open_over(self.control, id.clone(), offer)?;
        let request = Solve {
            id: &id,
            session: &session.id,
            policy: &self.request.policy,
            dockerfile: &asked.dockerfile,
            args: &asked.args,
            labels: &self.request.labels,
            annotations: &self.request.annotations,
            contexts: &asked.contexts,
            hosts: &asked.hosts,
            cache_from: &asked.cache_from,
            cache_to: &asked.cache_to,
        }
        .request(exporter);
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(interrupted()),
            error = watch(self.control, activity) => Err(error),
            solved = solve(self.control, request, progress, activity) => {
                solved.map_err(|error| asked.context.explain(error))
            }
        }
    }
}

fn cannot_take(why: &str) -> Error {
    Error::failed("cannot take the image from the builder")
        .with_code(ErrorCode::BuildFailed)
        .cause(why)
        .state("nothing was published")
}
