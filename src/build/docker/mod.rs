//! From source to image: an engine builds it, a program of the project makes it, or it is there
//! already. Either way one verified image on disk comes out, and nothing is left in the engine.

mod capabilities;
mod client;
mod connect;
mod credentials;
pub(in crate::build) mod error;
mod export;
mod host;
mod progress;
pub(in crate::build) mod session;
mod stream;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

pub use crate::build::docker::host::{Certificates, EngineAddress, Files, resolve};

use crate::{
    build::{
        context::{self, Context, ContextRequest},
        docker::{
            client::Engine,
            error::{interrupted, joined},
            progress::Progress,
            session::{BuildSecrets, Session},
            stream::{Activity, BuildCall, build, is_stale, new_tag, watch},
        },
    },
    error::{Error, Result},
    event::Events,
    io::{
        environment::Environment,
        layout::{self, Store, Wanted},
    },
    oci::{Image, Platform},
    policy::{BuildPolicy, BuildSource, Builder},
    text::sanitize_line,
};

/// How long images that cannot be removed yet are tried again.
const PATIENCE: Duration = Duration::from_secs(15);
const AGAIN: Duration = Duration::from_millis(200);

/// One image to be made.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// `[image.build]`, with a variant's own keys put in their places and templates filled in.
    pub policy: BuildPolicy,
    /// The repository's working directory.
    pub repository: PathBuf,
    /// The commit that is released, in full.
    pub commit: String,
    /// Its time in seconds since 1970.
    pub time: i64,
    /// Labels of the image's configuration.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the manifest, where hoist writes it.
    pub annotations: BTreeMap<String, String>,
    /// Names that decide between several images of a layout: the version, full references.
    pub references: Vec<String>,
    /// `HOIST_VERSION` and its kin, for `image.build.command`.
    pub variables: Vec<(String, String)>,
}

