//! `[image.build]` and what else the image is told, in the draft.

use crate::init::{
    chosen_tags::templates_only,
    dockerfile,
    draft::Writing,
    notes::NoteKind,
    push::SecretPlace,
    writer::{key, list, named, quote, seen_from},
};

impl Writing<'_> {
    /// A table of texts by name.
    pub(super) fn texts(&mut self, table: &str, what: &str) {
        let Some(build) = &self.choice.build else {
            return;
        };
        let values = if what == "label" {
            &build.labels
        } else {
            &build.annotations
        };
        // What hoist writes itself.
        let own = |name: &str| {
            ["created", "revision", "version", "ref.name"]
                .iter()
                .any(|part| name == format!("org.opencontainers.image.{part}"))
        };
        let values = values.iter().filter(|(name, _)| !own(name));
        let values = values
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let values = templates_only(&values, what, &mut self.choice.notes);
        if values.is_empty() {
            return;
        }
        self.draft.line(&format!("\n[{table}]"));
        for (name, value) in &values {
            self.draft
                .line(&format!("{} = {}", quote(name), quote(value)));
        }
    }

    /// The build context that a workflow names, or the whole repository.
    pub(super) fn context(&self) -> String {
        let build = self.choice.build.as_ref();
        let of_build = build.map(|build| build.context.clone().unwrap_or_else(|| ".".into()));
        // In a folder of several images it is usually the folder.
        let folder = self.facts.name().map(|_| self.facts.folder.clone());
        of_build.or(folder).unwrap_or_else(|| ".".into())
    }

    pub(super) fn build(&mut self) {
        self.draft.line("[image.build]");
        let chosen = self.dockerfile();
        let context = self.context();
        if let Some(chosen) = &chosen {
            self.draft.line(&format!(
                "dockerfile = {}",
                quote(&seen_from(&context, chosen))
            ));
        }
        if context != "." && self.choice.build.is_none() {
            self.draft.assume(&format!("the builder sees `{context}`"));
        }
        if context != "." {
            self.draft.line(&format!("context = {}", quote(&context)));
        }
        let target = self
            .choice
            .build
            .as_ref()
            .and_then(|build| build.target.clone());
        let text = self
            .facts
            .dockerfiles
            .iter()
            .find(|(path, _)| Some(path) == chosen.as_ref());
        let stages = text
            .map(|(_, text)| dockerfile::stages(text))
            .unwrap_or_default();
        match (&target, stages.last()) {
            (Some(target), _) => self.draft.line(&format!("target = {}", quote(target))),
            (None, Some(Some(last))) if stages.len() > 1 => {
                self.draft
                    .line("# The last stage, which is built without this line too.");
                self.draft.line(&format!("# target = {}", quote(last)));
            }
            _ => {}
        }
        self.inputs();
        self.draft.line("");
    }

    /// The Dockerfile, seen from the top: another tool's, else the likeliest one.
    fn dockerfile(&mut self) -> Option<String> {
        let files: Vec<&String> = self
            .facts
            .dockerfiles
            .iter()
            .map(|(path, _)| path)
            .collect();
        if self.choice.ambiguous_build {
            self.draft
                .line("# Which build is released? Nothing here says it:");
            for path in &files {
                self.draft.line(&format!("# dockerfile = {}", quote(path)));
            }
            // No release is made with a file that is not there.
            self.draft.line("dockerfile = \"NAME-ONE-OF-THEM\"");
            self.draft
                .notes
                .push("nothing says which build is released: set `image.build.dockerfile`".into());
            return None;
        }
        if let Some(build) = &self.choice.build
            && !build.dockerfile.is_empty()
        {
            let path = build.dockerfile.clone();
            if !files.contains(&&path) && !self.facts.texts.is_empty() {
                self.draft.notes.push(format!(
                    "`{path}` is named by the workflow, and it was not found"
                ));
            }
            return Some(path);
        }
        let Some(first) = files.first() else {
            self.draft.line(
                "# No Dockerfile was found. Name one, or bring an image that another builder made:",
            );
            self.draft.line("# layout = \"dist/oci\"");
            self.draft.line("# command = [\"make\", \"image\"]");
            self.draft.notes.push(
                "no Dockerfile was found: set `image.build.dockerfile` or `image.build.layout`"
                    .into(),
            );
            return None;
        };
        if files.len() > 1 {
            self.draft.assume(&format!(
                "`{first}` is the one that is released; there are {} too",
                named(&files[1..])
            ));
        }
        if files.len() == 1 && self.choice.tags.is_some() {
            self.draft.assume(&format!(
                "`{first}` is what is built: nothing here says from what the tags are made"
            ));
        }
        Some((*first).clone())
    }

    /// Platforms, arguments, secrets, agents and caches.
    fn inputs(&mut self) {
        let Some(build) = self.choice.build.clone() else {
            return;
        };
        let mut platforms = Vec::new();
        for platform in &build.platforms {
            let table = format!("[image.build]\nplatforms = [{}]", quote(platform));
            match crate::policy::Policy::parse(&table, "release.toml") {
                Ok(_) => platforms.push(platform.clone()),
                Err(_) => self.choice.notes.add(
                    NoteKind::NotTaken,
                    format!("platform `{platform}`: it is not one that exists"),
                ),
            }
        }
        if !platforms.is_empty() {
            self.draft
                .line(&format!("platforms = {}", list(&platforms)));
        }
        let args = templates_only(&build.args, "build argument", &mut self.choice.notes);
        if !args.is_empty() {
            let pairs: Vec<String> = args
                .iter()
                .map(|(name, value)| format!("{} = {}", key(name), quote(value)))
                .collect();
            self.draft
                .line(&format!("args = {{ {} }}", pairs.join(", ")));
        }
        if !build.secrets.is_empty() {
            let secrets: Vec<String> = build
                .secrets
                .iter()
                .map(|(id, place)| match place {
                    SecretPlace::Env(name) => {
                        format!("{{ id = {}, env = {} }}", quote(id), quote(name))
                    }
                    SecretPlace::File(path) => {
                        format!("{{ id = {}, file = {} }}", quote(id), quote(path))
                    }
                })
                .collect();
            self.draft
                .line("# The environment of a release has to hold the variables.");
            self.draft
                .line(&format!("secrets = [{}]", secrets.join(", ")));
        }
        if !build.ssh.is_empty() {
            self.draft.line(&format!("ssh = {}", list(&build.ssh)));
        }
        if !build.cache_from.is_empty() {
            self.draft
                .line(&format!("cache-from = {}", list(&build.cache_from)));
        }
    }
}
