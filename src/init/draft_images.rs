//! `[images.NAME]` and `[variants.NAME]` in the draft.

use crate::init::{
    chosen::{ChosenImage, ChosenVariant},
    dockerfile,
    draft::Writing,
    draft_build::platforms,
    notes::Notes,
    push::Build,
    writer::{key, list, quote, seen_from},
};

impl Writing<'_> {
    /// Further images: what each has in the place of what the main image has.
    pub(super) fn images(&mut self) {
        for image in self.choice.images.clone() {
            self.draft.line(&format!("[images.{}]", key(&image.name)));
            match &*image.repositories {
                [one] => self.draft.line(&format!("repository = {}", quote(one))),
                all => self.draft.line(&format!("repositories = {}", list(all))),
            }
            for line in self.own_keys(&image) {
                self.draft.line(&line);
            }
            self.draft.line("");
        }
    }

    fn own_keys(&mut self, image: &ChosenImage) -> Vec<String> {
        let build = &image.build;
        let main = self.choice.build.clone().unwrap_or_default();
        let context = context_of(build);
        let mut lines = Vec::new();
        let dockerfile = seen_from(&context, &build.dockerfile);
        if dockerfile != seen_from(&context_of(&main), &main.dockerfile) {
            lines.push(format!("dockerfile = {}", quote(&dockerfile)));
        }
        if context != context_of(&main) {
            lines.push(format!("context = {}", quote(&context)));
        }
        if build.target != main.target {
            // An empty one is the last stage.
            let target = build.target.clone().unwrap_or_default();
            lines.push(format!("target = {}", quote(&target)));
        }
        // What the main image is told was noted with it.
        let of_main = self.inputs_of(&main, &mut Notes::default());
        let mut notes = std::mem::take(&mut self.choice.notes);
        let own = self.inputs_of(build, &mut notes);
        self.choice.notes = notes;
        for (key, value) in &own {
            if !of_main.contains(&(key, value.clone())) {
                lines.push(format!("{key} = {value}"));
            }
        }
        for (key, value) in &of_main {
            if !own.iter().any(|(known, _)| known == key) {
                let nothing = match (*key, value.as_bytes().first()) {
                    ("pull", _) => "true",
                    ("network", _) => "\"default\"",
                    // What a builder has that is told nothing.
                    ("shm-size", _) => "\"64MiB\"",
                    ("provenance" | "sbom" | "submodules" | "no-cache", _) => "false",
                    (_, Some(b'{')) => "{}",
                    _ => "[]",
                };
                lines.push(format!("{key} = {nothing}"));
            }
        }
        for (key, own, main) in [
            ("labels", &build.labels, &main.labels),
            ("annotations", &build.annotations, &main.annotations),
        ] {
            if own != main {
                let what = key.trim_end_matches('s');
                lines.push(format!("{key} = {}", self.text_table(own, what)));
            }
        }
        lines
    }

    pub(super) fn variants(&mut self) {
        for variant in self.choice.variants.clone() {
            self.variant(&variant);
        }
        // Where one of several Dockerfiles is to be named, they stand there.
        let is_open = self.choice.ambiguous_build && self.choice.candidates.is_empty();
        if !self.choice.variants.is_empty() || is_open || self.choice.builds_several_files() {
            return;
        }
        let context = self.context();
        let further = self.choice.images.iter().map(|image| &image.build);
        let builds = self.choice.build.iter().chain(further);
        let taken: Vec<String> = builds.map(|build| build.dockerfile.clone()).collect();
        for (path, _) in self.facts.offered_dockerfiles() {
            let Some(name) = dockerfile::flavour(path).filter(|_| !taken.contains(path)) else {
                continue;
            };
            self.draft.line(&format!(
                "# A second image of the same release, tagged `1.2.3-{name}`:"
            ));
            self.draft.line(&format!(
                "# [variants.{}]\n# dockerfile = {}\n",
                quote(name),
                quote(&seen_from(&context, path))
            ));
        }
    }

    fn variant(&mut self, variant: &ChosenVariant) {
        let mut lines = vec![
            format!("[variants.{}]", key(&variant.name)),
            format!("suffix = {}", quote(&variant.suffix)),
        ];
        let names = variant.image_names();
        if names != ["main"] {
            lines.push(format!("images = {}", list(&names)));
        }
        if !variant.latest_suffix {
            lines.push("latest-suffix = false".into());
        }
        let own_context = |image: &str| {
            let mut builds = variant.images.iter();
            let build = builds.find(|build| build.image == image)?;
            build.context.clone()
        };
        let context = |image: &str| match (own_context(image), self.choice.build_of(image)) {
            (Some(own), _) => own,
            (None, Some(build)) => context_of(build),
            (None, None) => self.context(),
        };
        let plain = |image: &str| self.choice.build_of(image).cloned().unwrap_or_default();
        let dockerfiles = variant.values(
            |build| {
                let path = build.dockerfile.as_ref()?;
                Some(seen_from(&context(&build.image), path))
            },
            |image| seen_from(&context(image), &plain(image).dockerfile),
        );
        let targets = variant.values(
            |build| build.target.clone(),
            |image| plain(image).target.unwrap_or_default(),
        );
        let contexts = variant.values(|build| build.context.clone(), |image| context(image));
        let keys = [
            ("dockerfile", dockerfiles),
            ("context", contexts),
            ("target", targets),
        ];
        for (key, values) in keys {
            lines.extend(values.map(|values| format!("{key} = {}", each(&values))));
        }
        if let Some(named) = &variant.platforms {
            let platforms = platforms(named, &mut self.choice.notes);
            lines.push(format!("platforms = {}", list(&platforms)));
        }
        if !variant.args.is_empty() {
            let pairs = variant.args.iter();
            let pairs: Vec<String> = pairs
                .map(|(name, value)| format!("{} = {}", key(name), quote(value)))
                .collect();
            lines.push(format!("args = {{ {} }}", pairs.join(", ")));
        }
        if let Some(why) = &variant.because {
            self.draft.line(&format!("# Not released yet: {why}."));
        }
        for line in lines {
            let comment = if variant.because.is_some() { "# " } else { "" };
            self.draft.line(&format!("{comment}{line}"));
        }
        self.draft.line("");
    }
}

fn context_of(build: &Build) -> String {
    build.context.clone().unwrap_or_else(|| ".".into())
}

/// One value for all images, or one for each.
fn each(values: &[(String, String)]) -> String {
    match values {
        [(_, first), rest @ ..] if rest.iter().all(|(_, value)| value == first) => quote(first),
        values => {
            let pairs = values.iter();
            let pairs = pairs.map(|(image, value)| format!("{} = {}", key(image), quote(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}
