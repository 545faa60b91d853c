//! What a script pushes, by the builds that the references show.

use crate::init::push::{Build, PushedReference};

/// What a script pushes.
#[derive(Default)]
pub(super) struct ShellPushes {
    pub(super) groups: Vec<ShellGroup>,
    pub(super) unknown: Vec<String>,
    /// References that a condition of the script decides on.
    pub(super) perhaps: Vec<String>,
    /// Commands that push something, and could not be read.
    pub(super) unread: Vec<String>,
}

/// References that show one build.
pub(super) struct ShellGroup {
    /// `None` where the workflow does not tell it.
    pub(super) build: Option<Build>,
    pub(super) references: Vec<PushedReference>,
    /// Other names of the same images in a registry.
    pub(super) sources: Vec<PushedReference>,
}

impl ShellPushes {
    /// Adds a reference that shows what its `sources` show.
    pub(super) fn add(
        &mut self,
        build: Option<Build>,
        reference: PushedReference,
        sources: &[PushedReference],
    ) {
        let known = self.groups.iter().position(|group| group.build == build);
        let place = known.unwrap_or_else(|| {
            self.groups.push(ShellGroup {
                build,
                references: Vec::new(),
                sources: Vec::new(),
            });
            self.groups.len() - 1
        });
        let group = &mut self.groups[place];
        if !group.references.contains(&reference) {
            group.references.push(reference);
        }
        for source in sources {
            if !group.sources.contains(source) {
                group.sources.push(source.clone());
            }
        }
    }
}
