//! Nothing of a build stays in the engine.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::{
    build::{
        docker::{capabilities::EngineBuilder, client::Engine},
        engine::progress::BUILD_REPOSITORY,
    },
    error::Result,
    io::process::random_name,
};

/// The pattern of the names under which the engine pushes images to hoist.
const PUSHED_REPOSITORY: &str = "127.0.0.1*/*/hoist-build";
/// How long removing an image is tried, and the pause between two attempts.
const REMOVE_FOR: Duration = Duration::from_secs(15);
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// What a build leaves in the engine, and its removal, whichever way the release ends.
pub(crate) struct Leftovers {
    engine: Engine,
    /// The name that the built image gets in the engine.
    pub(crate) tag: String,
    /// Further names of the image.
    others: Vec<String>,
    /// Images without a name that were there before the build. `None` for BuildKit, which does not
    /// leave such images.
    before: Option<Vec<String>>,
    /// Whether the tag still has to be removed when this value is dropped.
    armed: bool,
}

impl Leftovers {
    pub(crate) async fn new(engine: &Engine, builder: EngineBuilder) -> Result<Self> {
        Ok(Self {
            engine: engine.clone(),
            tag: new_tag(),
            others: Vec::new(),
            before: match builder {
                EngineBuilder::Classic => Some(engine.unnamed_images().await?),
                EngineBuilder::Solve | EngineBuilder::Buildkit => None,
            },
            armed: true,
        })
    }

    /// What sets this build's names apart from those of others: `<seconds>-<random>`.
    pub(crate) fn mark(&self) -> &str {
        self.tag
            .rsplit_once(':')
            .map_or(&*self.tag, |(_, mark)| mark)
    }

    /// The image gets a further name in the engine.
    pub(crate) fn also(&mut self, name: String) {
        self.others.push(name);
    }

    /// Removes the tag, and those of the images in `made` that were not there before the build.
    /// Base images and images of others stay. `step_goes_on`: what that step needs cannot be removed, however long it is
    /// tried.
    pub(crate) async fn remove(mut self, made: &BTreeSet<String>, step_goes_on: bool) {
        for name in &self.others {
            self.engine.remove_image(name).await;
        }
        self.engine.remove_image(&self.tag).await;
        self.armed = false;
        let Some(before) = self.before.take() else {
            return;
        };
        let mentioned = |id: &String| made.iter().any(|made| id.starts_with(made.as_str()));
        let is_new = |id: &String| !before.contains(id) && mentioned(id);
        let new_images = async || {
            let all = self.engine.unnamed_images().await.unwrap_or_default();
            all.into_iter().filter(is_new).collect::<Vec<String>>()
        };
        let patience = match step_goes_on {
            true => Duration::ZERO,
            false => REMOVE_FOR,
        };
        let deadline = Instant::now() + patience;
        let mut left = new_images().await;
        let mut tried = false;
        while !left.is_empty() && (!tried || Instant::now() < deadline) {
            tried = true;
            for id in &left {
                self.engine.remove_image(id).await;
            }
            // The engine refuses to remove an image while another image is built on it or the
            // container of a stopped step uses it, and it removes such containers a little later.
            let after = new_images().await;
            if after.len() == left.len() {
                tokio::time::sleep(RETRY_AFTER).await;
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
        // The caller dropped the build. The tag is removed in the background.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let engine = self.engine.clone();
            let mut names = std::mem::take(&mut self.others);
            names.push(self.tag.clone());
            runtime.spawn(async move {
                for name in names {
                    engine.remove_image(&name).await;
                }
            });
        }
    }
}

/// Removes the images that killed runs have left in the engine.
pub(crate) async fn sweep(engine: &Engine) {
    for repository in [PUSHED_REPOSITORY, BUILD_REPOSITORY] {
        for tag in engine.tags(repository).await {
            if is_stale(&tag) {
                engine.remove_image(&tag).await;
            }
        }
    }
}

/// A name that no other build has: `hoist.invalid/build:<seconds>-<random>`.
fn new_tag() -> String {
    let random = &random_name()[..16];
    format!("{BUILD_REPOSITORY}:{}-{random}", seconds())
}

/// Whether the run that made this tag must have died: the tag is more than a day old.
fn is_stale(tag: &str) -> bool {
    const DAY: u64 = 24 * 60 * 60;
    let time = tag
        .rsplit_once(':')
        .and_then(|(_, tag)| tag.split('-').next()?.parse().ok());
    time.is_some_and(|time: u64| time + DAY < seconds())
}

/// Seconds since 1970.
fn seconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}

#[cfg(test)]
mod tests {
    use crate::build::docker::leftovers::*;

    #[test]
    fn tags_are_ours_for_a_day() {
        let tag = new_tag();
        assert_ne!(tag, new_tag());
        assert!(
            tag.starts_with("hoist.invalid/build:") && !is_stale(&tag),
            "{tag}"
        );
        assert!(is_stale("hoist.invalid/build:1700000000-00"));
        assert!(!is_stale("hoist.invalid/build:latest"));
    }
}
