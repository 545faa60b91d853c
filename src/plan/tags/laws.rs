//! Laws of the tag set, for random policies and random sequences of releases, played against a
//! map that stands for the repository.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use proptest::{collection::vec, option, prelude::*, sample::select};
use semver::Version;

use super::*;
use crate::{
    oci::{Digest, ImageName, Observed, Tag},
    plan::version::branch::BranchKind,
    policy::Policy,
};

/// The repository: each tag, and the image it shows by variant and version.
type Shown = BTreeMap<Tag, (ImageName, Version)>;

#[derive(Debug, Clone)]
struct World {
    policy: Policy,
    /// Whether the clone has the git tags, or the registry alone remembers.
    git_knows: bool,
    /// Versions that git has a tag of and whose image never came out.
    ghosts: Vec<Version>,
}

fn digest(image: &(ImageName, Version)) -> Digest {
    Digest::of(format!("{image:?}").as_bytes())
}

impl World {
    /// What git knows when `released` are out.
    fn git(&self, released: &[Version]) -> Vec<Version> {
        let released = if self.git_knows { released } else { &[] };
        [released, &self.ghosts].concat()
    }

    fn rules(&self) -> TagRules<'_> {
        TagRules::of(&self.policy, &ImageName::main())
    }

    /// Releases `version`: every tag of the set that does not stay shows it afterwards.
    fn release(&self, shown: &mut Shown, released: &[Version], version: &Version) {
        let published = Published {
            repository: "acme/api".parse().expect("a good name"),
            tags: Listing::Known(shown.keys().cloned().collect()),
            shows: shown
                .iter()
                .map(|(tag, image)| (tag.clone(), Observed::At(digest(image))))
                .collect(),
            labels: BTreeMap::new(),
            unlisted: Vec::new(),
        };
        let images = self.rules().images.into_iter().map(|image| {
            let image = (image.name, version.clone());
            (image.0.clone(), digest(&image))
        });
        let git = self.git(released);
        let context = TagContext {
            version,
            commit: "3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3".parse().ok(),
            commit_time: DateTime::UNIX_EPOCH,
            instant: DateTime::UNIX_EPOCH,
            branch: Some("main"),
            branch_kind: &BranchKind::Stable,
            git: &git,
            withdrawn: &[],
            images: images.collect(),
        };
        let set = compute(&self.policy, &context, &[published]).expect("a legal release");
        let repository = &set.repositories()[0];
        for planned in set.tags() {
            if let Some(exact) = &planned.verdicts[0].successor {
                let image = shown[exact].clone();
                let old = shown.insert(planned.tag.clone(), image);
                assert_eq!(old, None, "`{}` is owed and was there", planned.tag);
            }
        }
        for planned in set.written(repository) {
            let new = (planned.image.clone(), version.clone());
            let old = shown.insert(planned.tag.clone(), new);
            let Some((image, old)) = old else { continue };
            assert_eq!(image, planned.image, "`{}` shows one image", planned.tag);
            assert_eq!(planned.kind, TagKind::Moving, "`{}` is fixed", planned.tag);
            assert!(
                old.cmp_precedence(version).is_le(),
                "`{}` went back from {old} to {version}",
                planned.tag
            );
        }
    }

    /// Every moving tag equals the highest published version of its line, and there is no other.
    fn check(&self, shown: &Shown, released: &[Version]) {
        let rules = self.rules();
        let git = self.git(released);
        let reader = ExactTags::new(&rules, &git);
        let tags: Vec<Tag> = shown.keys().cloned().collect();
        let targets = rules.targets(&reader, &git, &tags);
        for target in &targets {
            let (image, version) = &shown[&target.tag];
            assert_eq!(*image, target.image);
            assert_eq!(*version, target.version, "`{}`", target.tag);
        }
        let exact: BTreeSet<_> = tags
            .iter()
            .filter(|t| reader.read(t.as_str()).is_some())
            .collect();
        let aimed: BTreeSet<_> = targets.iter().map(|target| &target.tag).collect();
        for tag in &tags {
            assert!(
                exact.contains(tag) || aimed.contains(tag),
                "`{tag}` is stray"
            );
        }
    }

    fn play(&self, versions: &[Version]) -> Shown {
        let mut shown = Shown::new();
        for (done, version) in versions.iter().enumerate() {
            self.release(&mut shown, &versions[..done], version);
            self.check(&shown, &versions[..=done]);
        }
        shown
    }
}