/// The classic builder leaves images without a name behind, and a build tells its own by what was
/// not there before it: two of this process at once would take away what the other needs.
static CLASSIC: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Makes the image: from `image.build.layout` where there is one (after `image.build.command`),
/// else with the engine that the environment names.
///
/// # Errors
/// The engine, the build or the layout failed; a key of the policy that the builder cannot do; or
/// `cancel`. In the engine nothing is left then either.
pub async fn build_or_adopt(
    request: &BuildRequest,
    store: &Store,
    environment: &Environment,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Image> {
    let wanted = Wanted {
        references: request.references.clone(),
        platforms: platforms(&request.policy.platforms)?,
        ours: request.policy.layout.is_none(),
        annotations: request.annotations.clone(),
    };
    match &request.policy.layout {
        Some(layout) => adopt(request, layout, store, wanted, events, cancel).await,
        None => with_engine(request, store, wanted, environment, events, cancel).await,
    }
}

/// Everything that could stop the build, without one: the engine answers and can do what the
/// policy asks for, secrets are there, the context is whole. Returns who would build.
///
/// # Errors
/// As [`build_or_adopt`].
pub async fn check(request: &BuildRequest, environment: &Environment) -> Result<String> {
    platforms(&request.policy.platforms)?;
    if let Some(layout) = &request.policy.layout {
        return Ok(match request.policy.command.first() {
            Some(program) => format!("`{program}` makes `{layout}`"),
            None => format!("`{layout}`"),
        });
    }
    no_command_without_layout(&request.policy)?;
    let engine = Engine::connect(environment).await?;
    let builder = capabilities::builder(&request.policy, &engine.name, engine.buildkit)?;
    crate::build::secrets::of(request, environment)?;
    open_context(request, None, &Events::none()).await?;
    Ok(format!(
        "{} at {}, {}",
        engine.name,
        engine.host,
        match builder {
            Builder::Buildkit => "BuildKit",
            Builder::Classic => "classic builder",
        }
    ))
}

async fn adopt(
    request: &BuildRequest,
    layout: &str,
    store: &Store,
    wanted: Wanted,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Image> {
    if !request.policy.command.is_empty() {
        crate::build::command::run(
            &request.policy.command,
            &request.repository,
            &request.variables,
            events,
            cancel,
        )
        .await?;
    }
    let path = request.repository.join(layout);
    let (store, events, cancel) = (store.clone(), events.clone(), cancel.clone());
    let taking = tokio::task::spawn_blocking(move || {
        layout::adopt(&path, &store, &wanted, &events, &cancel)
    });
    joined(taking.await)
}

fn no_command_without_layout(policy: &BuildPolicy) -> Result<()> {
    if policy.command.is_empty() {
        return Ok(());
    }
    Err(
        Error::usage("`image.build.command` is set, and `image.build.layout` is not")
            .hint("`image.build.layout` names what the command makes"),
    )
}

async fn with_engine(
    request: &BuildRequest,
    store: &Store,
    wanted: Wanted,
    environment: &Environment,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Image> {
    no_command_without_layout(&request.policy)?;
    let engine = Engine::connect(environment).await?;
    let builder = capabilities::builder(&request.policy, &engine.name, engine.buildkit)?;
    let offer = crate::build::secrets::of(request, environment)?;
    let context = open_context(request, Some(store), events).await?;
    events.note(format!(
        "{} builds {} files{}",
        engine.name,
        context.len(),
        if builder == Builder::Classic {
            " with the classic builder"
        } else {
            ""
        }
    ));
    sweep(&engine).await;

    let _turn = match builder {
        Builder::Classic => Some(tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(interrupted()),
            turn = CLASSIC.lock() => turn,
        }),
        Builder::Buildkit => None,
    };
    let leftovers = Leftovers::new(&engine, builder).await?;
    let mut progress = Progress::new(events.clone(), offer.secrets.values().map(Vec::as_slice));
    let activity = Activity::default();
    let built = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(interrupted()),
        error = watch(&engine, &activity) => Err(error),
        built = run(&engine, request, builder, offer, context, &leftovers.tag, &mut progress, &activity) => built,
    };
    let taken = match built {
        Ok(()) => export::take(&engine, &leftovers.tag, store, wanted, events, cancel).await,
        Err(error) => Err(error),
    };
    leftovers.remove(progress.made()).await;
    taken
}

#[expect(clippy::too_many_arguments, reason = "one call, made in one place")]
async fn run(
    engine: &Engine,
    request: &BuildRequest,
    builder: Builder,
    offer: BuildSecrets,
    context: Context,
    tag: &str,
    progress: &mut Progress,
    activity: &Activity,
) -> Result<()> {
    let mut args = request.policy.args.clone();
    // Reproducible builds hang on it; a value of the user's own stands.
    args.entry("SOURCE_DATE_EPOCH".to_owned())
        .or_insert_with(|| request.time.to_string());
    let (session, registry_config) = match builder {
        Builder::Buildkit => {
            let id = tag.rsplit_once('-').map_or(tag, |(_, random)| random);
            (
                Some(Session::open(engine, format!("hoist{id}"), offer).await?),
                None,
            )
        }
        Builder::Classic => {
            let logins = credentials::registry_config(&offer.environment, context.dockerfile());
            let logins = logins.await.map_err(|error| {
                Error::failed("cannot read the logins for base images").because(&error)
            })?;
            (None, logins)
        }
    };
    let order = BuildCall {
        policy: &request.policy,
        builder,
        args: &args,
        labels: &request.labels,
        tag,
        session: session.as_ref().map(|session| &*session.id),
        registry_config,
    };
    build(engine, &order, context, progress, activity).await
}

async fn open_context(
    request: &BuildRequest,
    store: Option<&Store>,
    events: &Events,
) -> Result<Context> {
    let wanted = ContextRequest {
        repository: request.repository.clone(),
        files: match request.policy.source {
            BuildSource::Commit => context::Files::Commit {
                id: request.commit.clone(),
                submodules: request.policy.submodules,
            },
            BuildSource::Worktree => context::Files::Worktree,
        },
        context: request.policy.context.clone(),
        dockerfile: request.policy.dockerfile.clone(),
        time: request.time,
        leave_out: store.map(|store| store.root().to_owned()),
    };
    let events = events.clone();
    joined(tokio::task::spawn_blocking(move || Context::open(&wanted, &events)).await)
}

/// What a build leaves in the engine, and its removal, whichever way the release ends.
struct Leftovers {
    engine: Engine,
    tag: String,
    /// Images without a name that were there before; only the classic builder leaves such.
    before: Option<Vec<String>>,
    armed: bool,
}

impl Leftovers {
    async fn new(engine: &Engine, builder: Builder) -> Result<Self> {
        Ok(Self {
            engine: engine.clone(),
            tag: new_tag(),
            before: match builder {
                Builder::Classic => Some(engine.unnamed_images().await?),
                Builder::Buildkit => None,
            },
            armed: true,
        })
    }

    /// Removes the tag, and of the images that the builder mentioned those that were not there
    /// before. Base images and images of others stay.
    async fn remove(mut self, made: &BTreeSet<String>) {
        self.engine.remove_image(&self.tag).await;
        self.armed = false;
        let Some(before) = self.before.take() else {
            return;
        };
        let mentioned = |id: &String| made.iter().any(|made| id.starts_with(made.as_str()));
        let is_new = |id: &String| !before.contains(id) && mentioned(id);
        let new = async || {
            let all = self.engine.unnamed_images().await.unwrap_or_default();
            all.into_iter().filter(is_new).collect::<Vec<String>>()
        };
        let deadline = Instant::now() + PATIENCE;
        let mut left = new().await;
        while !left.is_empty() && Instant::now() < deadline {
            for id in &left {
                self.engine.remove_image(id).await;
            }
            // An image goes only after those that are built on it, and the engine takes a stopped
            // step's container, which holds one too, away in its own time.
            let after = new().await;
            if after.len() == left.len() {
                tokio::time::sleep(AGAIN).await;
            }
            left = after;
        }
    }
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        // The caller dropped the release; what can still be done is done in the background.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (engine, tag) = (self.engine.clone(), self.tag.clone());
            runtime.spawn(async move { engine.remove_image(&tag).await });
        }
    }
}

/// Removes what runs that were killed left behind.
async fn sweep(engine: &Engine) {
    for tag in engine.tags(stream::NAME).await {
        if is_stale(&tag) {
            engine.remove_image(&tag).await;
        }
    }
}

/// `linux/arm64/v8`, as the policy has it.
fn platforms(texts: &[String]) -> Result<Vec<Platform>> {
    let parse = |text: &String| {
        let mut parts = text.split('/').map(str::to_owned);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(os), Some(architecture), variant, None)
                if !os.is_empty() && !architecture.is_empty() =>
            {
                Ok(Platform {
                    os,
                    architecture,
                    variant,
                })
            }
            _ => Err(Error::usage(format!(
                "`{}` in `image.build.platforms` is no platform",
                sanitize_line(text, 100)
            ))
            .hint("platforms = [\"linux/amd64\"]")),
        }
    };
    texts.iter().map(parse).collect()
}
