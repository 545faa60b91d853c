//! What goes into the policy, decided; the draft only writes it down.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use crate::{
    init::{
        chosen::{ChosenImage, ChosenVariant, OWN_POLICY, VariantBuild},
        chosen_tags::{ChosenTags, chosen_tags, templates_only, without_aliases},
        differing::{differing, told_otherwise},
        facts::DraftFacts,
        generalise::{distinct, generalised, probes},
        notes::{NoteKind, Notes},
        push::Build,
        translation::{Family, TaggedImage, families, images, observe},
    },
    oci::{ImageName, Repository},
};

/// What goes into the policy.
#[derive(Debug, Clone, Default)]
pub(super) struct Choice {
    pub(super) repositories: Vec<String>,
    /// Why these repositories, where no file names them.
    pub(super) guessed: Option<String>,
    /// What another tool builds, where that is known.
    pub(super) build: Option<Build>,
    /// Several builds could be meant: none is taken.
    pub(super) ambiguous_build: bool,
    /// The builds that could be meant, where a release makes them.
    pub(super) candidates: Vec<Build>,
    /// The tags of another tool; `None`: nothing says which tags a release gets.
    pub(super) tags: Option<ChosenTags>,
    /// Images besides the main one.
    pub(super) images: Vec<ChosenImage>,
    pub(super) variants: Vec<ChosenVariant>,
    /// The files that images and tags come from.
    pub(super) files: Vec<String>,
    pub(super) notes: Notes,
}

impl Choice {
    pub(super) fn of(facts: &DraftFacts) -> Self {
        let mut choice = Self::default();
        let release = |version: &_| facts.pushes(version);
        let found = images(&release, &facts.labels, &mut choice.notes);
        let mut families = families(found, &mut choice.notes);
        if families.is_empty() {
            choice.take_branch(facts);
        } else if let Some(place) = preferred(&families, facts) {
            let family = families.remove(place);
            let main = family.main.clone();
            choice.family(family, facts);
            choice.further_images(&main, &families, facts);
        } else {
            for other in &families {
                choice.other_image(&other.main, OWN_POLICY);
            }
        }
        choice.named_repositories(facts);
        choice
    }

    /// Repositories that a person names stand in for all others.
    fn named_repositories(&mut self, facts: &DraftFacts) {
        if !facts.images.is_empty() {
            let others = self
                .repositories
                .iter()
                .filter(|name| !facts.images.contains(name));
            for other in others {
                self.notes.add(
                    NoteKind::NotTaken,
                    format!("repository `{other}`: another one was named"),
                );
            }
            self.repositories.clone_from(&facts.images);
        } else if self.repositories.is_empty()
            && self.tags.is_none()
            && !self.builds_several_files()
            && let Some((name, file)) = facts.composed()
        {
            self.repositories.push(name);
            self.guessed = Some(format!("`{file}`"));
        } else if self.repositories.is_empty()
            && self.tags.is_none()
            && !self.builds_several_files()
            && let Some(github) = &facts.github
        {
            let guess = format!("ghcr.io/{}", github.to_lowercase());
            let guess = match facts.name() {
                Some(name) => format!("{guess}/{name}"),
                None => guess,
            };
            if guess.parse::<Repository>().is_ok() {
                self.repositories.push(guess);
                self.guessed = Some("the git remote".into());
            }
        }
    }

