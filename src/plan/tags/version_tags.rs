//! Reading versions back from tags: which of a repository's names are releases, and of what.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::format::{Item, Numeric, StrftimeItems};
use regex::Regex;
use semver::Version;

use crate::{
    oci::{ImageName, Tag},
    plan::tags::{
        published::{Listing, Published},
        rules::TagRules,
    },
    policy::{DateFormat, Part, Placeholder, TagTemplate},
};

/// Tells exact tags from others. An exact tag is a name that a fixed template with `{version}`
/// matches whole; the suffixes of variants are taken off first, the longest first.
#[derive(Debug)]
pub struct ExactTags {
    /// Suffix and variant, the longest suffix first, the main image last.
    suffixes: Vec<(String, ImageName)>,
    patterns: Vec<Pattern>,
    /// Names that say a day can look like a version: `2026.11.23`.
    dates: Vec<Regex>,
    /// The version that a name's text stands for, where git knows it: `1.2.3-a` can be `1.2.3+a`.
    known: HashMap<String, Version>,
    /// The labels of pre-releases that git knows or that the policy gives.
    labels: BTreeSet<String>,
    /// Versions that count as if they were not published.
    withdrawn: Vec<Version>,
}

#[derive(Debug)]
struct Pattern {
    regex: Regex,
    /// Characters of the template outside its placeholders.
    own_text: usize,
    /// From `tags.prerelease`: stable versions have other names.
    prerelease_only: bool,
}

/// A published version and the tag that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactTag {
    /// The version that the tag names.
    pub version: Version,
    /// The tag's name.
    pub tag: Tag,
}

impl ExactTags {
    /// A reader for the names that these rules make, given the versions that git knows.
    #[must_use]
    pub fn new<'a>(rules: &TagRules<'_>, git: impl IntoIterator<Item = &'a Version>) -> Self {
        let mut suffixes: Vec<(String, ImageName)> = rules
            .images
            .iter()
            .map(|image| (image.suffix.clone(), image.name.clone()))
            .collect();
        suffixes.sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
        let exact = |templates: &[TagTemplate], prerelease_only: bool| {
            let pattern = |template: &TagTemplate| Pattern {
                regex: matcher(template, &rules.tags.date),
                own_text: own_text(template),
                prerelease_only,
            };
            templates
                .iter()
                .filter(|template| template.is_exact())
                .map(pattern)
                .collect::<Vec<_>>()
        };
        let mut patterns = exact(&rules.tags.fixed, false);
        patterns.extend(exact(&rules.tags.prerelease, true));
        // `1.2.3-x` is `{version}-x` rather than `{version}` where both are templates.
        patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.own_text));
        let dates = rules
            .tags
            .templates()
            .map(|(_, template)| template)
            .filter(|template| !template.is_exact() && says_a_day(template))
            .map(|template| matcher(template, &rules.tags.date))
            .collect();
        let mut known = HashMap::new();
        let labels = rules.labels.iter();
        let mut labels: BTreeSet<String> = labels.map(|one| label(one).to_owned()).collect();
        for version in git {
            if !version.pre.is_empty() {
                labels.insert(label(&version.pre).to_owned());
            }
            let text = version.to_string().replace('+', "-");
            // Where `1.2.3-a` and `1.2.3+a` are both known, the name is the stable one's: it is
            // the one that holds moving tags back.
            if !version.build.is_empty() || !known.contains_key(&text) {
                known.insert(text, version.clone());
            }
        }
        Self {
            suffixes,
            patterns,
            dates,
            known,
            labels,
            withdrawn: Vec::new(),
        }
    }

    /// The same reader, whose lists leave out the versions that are `withdrawn`.
    #[must_use]
    pub fn passing_over(mut self, withdrawn: &[Version]) -> Self {
        self.withdrawn = withdrawn.to_vec();
        self
    }

    /// The variant and version that `name` stands for, if it is an exact tag.
    #[must_use]
    pub fn read(&self, name: &str) -> Option<(&ImageName, Version)> {
        self.suffixes.iter().find_map(|(suffix, image)| {
            let version = self.version(name.strip_suffix(&**suffix)?)?;
            Some((image, version))
        })
    }

    /// All exact tags among `tags` but those of withdrawn versions, by variant, the highest version last. Where two names stand
    /// for one version, the first in name order is taken.
    #[must_use]
    pub fn all<'a>(
        &self,
        tags: impl IntoIterator<Item = &'a Tag>,
    ) -> BTreeMap<ImageName, Vec<ExactTag>> {
        let mut all: BTreeMap<ImageName, Vec<ExactTag>> = BTreeMap::new();
        for tag in tags.into_iter().collect::<BTreeSet<_>>() {
            if let Some((image, version)) = self.read(tag.as_str())
                && !self.withdrawn.contains(&version)
            {
                all.entry(image.clone()).or_default().push(ExactTag {
                    version,
                    tag: tag.clone(),
                });
            }
        }
        for versions in all.values_mut() {
            versions.sort_by(|a, b| a.version.cmp(&b.version));
            versions.dedup_by(|b, a| a.version == b.version);
        }
        all
    }

    /// A name can fit several templates: `1.3.0-rc.1` is `{version}` of a pre-release, or
    /// `{version}-{branch}` of a stable version. What git knows decides, the longest text first;
    /// else the template with the most text of its own.
    fn version(&self, base: &str) -> Option<Version> {
        let read = self.patterns.iter().filter_map(|pattern| {
            let text = pattern.regex.captures(base)?.name("version")?.as_str();
            let known = self.known.get(text).cloned();
            let is_known = known.is_some();
            let version = known.or_else(|| Version::parse(text).ok())?;
            let fits = !pattern.prerelease_only || !version.pre.is_empty();
            fits.then_some((is_known.then_some(text.len()), version))
        });
        let mut found: Vec<_> = read.collect();
        let known = found.iter().filter(|(known, _)| known.is_some());
        if let Some((_, version)) = known.max_by_key(|(known, _)| *known) {
            return Some(version.clone());
        }
        if self.dates.iter().any(|date| date.is_match(base)) {
            return None;
        }
        found.retain(|(_, version)| !self.has_unknown_suffix(version));
        found.into_iter().next().map(|(_, version)| version)
    }

    /// Whether what reads like a pre-release is a version that git knows, with the suffix of a variant that
    /// the policy had once, or of somebody else: `1.2.3-alpine` beside the git tag of 1.2.3. A pre-release has
    /// a git tag of its own, or at least others of its label have one.
    fn has_unknown_suffix(&self, version: &Version) -> bool {
        if version.pre.is_empty() {
            return false;
        }
        let text = version.to_string();
        let mut dashes = text.match_indices('-').map(|(at, _)| &text[..at]);
        let Some(core) = dashes.next() else {
            return false;
        };
        let is_released = self.known.contains_key(core);
        (is_released && !self.labels.contains(label(&version.pre)))
            || dashes.any(|prerelease| self.known.contains_key(prerelease))
    }

    /// The names among `tags` that have a version which git knows, and a suffix that no image of the policy
    /// has.
    #[must_use]
    pub fn with_unknown_suffix<'a>(&self, tags: &'a [Tag]) -> Vec<&'a Tag> {
        let is_one = |tag: &&Tag| {
            let name = tag.as_str();
            let mut exact = self.patterns.iter();
            self.read(name).is_none()
                && !self.dates.iter().any(|date| date.is_match(name))
                && exact.any(|pattern| {
                    let found = pattern.regex.captures(name);
                    let text = found.and_then(|found| found.name("version"));
                    let version = text.and_then(|text| Version::parse(text.as_str()).ok());
                    version.is_some_and(|version| self.has_unknown_suffix(&version))
                })
        };
        tags.iter().filter(is_one).collect()
    }
}

