//! The seam: whatever makes an image stands behind [`ImageSource`].

use std::fmt;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{
    error::Result,
    event::Events,
    io::layout::{ImageAtHand, Store},
    oci::Image,
};

/// Something that makes one image: an engine, a program of the project, a layout on disk.
///
/// A source belongs to one [`BuildRequest`](crate::build::BuildRequest) and is cheap to make;
/// nothing is contacted before one of its functions is called.
#[async_trait]
pub trait ImageSource: Send + Sync {
    /// Looks at everything that could stop [`produce`](Self::produce), without building.
    ///
    /// # Errors
    /// The builder does not answer or cannot do what a key of the policy asks for, a secret is
    /// not there, or the build context is not whole.
    async fn check(&self) -> Result<Description>;

    /// Looks at the image that lies there already, where its documents can be read alone. `None`: it is yet
    /// to be made, or is known only when it is taken.
    ///
    /// # Errors
    /// It cannot be used.
    async fn at_hand(&self) -> Result<Option<ImageAtHand>> {
        Ok(None)
    }

    /// What of the image no commit holds, a line each; known once it was produced.
    fn uncommitted(&self) -> Vec<String> {
        Vec::new()
    }

    /// Makes the image and puts it into `store`, verified. Whichever way it ends, nothing is left
    /// in the builder.
    ///
    /// # Errors
    /// What [`check`](Self::check) finds, a build that failed, an image that is not whole, or
    /// `cancel`.
    async fn produce(
        &self,
        store: &Store,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<Image>;
}

/// Who would make the image, in words for a person: `Docker Engine 28.5.2 at unix:///…, BuildKit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
