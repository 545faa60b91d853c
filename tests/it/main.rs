//! All integration tests in one binary, so that they link once.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod architecture;
mod cases;
mod complaints;
mod docs;
mod engine;
mod failures;
mod graphs;
mod hardening;
mod init;
mod laws;
mod licences;
mod names;
mod noise;
mod policy;
mod publish;
mod published;
mod real_adopt;
mod real_contrast;
mod real_example;
mod real_facts;
mod real_guard;
mod real_kill;
mod real_laws;
mod real_memory;
mod real_promote;
mod real_race;
mod real_refusal;
mod real_release;
mod real_rollback;
mod real_sandbox;
mod registry;
mod release_files;
mod repositories;
mod several;
mod signals;
mod support;
mod transcripts;