    /// No release pushes an image. What a push to a branch builds is at least the build.
    fn take_branch(&mut self, facts: &DraftFacts) {
        let [version, _] = probes();
        if self.take_builds(facts, &version) {
            return;
        }
        let (contents, _) = observe(
            &|version| {
                let happening = facts.on_branch(version);
                (happening.pushes, happening.notes)
            },
            &version,
        );
        let content = match &*contents {
            [one] => one,
            [] => {
                self.take_for_scripts(&facts.on_branch(&version).for_scripts, &version);
                return;
            }
            several => {
                self.ambiguous_build = true;
                let builds = several.iter().filter_map(|content| content.build.clone());
                self.candidates = distinct(builds, &version);
                return;
            }
        };
        let tags: Vec<String> = content
            .ordered
            .iter()
            .map(|one| format!("`{}`", one.tag))
            .collect();
        self.notes.add(
            NoteKind::NotTaken,
            format!(
                "the tags {}: they follow pushes to a branch, not releases",
                tags.join(", ")
            ),
        );
        self.repositories = valid(content.repositories(), &mut self.notes);
        self.build = content
            .build
            .as_ref()
            .map(|build| generalised(build, &version));
        self.files = content.files.iter().cloned().collect();
        self.take_build_notes();
    }

    /// A release builds images, though nothing here tells their tags.
    fn take_builds(&mut self, facts: &DraftFacts, version: &Version) -> bool {
        let (pushes, _) = facts.pushes(version);
        let builds = pushes.into_iter().filter_map(|push| push.build);
        self.take_only(builds, version, None)
            || self.take_for_scripts(&facts.for_scripts(version), version)
    }

    pub(super) fn other_image(&mut self, other: &TaggedImage, why: &str) {
        let names: Vec<String> = other
            .repositories
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let made = other.build.as_ref().map_or(String::new(), |build| {
            let target = build
                .target
                .as_ref()
                .map_or(String::new(), |target| format!(", stage `{target}`"));
            format!(" ({}{target})", build.dockerfile_in_words())
        });
        self.notes.add(
            NoteKind::NotTaken,
            format!("the image {}{made}: {why}", names.join(", ")),
        );
    }

    fn family(&mut self, family: Family, facts: &DraftFacts) {
        let Family {
            mut main,
            variants,
            conflict,
        } = family;
        self.repositories = valid(main.repositories.clone(), &mut self.notes);
        self.files = main.files.iter().cloned().collect();
        self.build.clone_from(&main.build);
        self.ambiguous_build = conflict;
        let [version, _] = probes();
        if main.build.is_none()
            && !conflict
            && !self.take_for_scripts(&facts.for_scripts(&version), &version)
        {
            self.ambiguous_build = facts.offered_dockerfiles().len() > 1;
        }
        self.take_build_notes();
        if facts.images.is_empty() {
            self.take_assumed(&main);
        }
        if !variants.is_empty() {
            without_aliases(&mut main, &variants, &mut self.notes);
        }
        self.tags = Some(chosen_tags(&main, &mut self.notes));
        for variant in &variants {
            self.files.extend(
                variant
                    .files
                    .iter()
                    .filter(|file| !main.files.contains(*file))
                    .cloned(),
            );
            let chosen = self.variant(variant, &main);
            if let Some(why) = &chosen.because {
                self.notes.add(
                    NoteKind::NotTaken,
                    format!("variant `{}`: {why}", chosen.name),
                );
            }
            self.variants.push(chosen);
        }
        self.files.dedup();
    }

    pub(super) fn take_build_notes(&mut self) {
        let lines = self.build.iter().flat_map(|build| build.left_out.clone());
        for line in lines.collect::<Vec<_>>() {
            self.notes.add(NoteKind::NotTaken, line);
        }
    }

