//! A repository of two services.

use serde_json::Value;
use testkit::sandbox::Clone;

use crate::{
    registry::server::{Personality, TestRegistry},
    support::{Run, Shelf, World},
};

pub(crate) const API: &str = "services/api/release.toml";
pub(crate) const WEB: &str = "services/web/release.toml";
/// Their repositories in a registry of the test's own.
pub(crate) const NAMES: [&str; 2] = ["acme/api", "acme/web"];

/// Two services and a library in one repository: each has a policy of its own, and both make their
/// image with the same script in the same place.
pub(crate) fn monorepo<'a>(world: &'a World<'_>, shelf: &dyn Shelf, names: [&str; 2]) -> Clone<'a> {
    let clone = world.project("a");
    clone.git(&["rm", "--quiet", "release.toml"]);
    for (service, name) in ["api", "web"].into_iter().zip(names) {
        clone.write(
            &format!("services/{service}/release.toml"),
            policy(service, &shelf.repository(name), ""),
        );
    }
    clone.commit("chore: two services");
    clone.push();
    clone
}

pub(crate) fn policy(service: &str, repository: &str, more: &str) -> String {
    format!(
        "[image]\nrepository = \"{repository}\"\n\n\
         [image.build]\ncommand = [\"sh\", \"image.sh\"]\nlayout = \"dist/oci\"\n\n\
         [version]\ntag = \"{service}-v{{version}}\"\npaths = [\"services/{service}\", \"libs\"]\n{more}"
    )
}

pub(crate) fn registry() -> TestRegistry {
    TestRegistry::start(Personality::default())
}

/// The two services, and a change that concerns both.
pub(crate) fn changed<'a>(world: &'a World<'_>, shelf: &dyn Shelf) -> Clone<'a> {
    let clone = monorepo(world, shelf, NAMES);
    commit(&clone, "libs/log.rs", "feat: one log for all");
    clone
}

/// The same, released.
pub(crate) fn released<'a>(world: &'a World<'_>, shelf: &dyn Shelf) -> Clone<'a> {
    let clone = changed(world, shelf);
    world.hoist(&clone, &["release", "--all", "--yes"]);
    clone
}

/// Both policies get some more lines.
pub(crate) fn extend_policies(clone: &Clone<'_>, shelf: &dyn Shelf, more: &str) {
    for (service, name) in ["api", "web"].into_iter().zip(NAMES) {
        let path = format!("services/{service}/release.toml");
        clone.write(&path, policy(service, &shelf.repository(name), more));
    }
}

pub(crate) fn lines(run: &Run) -> Vec<Value> {
    let line = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {run}"));
    run.stdout.lines().map(line).collect()
}

pub(crate) fn commit(clone: &Clone<'_>, path: &str, message: &str) {
    clone.write(path, message);
    clone.commit(message);
    clone.push();
}
