//! From what was chosen to a commented `release.toml`, saying what was assumed.

use crate::{
    init::{
        choice::Choice,
        facts::DraftFacts,
        notes::NoteKind,
        writer::{Draft, list, named, quote},
    },
    policy::{BranchPolicy, GitTagTemplate},
};

/// A file under construction.
pub(super) struct Writing<'a> {
    pub(super) facts: &'a DraftFacts,
    pub(super) choice: &'a mut Choice,
    pub(super) draft: Draft,
}

/// Writes the file.
pub(super) fn write(facts: &DraftFacts, choice: &mut Choice) -> Draft {
    let draft = Draft {
        text: String::from(
            "# How this repository releases its image. `hoist check` reads it, `hoist plan` shows what it does.\n\n",
        ),
        notes: Vec::new(),
        repositories: repositories(choice),
        is_translation: choice.tags.is_some(),
        pushers: Vec::new(),
    };
    let mut writing = Writing {
        facts,
        choice,
        draft,
    };
    writing.image();
    writing.build();
    writing.version();
    writing.branches();
    writing.tags();
    writing.images();
    writing.variants();
    writing.git();
    writing.forge();
    writing.differences();
    writing.draft
}

/// The repositories of all images.
fn repositories(choice: &Choice) -> Vec<String> {
    let further = choice.images.iter().flat_map(|image| &image.repositories);
    choice.repositories.iter().chain(further).cloned().collect()
}