    pub(super) fn variant(&mut self, variant: &TaggedImage, main: &TaggedImage) -> ChosenVariant {
        let suffix = variant.suffix().unwrap_or_default().to_owned();
        let name: String = suffix
            .trim_start_matches(['-', '.', '_'])
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '-'
                }
            })
            .collect();
        let bare = suffix.trim_start_matches(['-', '.', '_']);
        let has = |tag: &str| variant.stable.iter().any(|template| template == tag);
        let mut chosen = ChosenVariant {
            latest_suffix: has(&format!("latest{suffix}")) || !has(bare),
            name,
            suffix,
            images: Vec::new(),
            args: BTreeMap::new(),
            platforms: None,
            because: None,
        };
        let mut own = VariantBuild {
            image: ImageName::main().name().to_owned(),
            dockerfile: None,
            context: None,
            target: None,
        };
        match (&variant.build, &main.build) {
            (Some(build), Some(main)) => {
                chosen.because = differing(build, main);
                if build.dockerfile != main.dockerfile || build.context != main.context {
                    own.dockerfile = Some(build.dockerfile.clone()).filter(|path| !path.is_empty());
                }
                if build.context != main.context {
                    own.context = Some(build.context.clone().unwrap_or_else(|| ".".into()));
                }
                let mut args = build.args.clone();
                args.retain(|name, value| main.args.get(name) != Some(value));
                chosen.args = templates_only(&args, "build argument", &mut self.notes);
                if chosen.args.len() < args.len() {
                    let why = "one of its build arguments cannot be written";
                    chosen.because.get_or_insert_with(|| why.into());
                }
                if build.target != main.target {
                    // An empty one is the last stage.
                    own.target = Some(build.target.clone().unwrap_or_default());
                }
                let platforms = |build: &Build| -> BTreeSet<String> {
                    build.platforms.iter().cloned().collect()
                };
                if platforms(build) != platforms(main) {
                    chosen.platforms = Some(build.platforms.clone());
                }
                for key in told_otherwise(build, main) {
                    self.notes.add(
                        NoteKind::NotTaken,
                        format!(
                            "the `{key}` of variant `{}`: a variant has the `{key}` of the main image",
                            chosen.name
                        ),
                    );
                }
                for line in &build.left_out {
                    self.notes.add(NoteKind::NotTaken, line.clone());
                }
            }
            (Some(build), None) => {
                own.dockerfile = Some(build.dockerfile.clone()).filter(|path| !path.is_empty());
                own.target.clone_from(&build.target);
                chosen.because =
                    Some("nothing here tells what the main image is built from".into());
            }
            (None, _) => chosen.because = Some("nothing here tells what it is built from".into()),
        }
        chosen.images.push(own);
        chosen
    }
}

/// Which family is released here: the one of a repository that was named, else the one that is
/// called like the project, else the one with a Dockerfile at the top, else the first. In a folder it
/// is the one that is built there, or none.
fn preferred(families: &[Family], facts: &DraftFacts) -> Option<usize> {
    let place =
        |is: &dyn Fn(&TaggedImage) -> bool| families.iter().position(|family| is(&family.main));
    let name = facts
        .github
        .as_deref()
        .and_then(|name| name.split('/').nth(1))
        .map(str::to_lowercase);
    let named = |image: &TaggedImage| {
        image
            .repositories
            .iter()
            .any(|one| facts.images.contains(one))
    };
    let called = |image: &TaggedImage| {
        image
            .repositories
            .iter()
            .any(|one| one.rsplit('/').next() == name.as_deref())
    };
    let at_top = |image: &TaggedImage| {
        image
            .build
            .as_ref()
            .is_some_and(|build| build.dockerfile == "Dockerfile")
    };
    let inside = |image: &TaggedImage| {
        let folder = format!("{}/", facts.folder);
        image.build.as_ref().is_some_and(|build| {
            build.dockerfile.starts_with(&folder)
                || build.context.as_deref() == Some(&*facts.folder)
        })
    };
    if facts.name().is_some() {
        return place(&named).or_else(|| place(&inside));
    }
    place(&named)
        .or_else(|| place(&called))
        .or_else(|| place(&at_top))
        .or(Some(0))
}

fn valid(names: Vec<String>, notes: &mut Notes) -> Vec<String> {
    let (valid, others): (Vec<String>, Vec<String>) = names
        .into_iter()
        .partition(|name| name.parse::<Repository>().is_ok());
    for name in others {
        let why = if name.contains("${{") {
            "GitHub alone knows its name"
        } else {
            "it is not a valid name"
        };
        notes.add(NoteKind::NotTaken, format!("repository `{name}`: {why}"));
    }
    valid
}
