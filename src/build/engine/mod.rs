//! What every builder behind an address has in common: where it listens, how a connection is opened, what it
//! reports while it builds, what it may ask for, and how its failures are told.

pub(crate) mod connect;
mod connection;
pub(crate) mod container;
pub(crate) mod credentials;
pub(crate) mod error;
pub(crate) mod explain;
pub(crate) mod files;
pub(crate) mod host;
pub(crate) mod inputs;
pub(crate) mod progress;
pub(crate) mod watchdog;