impl Writing<'_> {
    fn image(&mut self) {
        let repositories = self.choice.repositories.clone();
        self.draft.line("[image]");
        if let Some(why) = self.choice.guessed.clone() {
            self.draft.assume(&format!(
                "the image goes to `{}`, after {why}",
                repositories[0]
            ));
        }
        match &*repositories {
            [one] => self.draft.line(&format!("repository = {}", quote(one))),
            [_, ..] => self
                .draft
                .line(&format!("repositories = {}", list(&repositories))),
            [] => {
                self.draft
                    .line("# Where the image goes. Needed before the first release:");
                self.draft.line("# repository = \"docker.io/acme/api\"");
                self.draft
                    .notes
                    .push("nothing says where the image goes: set `image.repository`".into());
            }
        }
        self.texts("image.labels", "label");
        self.texts("image.annotations", "annotation");
        self.draft.line("");
    }

    fn version(&mut self) {
        let facts = self.facts;
        self.draft.line("[version]");
        let own = format!("{}{{version}}", facts.prefix);
        let hinted = facts.hints.tag.clone();
        let template = match &facts.highest {
            Some(highest) => {
                self.draft.line(&format!(
                    "# The highest version so far is {highest}, tagged `{}{highest}`.",
                    facts.prefix
                ));
                if let Some(hinted) = hinted.filter(|hinted| *hinted != own) {
                    self.draft.assume(&format!(
                        "git tags are `{own}`, as they are, not `{hinted}`"
                    ));
                }
                own
            }
            None => {
                self.initial();
                // In a folder the tags of the whole repository are not those of the image.
                if facts.name().is_some() {
                    self.draft
                        .assume(&format!("git tags of this image are `{own}`"));
                    own
                } else {
                    hinted.unwrap_or(own)
                }
            }
        };
        let template = match template.parse::<GitTagTemplate>() {
            Ok(_) => template,
            Err(_) => "v{version}".into(),
        };
        self.draft.line(&format!("tag = {}", quote(&template)));
        if facts.name().is_some() {
            self.draft
                .line("# Only commits that touch the folder count.");
            self.draft.line(&format!(
                "paths = {}",
                list(&[format!("{}/**", facts.folder)])
            ));
        }
        if let Some(zero) = &facts.hints.zero {
            self.draft.line(&format!("zero = {}", quote(zero)));
        }
        self.unconventional();
        for (conditions, bump) in &facts.hints.rules {
            self.draft.line("\n[[version.rules]]");
            for (key, value) in conditions {
                let value = if key == "breaking" {
                    value.clone()
                } else {
                    quote(value)
                };
                self.draft.line(&format!("{key} = {value}"));
            }
            self.draft.line(&format!("bump = {}", quote(bump)));
        }
        if !facts.hints.from.is_empty() {
            self.draft.notes.push(format!(
                "`[version]` and `[branches]` take {} into account",
                facts.hints.from.join(", ")
            ));
        }
        self.draft.line("");
    }

    /// The first version: that of another tool, or of a manifest.
    fn initial(&mut self) {
        let facts = self.facts;
        let hinted = facts
            .hints
            .initial
            .as_ref()
            .and_then(|text| text.parse::<semver::Version>().ok());
        let found = hinted
            .filter(|version| *version > semver::Version::new(0, 0, 0))
            .map(|version| (".release-please-manifest.json".to_owned(), version))
            .or_else(|| facts.manifest.clone());
        match found {
            Some((path, version)) => {
                self.draft.line(&format!("# No git tag names a version yet: the first release is the version of `{path}`."));
                self.draft
                    .line(&format!("initial = {}", quote(&version.to_string())));
            }
            None => {
                self.draft
                    .line("# No git tag names a version yet: the first release is this one.");
                self.draft.line("initial = \"0.1.0\"");
            }
        }
    }

    /// Where most messages say nothing of their change, each commit is a patch.
    fn unconventional(&mut self) {
        let (without, all) = self.facts.unconventional;
        if all >= 4 && without * 2 > all {
            let why = format!(
                "{without} of the {all} newest commit messages have no conventional header"
            );
            self.draft.line(&format!(
                "# {why}: with \"ignore\", the default, they would release nothing."
            ));
            self.draft.line("unconventional = \"patch\"");
            self.draft.notes.push(format!("{why}, so `version.unconventional = \"patch\"` is written: every commit releases a patch"));
        }
    }

    fn branches(&mut self) {
        let hints = &self.facts.hints;
        if hints.stable.is_empty() && hints.maintenance.is_empty() && hints.prerelease.is_empty() {
            return;
        }
        let defaults = BranchPolicy::default().stable;
        let stable = if hints.stable.is_empty() {
            defaults.iter().map(ToString::to_string).collect()
        } else {
            hints.stable.clone()
        };
        self.draft.line("[branches]");
        self.draft.line(&format!("stable = {}", list(&stable)));
        self.draft
            .line(&format!("maintenance = {}", list(&hints.maintenance)));
        let pairs = hints.prerelease.iter();
        let pairs: Vec<String> = pairs
            .map(|(b, l)| format!("{} = {}", quote(b), quote(l)))
            .collect();
        self.draft
            .line(&format!("prerelease = {{ {} }}", pairs.join(", ")).replace("{  }", "{}"));
        self.draft.line("");
    }

    fn tags(&mut self) {
        self.draft.line("[tags]");
        let Some(tags) = self.choice.tags.clone() else {
            self.draft.line("# Nothing here says which tags a release gets, so these are usual ones. The first never move:");
            self.draft.line("fixed = [\"{version}\", \"sha-{sha}\"]");
            self.draft
                .line("# Move forward only, each line for itself:");
            self.draft
                .line("moving = [\"{major}.{minor}\", \"{major}\", \"latest\"]");
            self.draft.line("");
            return;
        };
        self.draft
            .line(&format!("# After {}.", named(&self.choice.files)));
        if tags.added_exact {
            self.draft.line(
                "# `{version}` is added: a release needs one tag that names its version whole.",
            );
        }
        self.draft.line(&format!("fixed = {}", list(&tags.fixed)));
        self.draft.line(&format!("moving = {}", list(&tags.moving)));
        self.draft.line(if tags.own_prerelease {
            "# A pre-release gets these alone; nothing was pushed for one before. `{channel}` is its label."
        } else {
            "# A pre-release gets these alone."
        });
        self.draft
            .line(&format!("prerelease = {}", list(&tags.prerelease)));
        self.draft.line("");
    }

    fn git(&mut self) {
        match &self.facts.remote {
            None => {
                self.draft.line("[git]");
                self.draft.line("# There is no git remote yet. Until there is one, tags and the lock stay in this clone;");
                self.draft.line("# delete this line after `git remote add origin …`, so that releases are pushed.");
                self.draft.line("push = false");
                self.draft.notes.push(
                    "there is no git remote, so `git.push = false` is written: delete it after `git remote add`, or releases stay in this clone".into(),
                );
            }
            Some((name, _)) if name != "origin" => {
                let name = name.clone();
                self.draft.line("[git]");
                self.draft
                    .assume(&format!("`{name}` is the remote that releases go to"));
                self.draft.line(&format!("remote = {}", quote(&name)));
            }
            Some(_) => {}
        }
    }

    /// The release on the forge is offered where a job makes one already: it has a token for that.
    fn forge(&mut self) {
        let Some(maker) = self.facts.page_maker() else {
            return;
        };
        self.draft.line("");
        self.draft.line("# The release page of each version, made together with its tags: a draft first, public with the git tag.");
        self.draft.line(&format!(
            "# It takes the place of `{maker}`, whose job has the token: see docs/forge.md."
        ));
        self.draft.line("# [forge]");
        self.draft.notes.push(format!(
            "`{maker}` makes a release page: `[forge]`, which is in the file as a comment, makes it together with the tags"
        ));
    }

    /// What another tool did that is not done here.
    fn differences(&mut self) {
        let notes = &self.choice.notes;
        let assumed = notes
            .of(NoteKind::Assumed)
            .map(|line| format!("assumed: {line}"));
        let not_taken = notes
            .of(NoteKind::NotTaken)
            .chain(notes.of(NoteKind::NotInRelease));
        let hinted = self.facts.hints.left_out.iter().map(String::as_str);
        let not_taken = not_taken
            .chain(hinted)
            .map(|line| format!("not taken over: {line}"));
        let lines: Vec<String> = assumed.chain(not_taken).collect();
        if lines.is_empty() {
            return;
        }
        self.draft.line(
            "# What is assumed, or not taken over from the settings that this file was made from:",
        );
        for line in &lines {
            self.draft
                .line(&format!("# - {}", line.replace(['\n', '\r'], " ")));
        }
        self.draft.notes.extend(lines);
    }
}
