//! All integration tests in one binary, so that they link once.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod cli;
mod docs;
mod publish;
mod pure;
mod real;
mod registry;
mod support;
