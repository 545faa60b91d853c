//! Versions that a repository's list of tags lacks, although their releases have recorded images there.

use std::collections::BTreeMap;

use semver::Version;

use crate::{
    oci::{Digest, ImageName, Observed, Tag},
    plan::tags::{
        of_the_day::ReleaseOrigin,
        rules::{ImageRule, TagRules},
        tag_line::channel,
        version_tags::ExactTags,
    },
    policy::{Rendered, TagTemplate, Values},
};

/// A version whose release recorded an image in a repository, and that the repository's list of tags lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnlistedVersion {
    /// The names that stand for the version alone.
    exact: Vec<Tag>,
    /// The moving tags that can show it.
    moving: Vec<Tag>,
    /// The image that was recorded.
    digest: Digest,
}

impl UnlistedVersion {
    /// The version's own tags.
    #[must_use]
    pub fn exact(&self) -> &[Tag] {
        &self.exact
    }

    /// The moving tags that can show its image.
    #[must_use]
    pub fn moving(&self) -> &[Tag] {
        &self.moving
    }

    /// The tags that the list should have had: the version's own ones that show an image. Where none does, and a
    /// moving tag shows the image that was recorded, it is the first of them.
    #[must_use]
    pub fn found(&self, shows: &BTreeMap<Tag, Observed>) -> Vec<Tag> {
        let shown = |tag: &Tag| shows.get(tag).and_then(Observed::digest);
        let own = self.exact.iter().filter(|tag| shown(tag).is_some());
        let own: Vec<Tag> = own.cloned().collect();
        let is_behind = || {
            let mut moving = self.moving.iter();
            moving.any(|tag| shown(tag) == Some(&self.digest))
        };
        match own.is_empty() && is_behind() {
            true => self.exact.first().cloned().into_iter().collect(),
            false => own,
        }
    }
}

impl TagRules<'_> {
    /// The versions that git tags `recorded` images of, and whose own tags are not in `tags`.
    #[must_use]
    pub fn unlisted(
        &self,
        recorded: &[(Version, ImageName, Digest)],
        origin: impl Fn(&Version) -> Option<ReleaseOrigin>,
        tags: &[Tag],
    ) -> Vec<UnlistedVersion> {
        let versions = || recorded.iter().map(|(version, _, _)| version);
        let listed = ExactTags::new(self, versions()).all(tags);
        let is_listed = |version: &Version, image: &ImageName| {
            let mut of_image = listed.get(image).into_iter().flatten();
            of_image.any(|exact| exact.version == *version)
        };
        let mut channels: Vec<String> = versions().filter_map(channel).map(str::to_owned).collect();
        channels.sort();
        channels.dedup();
        let lacking = recorded
            .iter()
            .filter(|(version, image, _)| !is_listed(version, image));
        lacking
            .filter_map(|(version, name, digest)| {
                let image = self.images.iter().find(|image| image.name == *name)?;
                let origin = origin(version);
                let mut moving = self.names(image, version, &channels);
                if let Some(origin) = &origin {
                    moving.extend(self.day_names(image, version, origin));
                }
                // Where the branch decides about it, it is no tag of a line.
                moving.extend(image.latest.parse());
                moving.sort();
                moving.dedup();
                Some(UnlistedVersion {
                    exact: self.exact_names(image, version, origin.as_ref()),
                    moving,
                    digest: digest.clone(),
                })
            })
            .collect()
    }

    /// The names that stand for `version` alone, as far as it and its origin tell them.
    fn exact_names(
        &self,
        image: &ImageRule,
        version: &Version,
        origin: Option<&ReleaseOrigin>,
    ) -> Vec<Tag> {
        let values = Values {
            version,
            channel: channel(version),
            commit: origin.map(|origin| origin.commit),
            commit_time: origin.map(|origin| origin.commit_time).unwrap_or_default(),
            instant: origin.map(|origin| origin.instant).unwrap_or_default(),
            branch: None,
            date: &self.tags.date,
        };
        let render = |template: &TagTemplate| match template.render(&values) {
            Rendered::Text(base) => image.name_of(template, &base).parse().ok(),
            Rendered::Missing(_) => None,
        };
        let templates = match version.pre.is_empty() {
            true => &self.tags.fixed,
            false => &self.tags.prerelease,
        };
        let exact = templates.iter().filter(|template| template.is_exact());
        exact.filter_map(render).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::{oci::Repository, plan::tags::unlisted::*, policy::Policy};

    fn tag(name: &str) -> Tag {
        name.parse().expect("a good tag")
    }

    /// What is found of `recorded` versions beside a list, where tags show the images of versions.
    fn found(
        policy: &str,
        recorded: &[&str],
        list: &[&str],
        shows: &[(&str, &str)],
    ) -> Vec<String> {
        let policy: Policy = toml::from_str(policy).expect("a good policy");
        let repository: Repository = "acme/api".parse().expect("a good name");
        let rules = TagRules::in_repository(&policy, &repository);
        let recorded: Vec<_> = recorded
            .iter()
            .map(|text| {
                let version: Version = text.parse().expect("a version");
                (version, ImageName::main(), Digest::of(text.as_bytes()))
            })
            .collect();
        let list: Vec<Tag> = list.iter().map(|name| tag(name)).collect();
        let shows = shows
            .iter()
            .map(|(name, of)| (tag(name), Observed::At(Digest::of(of.as_bytes()))))
            .collect();
        let lacking = rules.unlisted(&recorded, |_| None, &list);
        let found = lacking.iter().flat_map(|one| one.found(&shows));
        found.map(|tag| tag.to_string()).collect()
    }

    #[test]
    fn what_the_list_lacks_is_found_by_what_is_shown() {
        let all = ["1.0.0", "1.1.0"];
        let list = ["1.0.0", "1.0", "1", "latest"];
        assert_eq!(found("", &all, &list, &[("1.1.0", "1.1.0")]), ["1.1.0"]);
        // By a moving tag.
        assert_eq!(found("", &all, &list, &[("latest", "1.1.0")]), ["1.1.0"]);
        // Deleted, and its image shown nowhere.
        assert!(found("", &all, &list, &[("latest", "1.0.0")]).is_empty());
        assert!(found("", &all, &list, &[]).is_empty());
        // The list has it, whatever is shown.
        assert!(found("", &["1.0.0"], &list, &[("1.0.0", "1.0.0")]).is_empty());
    }

    #[test]
    fn the_names_are_those_of_the_policy() {
        let policy = "[tags]\nfixed = [\"v{version}\", \"{version}-{sha}\"]\nprerelease = [\"v{version}\", \"{channel}\"]";
        let shows = [("v1.1.0", "x"), ("v2.0.0-rc.1", "y"), ("1.1.0", "z")];
        assert_eq!(
            found(policy, &["1.1.0", "2.0.0-rc.1"], &[], &shows),
            ["v1.1.0", "v2.0.0-rc.1"]
        );
    }
}