/// The word that a pre-release begins with, without a number: `rc` of `rc.2` and of `rc2`.
fn label(prerelease: &str) -> &str {
    let first = prerelease.split(['.', '-']).next().unwrap_or(prerelease);
    first.trim_end_matches(|letter: char| letter.is_ascii_digit())
}

/// One repository, and the versions that its exact tags name.
#[derive(Debug)]
pub(super) struct PublishedVersions<'a> {
    pub(super) published: &'a Published,
    exact: BTreeMap<ImageName, Vec<ExactTag>>,
}

impl<'a> PublishedVersions<'a> {
    pub(super) fn new(published: &'a Published, reader: &ExactTags) -> Self {
        let exact = match &published.tags {
            Listing::Known(tags) => reader.all(tags),
            Listing::Refused | Listing::NotAsked => BTreeMap::new(),
        };
        Self { published, exact }
    }

    /// The published versions of a variant, ascending.
    pub(super) fn versions(&self, image: &ImageName) -> &[ExactTag] {
        self.exact.get(image).map_or(&[], Vec::as_slice)
    }
}

fn says_a_day(template: &TagTemplate) -> bool {
    template.has(|value| matches!(value, Placeholder::Date(_) | Placeholder::CommitDate(_)))
}

fn own_text(template: &TagTemplate) -> usize {
    let text = |part: &Part| match part {
        Part::Text(text) => text.len(),
        Part::Value(_) => 0,
    };
    template.parts().iter().map(text).sum()
}

/// A pattern for the names that `template` makes; group `version` is what `{version}` stood for.
pub(super) fn matcher(template: &TagTemplate, date: &DateFormat) -> Regex {
    let mut pattern = String::from("^");
    let mut seen_version = false;
    for part in template.parts() {
        match part {
            Part::Text(text) => pattern.push_str(&regex::escape(text)),
            Part::Value(Placeholder::Version) => {
                let body = r"[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?";
                if seen_version {
                    pattern.push_str(body);
                } else {
                    pattern.push_str(&format!("(?<version>{body})"));
                }
                seen_version = true;
            }
            Part::Value(Placeholder::Major | Placeholder::Minor | Placeholder::Patch) => {
                pattern.push_str("[0-9]+");
            }
            Part::Value(Placeholder::Sha(length)) => {
                pattern.push_str(&format!("[0-9a-f]{{{length}}}"));
            }
            Part::Value(Placeholder::Date(own) | Placeholder::CommitDate(own)) => {
                pattern.push_str(&day(own.as_ref().unwrap_or(date).as_str()));
            }
            Part::Value(Placeholder::Prerelease | Placeholder::Channel | Placeholder::Branch) => {
                pattern.push_str("[0-9A-Za-z._-]+")
            }
        }
    }
    pattern.push('$');
    Regex::new(&pattern).expect("escaped text and fixed groups make a pattern")
}

fn day(format: &str) -> String {
    StrftimeItems::new(format)
        .map(|item| match item {
            Item::Literal(text) | Item::Space(text) => regex::escape(text),
            Item::OwnedLiteral(text) | Item::OwnedSpace(text) => regex::escape(&text),
            Item::Numeric(Numeric::Year, _) => "[0-9]{4}".into(),
            Item::Numeric(Numeric::Month, _) => "(?:0?[1-9]|1[0-2])".into(),
            Item::Numeric(Numeric::Day, _) => "(?:0?[1-9]|[12][0-9]|3[01])".into(),
            Item::Numeric(..) => "[0-9]+".into(),
            Item::Fixed(_) | Item::Error => "[0-9A-Za-z.+:-]+".into(),
        })
        .collect()
}
