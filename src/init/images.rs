//! Further images of the same version: those that are pushed with the tags of the main one, to repositories
//! of their own. They become `[images.NAME]`.

use std::collections::BTreeSet;

use crate::{
    init::{
        choice::Choice,
        chosen::{ChosenImage, ChosenVariant, OWN_POLICY},
        facts::DraftFacts,
        notes::NoteKind,
        push::Build,
        translation::{Family, TaggedImage},
    },
    oci::{ImageName, Repository},
};

impl Choice {
    /// Takes the images that are released together with `main`, and says why another one is not.
    pub(super) fn further_images(
        &mut self,
        main: &TaggedImage,
        others: &[Family],
        facts: &DraftFacts,
    ) {
        for other in others {
            match self.together(main, other, facts) {
                Ok(image) => {
                    self.files.extend(other.main.files.iter().cloned());
                    for line in &image.build.left_out {
                        self.notes.add(NoteKind::NotTaken, line.clone());
                    }
                    self.take_assumed(&other.main);
                    self.variants_of(&image.name, other);
                    self.images.push(image);
                }
                Err(why) => self.other_image(&other.main, &why),
            }
        }
        let mut seen = BTreeSet::new();
        self.files.retain(|file| seen.insert(file.clone()));
    }

    /// The image, or why it is not one of the same release.
    fn together(
        &self,
        main: &TaggedImage,
        other: &Family,
        facts: &DraftFacts,
    ) -> Result<ChosenImage, String> {
        if facts.name().is_some() || !facts.images.is_empty() {
            return Err(OWN_POLICY.into());
        }
        let all = |image: &TaggedImage| -> BTreeSet<String> {
            image
                .stable
                .iter()
                .chain(&image.prerelease)
                .cloned()
                .collect()
        };
        if all(main) != all(&other.main) {
            return Err("its tags are not those of the main image, so it needs a policy and git tags of its own".into());
        }
        let (Some(build), Some(of_main)) = (&other.main.build, &self.build) else {
            return Err("nothing here tells what it is built from".into());
        };
        if !build.unknown.is_empty() {
            return Err("nothing here tells what it is built from".into());
        }
        if other.conflict || self.ambiguous_build {
            return Err("several builds push the same tags".into());
        }
        if build.is_same_image(of_main) {
            return Err("it is built as the main image is: its repositories can stand in `image.repositories`".into());
        }
        let repositories = other.main.repositories.iter();
        let repositories: Vec<String> = repositories
            .filter(|name| name.parse::<Repository>().is_ok())
            .cloned()
            .collect();
        if repositories.is_empty() || self.repositories.is_empty() {
            return Err("GitHub alone knows the name of its repository".into());
        }
        let name = self.free_name(&repositories[0]);
        Ok(ChosenImage {
            name,
            repositories,
            build: build.clone(),
        })
    }

    /// The last part of a repository's name, and before it as many as it takes to be the only one.
    fn free_name(&self, repository: &str) -> String {
        let parts: Vec<&str> = repository.rsplit('/').collect();
        let taken = |name: &str| {
            let main = ImageName::main();
            name == main.name() || self.images.iter().any(|image| image.name == name)
        };
        let names = (1..=parts.len()).map(|count| {
            let mut own: Vec<&str> = parts[..count].to_vec();
            own.reverse();
            let legal = |c: char| {
                if c.is_ascii_alphanumeric() || "._-".contains(c) {
                    c
                } else {
                    '-'
                }
            };
            own.join("-").chars().map(legal).collect::<String>()
        });
        let mut all: Vec<String> = names.collect();
        let last = all.pop().unwrap_or_default();
        all.into_iter().find(|name| !taken(name)).unwrap_or(last)
    }

    /// The variants of another image: one that the main image has, too, is one variant of both.
    fn variants_of(&mut self, image: &str, family: &Family) {
        for tagged in &family.variants {
            let mut chosen = self.variant(tagged, &family.main);
            for build in &mut chosen.images {
                build.image = image.to_owned();
            }
            if let Some(why) = chosen.because {
                self.notes.add(
                    NoteKind::NotTaken,
                    format!("variant `{}` of image `{image}`: {why}", chosen.name),
                );
                continue;
            }
            let same = |known: &&mut ChosenVariant| {
                known.because.is_none()
                    && (&known.args, &known.platforms) == (&chosen.args, &chosen.platforms)
                    && (&known.name, &known.suffix, known.latest_suffix)
                        == (&chosen.name, &chosen.suffix, chosen.latest_suffix)
            };
            let is_taken = self.variants.iter().any(|known| known.name == chosen.name);
            match self.variants.iter_mut().find(same) {
                Some(known) => known.images.extend(chosen.images),
                None if is_taken => {
                    self.notes.add(
                        NoteKind::NotTaken,
                        format!(
                            "variant `{}` of image `{image}`: another image has one of that name with another suffix, other build arguments or other platforms",
                            chosen.name
                        ),
                    );
                }
                None => self.variants.push(chosen),
            }
        }
    }

    /// What an image is built from, by its name.
    pub(super) fn build_of(&self, image: &str) -> Option<&Build> {
        let mut further = self.images.iter();
        match further.find(|one| one.name == image) {
            Some(one) => Some(&one.build),
            None => self.build.as_ref(),
        }
    }
}
