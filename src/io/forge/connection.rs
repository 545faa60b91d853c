//! How a forge is spoken to.

use std::path::PathBuf;

use crate::event::Events;

/// How a forge is spoken to.
#[derive(Debug)]
pub struct ForgeConnection {
    /// A further certificate authority, PEM.
    pub ca_file: Option<PathBuf>,
    /// Told about long waits and uploads.
    pub events: Events,
}