fn worlds() -> impl Strategy<Value = World> {
    let moving = select(vec![
        "\"{major}.{minor}\", \"{major}\", \"latest\"",
        "\"v{major}\", \"latest\", \"edge\"",
        "\"{minor}\", \"{major}.x\", \"m-{major}.{minor}.{patch}\"",
    ]);
    let fixed = select(vec![
        "\"{version}\"",
        "\"v{version}\"",
        "\"r-{version}-x\", \"{version}\"",
    ]);
    let variants = select(vec![
        "",
        "[variants.alpine]",
        "[variants.alpine]\n[variants.slim]\nlatest-suffix = false",
        "[variants.a]\nsuffix = \"-alpine\"\n[variants.b]\nsuffix = \"-slim-alpine\"",
    ]);
    (moving, fixed, variants, any::<[bool; 3]>()).prop_map(
        |(moving, fixed, variants, [follows, zero, git_knows])| World {
            policy: toml::from_str(&format!(
                "[tags]\nfixed = [{fixed}]\nmoving = [{moving}]\nchannel-follows = {follows}\nzero-major = {zero}\n{variants}"
            ))
            .expect("a good policy"),
            git_knows,
            ghosts: Vec::new(),
        },
    )
}

fn versions() -> impl Strategy<Value = Vec<Version>> {
    let label = select(vec!["rc", "beta"]);
    let one = (0..3_u64, 0..4_u64, 0..4_u64, option::of((label, 1..4_u64)));
    let version = one.prop_map(|(major, minor, patch, pre)| {
        let text = match pre {
            None => format!("{major}.{minor}.{patch}"),
            Some((label, count)) => format!("{major}.{minor}.{patch}-{label}.{count}"),
        };
        Version::parse(&text).expect("a good version")
    });
    vec(version, 1..14).prop_map(|versions| {
        let mut seen = BTreeSet::new();
        versions
            .into_iter()
            .filter(|version| seen.insert(version.clone()))
            .collect()
    })
}

proptest! {
    /// Backports, pre-releases and new majors in any order.
    #[test]
    fn no_moving_tag_goes_back_and_each_shows_the_highest_of_its_line(
        world in worlds(),
        versions in versions(),
    ) {
        world.play(&versions);
    }

    /// Git tags of versions that never came out change nothing, but for the names of channels.
    #[test]
    fn no_git_tag_without_an_image_holds_a_tag_back(
        world in worlds(),
        versions in versions(),
        ghosts in versions(),
    ) {
        let mut haunted = world.clone();
        haunted.ghosts = ghosts.into_iter().filter(|ghost| ghost.pre.is_empty()).collect();
        prop_assert_eq!(haunted.play(&versions), world.play(&versions));
    }

    #[test]
    fn another_order_ends_in_the_same_map(
        world in worlds(),
        (versions, other) in versions().prop_flat_map(|v| (Just(v.clone()), Just(v).prop_shuffle())),
    ) {
        prop_assert_eq!(world.play(&versions), world.play(&other));
    }

    /// Whatever the template, branch and version: a tag by the grammar, or a refusal.
    #[test]
    fn every_tag_fits_the_grammar_or_is_refused(
        template in "([a-zA-Z0-9._-]{0,3}\\{(version|major|branch|sha:12|date:%Y%j|commit_date|prerelease|channel)\\}){1,3}[a-zA-Z0-9._-]{0,60}",
        branch in option::of("\\PC{0,140}"),
        pre in select(vec!["", "-rc.1", "-rc1", "+build", "-a+b"]),
    ) {
        let text = format!("[tags]\nmoving = ['{template}']\nprerelease = ['{template}']");
        let policy = match Policy::parse(&text, "release.toml") {
            Ok(policy) => policy,
            Err(error) => {
                prop_assert!(format!("{error:#}").contains(&template), "{}", error);
                return Ok(());
            }
        };
        let version = Version::parse(&format!("1.2.3{pre}")).expect("a good version");
        let context = TagContext {
            version: &version,
            commit: "3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3".parse().ok(),
            commit_time: DateTime::UNIX_EPOCH,
            instant: DateTime::UNIX_EPOCH,
            branch: branch.as_deref(),
            branch_kind: &BranchKind::Stable,
            git: &[],
            withdrawn: &[],
            images: BTreeMap::new(),
        };
        match compute(&policy, &context, &[]) {
            Ok(set) => {
                let mut names = BTreeSet::new();
                for planned in set.tags() {
                    let text = planned.tag.as_str();
                    prop_assert!(text.len() <= 128 && !text.starts_with(['.', '-']));
                    prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
                    prop_assert!(names.insert(text), "`{}` twice", text);
                }
            }
            Err(error) => prop_assert!(format!("{error:#}").contains(&template), "{}", error),
        }
    }

    /// A version written as a tag is read back as that version.
    #[test]
    fn print_then_read_is_the_same(world in worlds(), versions in versions()) {
        let rules = world.rules();
        let reader = ExactTags::new(&rules, &versions);
        for (tag, (image, version)) in &world.play(&versions) {
            if let Some((read_variant, read)) = reader.read(tag.as_str()) {
                prop_assert_eq!((read_variant, &read), (image, version));
            }
        }
    }
}
