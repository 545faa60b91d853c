//! The documents say what the program and the tests do.

mod commands_in_messages;
mod complaints;
mod documents;
mod error_codes;
mod example_policy;
mod failures;
mod features;
mod licences;
mod readme;
mod recipes;
pub(crate) mod schema;
mod surface;
