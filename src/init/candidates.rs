//! Builds that could be the one that is released, where nothing says which of them is.

use std::collections::BTreeSet;

use semver::Version;

use crate::init::{
    choice::Choice, facts::DraftFacts, generalise::distinct, notes::NoteKind, push::Build,
    translation::TaggedImage,
};

/// Folders of Dockerfiles that are examples, or for tests and the work on the project.
const FIXTURES: [&str; 15] = [
    "test",
    "tests",
    "testing",
    "testdata",
    "e2e",
    "fixture",
    "fixtures",
    "__fixtures__",
    "__tests__",
    "example",
    "examples",
    "sample",
    "samples",
    "mocks",
    "hack",
];

impl DraftFacts {
    /// The Dockerfiles that can be meant where nothing names one: those of tests and examples are left
    /// out, where there are others.
    pub(super) fn offered_dockerfiles(&self) -> Vec<&(String, String)> {
        let is_fixture = |path: &str| {
            // The folder of the image is one that somebody has named.
            let path = path.strip_prefix(&self.folder).unwrap_or(path);
            let mut folders = path.split('/').rev().skip(1);
            folders.any(|folder| FIXTURES.contains(&&*folder.to_lowercase()))
        };
        let own = self.dockerfiles.iter();
        let own: Vec<_> = own.filter(|(path, _)| !is_fixture(path)).collect();
        match own.is_empty() {
            true => self.dockerfiles.iter().collect(),
            false => own,
        }
    }

    /// What a release builds for a script that pushes images, and does not say which.
    pub(super) fn for_scripts(&self, version: &Version) -> Vec<Build> {
        self.released(version).for_scripts
    }
}

impl Choice {
    /// Takes what is built for a script that pushes images: one build, or none of several. False where
    /// there is none.
    pub(super) fn take_for_scripts(&mut self, builds: &[Build], version: &Version) -> bool {
        let assumed = |build: &Build| {
            format!(
                "{} is what is released: it is built, and a script pushes images that nothing here names",
                build.dockerfile_in_words()
            )
        };
        self.take_only(builds.iter().cloned(), version, Some(&assumed))
    }

    /// Takes the only one of these builds, with what is `assumed` of it, or none of several. False where there is none.
    pub(super) fn take_only(
        &mut self,
        builds: impl Iterator<Item = Build>,
        version: &Version,
        assumed: Option<&dyn Fn(&Build) -> String>,
    ) -> bool {
        let mut builds = distinct(builds, version);
        match builds.len() {
            0 => return false,
            1 => {
                let text = assumed.and_then(|assumed| builds.first().map(assumed));
                if let Some(text) = text {
                    self.notes.add(NoteKind::Assumed, text);
                }
                self.build = builds.pop();
                self.take_build_notes();
            }
            _ => {
                self.ambiguous_build = true;
                self.candidates = builds;
            }
        }
        true
    }

    /// Whether builds of several Dockerfiles could be meant: they are hardly of one image.
    pub(super) fn builds_several_files(&self) -> bool {
        let files = self.candidates.iter();
        let files: BTreeSet<_> = files.map(|build| &build.dockerfile).collect();
        self.ambiguous_build && files.len() > 1
    }

    /// Names what is assumed of the repositories of an image.
    pub(super) fn take_assumed(&mut self, image: &TaggedImage) {
        for text in &image.assumed {
            self.notes.add(NoteKind::Assumed, text.clone());
        }
    }
}
