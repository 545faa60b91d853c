//! Several images in one repository: each a release of its own, side by side.

mod looking;
mod releasing;
pub(crate) mod services;
