//! Cut a release of a container image: read the git history and a policy file, compute the next
//! semantic version, build the image once, and move one coherent set of tags on every registry,
//! or none of them.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "cli")]
pub mod cli;
pub mod error;
pub mod event;
pub mod history;
pub mod io;
pub mod oci;
pub mod outcome;
pub mod plan;
pub mod policy;
pub mod publish;
pub mod release;
