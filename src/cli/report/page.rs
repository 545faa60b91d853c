//! The record of a run as one page: no script, nothing from a network, every text escaped.

use serde::Serialize;

use super::record::{ReportedImage, ReportedTag, RunRecord, TagStanding};
use crate::{
    cli::ending::RunVerb,
    error::{Error, Result},
    exit,
    oci::{Digest, Repository},
    outcome::ForgeReport,
    text::{bytes, elapsed, page::html},
};

const TEMPLATE: &str = include_str!("page.html");
/// Most commits on the page; the JSON form has all of them.
const MOST_COMMITS: usize = 100;

/// What the template gets. Every text in it is escaped by the template.
#[derive(Serialize)]
struct ReportView<'r> {
    record: &'r RunRecord,
    title: String,
    is_good: bool,
    /// Whether everybody sees the release on the forge.
    forge: Option<&'static str>,
    figures: Vec<Figure>,
    groups: Vec<TagGroup<'r>>,
    images: Vec<ImageView>,
    about: Vec<AboutView<'r>>,
    steps: Vec<StepView<'r>>,
    commits: Vec<CommitView<'r>>,
    ended: String,
}

#[derive(Serialize)]
struct Figure {
    name: &'static str,
    value: String,
    is_word: bool,
}

/// The tags of one repository.
#[derive(Serialize)]
struct TagGroup<'r> {
    repository: &'r Repository,
    tags: Vec<TagView<'r>>,
}

#[derive(Serialize)]
struct TagView<'r> {
    name: &'r str,
    standing: &'static str,
    /// The class of its colour.
    mark: &'static str,
    before: &'r str,
    now: &'r str,
    why: &'r str,
}

/// One image with all repositories that have it.
#[derive(Serialize)]
struct ImageView {
    name: String,
    adopted: Option<String>,
    places: Vec<String>,
    bars: Vec<SizeBar>,
}

#[derive(Serialize)]
struct SizeBar {
    name: String,
    size: u64,
    change: Option<i64>,
    /// In percent of the longest.
    width: String,
    now: bool,
}

#[derive(Serialize)]
struct AboutView<'r> {
    kind: &'static str,
    place: String,
    artifact_type: &'r str,
    subject: &'r str,
}

#[derive(Serialize)]
struct StepView<'r> {
    verb: &'r str,
    what: &'r str,
    done: bool,
    left: String,
    width: String,
    time: String,
}

#[derive(Serialize)]
struct CommitView<'r> {
    short: String,
    summary: &'r str,
    bump: Option<&'static str>,
    why: &'r str,
}

/// The page as HTML.
///
/// # Errors
/// A bug: the template does not fit the record.
pub(super) fn page(record: &RunRecord) -> Result<String> {
    let view = ReportView {
        record,
        title: title(record),
        is_good: record.exit == exit::OK,
        forge: record.forge.as_ref().map(forge_state),
        figures: figures(record),
        groups: groups(&record.tags),
        images: images(&record.images),
        about: about(record),
        steps: steps(record),
        commits: commits(record),
        ended: record.began.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
    };
    html(TEMPLATE, &view)
        .map_err(|error| Error::bug("the report cannot be written").because(&error))
}

/// `Released 1.5.0`
pub(super) fn title(record: &RunRecord) -> String {
    let version = record.version.as_ref();
    let version = version.map_or(String::new(), |version| format!(" {version}"));
    let of = match record.verb {
        // It moves tags of several versions.
        RunVerb::Repair => String::new(),
        _ => version.clone(),
    };
    match &*record.outcome {
        "published" => format!("{}{of}", record.verb.done()),
        "nothing" => "Nothing to do".to_owned(),
        "withdrawn" => format!("Withdrawn{version}"),
        "rolled-back" => format!("Rolled back{version}"),
        "held" => format!("Held{version}"),
        "needs-human" => format!("Manual action is needed{version}"),
        "interrupted" => format!("Interrupted{version}"),
        "busy" => format!("Another release is in the way{version}"),
        "refused" => format!("Refused{version}"),
        _ => format!("Failed{version}"),
    }
}

fn figures(record: &RunRecord) -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut add = |name, value: String, is_word| {
        figures.push(Figure {
            name,
            value,
            is_word,
        });
    };
    if let Some(version) = &record.version {
        let from = record.current.as_ref();
        let from = from.map_or(String::new(), |from| format!("{from} → "));
        let bump = record.bump.map(|bump| format!(" ({bump})"));
        add(
            "version",
            format!("{from}{version}{}", bump.unwrap_or_default()),
            from.len() > 8,
        );
    }
    let moved =
        |tag: &&ReportedTag| matches!(tag.standing, TagStanding::Created | TagStanding::Moved);
    add(
        "tags made or moved",
        record.tags.iter().filter(moved).count().to_string(),
        false,
    );
    if let Some((size, change)) = to_pull(&record.images) {
        add("to pull", bytes(size), false);
        if let Some(change) = change {
            add(
                "since the last one",
                crate::text::page::signed(change),
                false,
            );
        }
    }
    add("took", elapsed_text(record.seconds), false);
    if let Some(commit) = &record.commit {
        let branch = record.branch.as_ref();
        let branch = branch.map_or(String::new(), |branch| format!(" on {branch}"));
        add("commit", format!("{}{branch}", commit.short()), true);
    }
    if let Some(tag) = &record.git_tag {
        let pushed = match (tag.pushed, tag.local) {
            (true, _) => "pushed",
            (false, true) => "in this clone alone",
            (false, false) => "not pushed",
        };
        add("git tag", format!("{}, {pushed}", tag.name.short()), true);
    }
    if let Some(forge) = &record.forge {
        add("on the forge", forge_state(forge).to_owned(), true);
    }
    figures
}

/// Whether everybody sees the release on the forge.
pub(super) fn forge_state(forge: &ForgeReport) -> &'static str {
    match forge.public {
        Some(true) => "public",
        Some(false) => "not public",
        None => "not known",
    }
}

/// The first platform of the first image: to pull, and how that has changed.
fn to_pull(images: &[ReportedImage]) -> Option<(u64, Option<i64>)> {
    let platform = images.first()?.platforms.first()?;
    let change = platform
        .before
        .and_then(|before| change(platform.size, before));
    Some((platform.size, change))
}

fn change(now: u64, before: u64) -> Option<i64> {
    i64::try_from(now)
        .ok()?
        .checked_sub(i64::try_from(before).ok()?)
}

fn groups(tags: &[ReportedTag]) -> Vec<TagGroup<'_>> {
    let mut groups: Vec<TagGroup<'_>> = Vec::new();
    for tag in tags {
        let (standing, mark) = standing(tag.standing);
        let view = TagView {
            name: tag.tag.as_str(),
            standing,
            mark,
            before: shown(tag, tag.before.as_ref()),
            now: match tag.standing {
                TagStanding::Unknown => "?",
                _ => shown(tag, tag.now.as_ref()),
            },
            why: &tag.why,
        };
        match groups
            .iter_mut()
            .find(|one| *one.repository == tag.repository)
        {
            Some(group) => group.tags.push(view),
            None => groups.push(TagGroup {
                repository: &tag.repository,
                tags: vec![view],
            }),
        }
    }
    groups
}

/// What became of a tag in words, and the class of its colour.
pub(super) fn standing(standing: TagStanding) -> (&'static str, &'static str) {
    match standing {
        TagStanding::Created => ("created", "good"),
        TagStanding::Moved => ("moved", "change"),
        TagStanding::Same => ("the same", "quiet"),
        TagStanding::Kept => ("kept", "quiet"),
        TagStanding::AsBefore => ("as before", "quiet"),
        TagStanding::Untouched => ("not touched", "quiet"),
        TagStanding::Other => ("another image", "bad"),
        TagStanding::Unknown => ("not known", "bad"),
    }
}

/// What a tag shows: nothing is said where it was not looked at.
pub(super) fn shown<'d>(tag: &ReportedTag, digest: Option<&'d Digest>) -> &'d str {
    let is_open = matches!(tag.standing, TagStanding::Kept | TagStanding::Untouched)
        && tag.before.is_none()
        && tag.now.is_none()
        && tag.image.is_none();
    match digest {
        Some(digest) => digest.short(),
        None if is_open => "",
        None => "–",
    }
}

fn images(images: &[ReportedImage]) -> Vec<ImageView> {
    let most = images.iter().flat_map(|image| &image.platforms);
    let most = most.map(|one| one.size.max(one.before.unwrap_or(0))).max();
    let most = most.unwrap_or(0);
    let mut views: Vec<(&ReportedImage, ImageView)> = Vec::new();
    for image in images {
        let place = image.repository.digest(&image.digest);
        let is_same = |(other, _): &&mut (&ReportedImage, ImageView)| {
            other.image == image.image && other.digest == image.digest
        };
        match views.iter_mut().find(is_same) {
            Some((_, view)) => view.places.push(place),
            None => views.push((
                image,
                ImageView {
                    name: image.image.to_string(),
                    adopted: image.adopted.clone(),
                    places: vec![place],
                    bars: size_bars(image, most),
                },
            )),
        }
    }
    views.into_iter().map(|(_, view)| view).collect()
}

fn size_bars(image: &ReportedImage, most: u64) -> Vec<SizeBar> {
    let mut bars = Vec::new();
    for one in &image.platforms {
        let name = one.platform.as_deref().unwrap_or("to pull");
        if let Some(before) = one.before {
            bars.push(SizeBar {
                name: format!("{name}, last release"),
                size: before,
                change: None,
                width: percent(before as f64, most as f64),
                now: false,
            });
        }
        bars.push(SizeBar {
            name: name.to_owned(),
            size: one.size,
            change: one.before.and_then(|before| change(one.size, before)),
            width: percent(one.size as f64, most as f64),
            now: true,
        });
    }
    bars
}

fn about(record: &RunRecord) -> Vec<AboutView<'_>> {
    let signatures = record.signatures.iter().map(|one| ("signature", one));
    let attachments = record.attachments.iter().map(|one| ("attachment", one));
    signatures
        .chain(attachments)
        .map(|(kind, receipt)| AboutView {
            kind,
            place: receipt.repository.digest(&receipt.digest),
            artifact_type: &receipt.artifact_type,
            subject: receipt.subject.short(),
        })
        .collect()
}

fn steps(record: &RunRecord) -> Vec<StepView<'_>> {
    let ends = record.steps.iter().map(|step| step.start + step.seconds);
    let whole = ends.fold(0.0, f64::max);
    let steps = record.steps.iter();
    steps
        .map(|step| StepView {
            verb: step.verb,
            what: &step.what,
            done: step.done,
            left: percent(step.start, whole),
            width: percent(step.seconds, whole),
            time: elapsed_text(step.seconds),
        })
        .collect()
}

fn commits(record: &RunRecord) -> Vec<CommitView<'_>> {
    let commits = record.commits.iter().take(MOST_COMMITS);
    commits
        .map(|commit| CommitView {
            short: commit.sha.short(),
            summary: &commit.summary,
            bump: commit.bump.map(|bump| bump.as_str()),
            why: &commit.why,
        })
        .collect()
}

/// `0.4 s`, `12 s`, `2 min 3 s`
pub(super) fn elapsed_text(seconds: f64) -> String {
    match seconds {
        _ if seconds < 0.0005 => "0 s".to_owned(),
        _ if seconds < 1.0 => format!("{:.0} ms", seconds * 1000.0),
        _ if seconds < 10.0 => format!("{seconds:.1} s"),
        _ => elapsed(std::time::Duration::from_secs_f64(seconds)),
    }
}

fn percent(part: f64, whole: f64) -> String {
    match whole > 0.0 {
        true => format!("{:.2}", part / whole * 100.0),
        false => "0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::{
        cli::report::{
            markdown::markdown,
            record::{ReportedCommit, ReportedPlatform, ReportedRemark, ReportedStep},
        },
        event::Step,
        oci::ImageName,
        policy::ForgeService,
        project::ReferrerReceipt,
    };

    /// A record with this text in each place for text from outside.
    fn record(text: &str) -> RunRecord {
        let digest = Digest::of(b"a");
        let repository: Repository = "ghcr.io/acme/api".parse().expect("a repository");
        let tag = |standing, name: &str| ReportedTag {
            repository: repository.clone(),
            tag: name.parse().expect("a tag"),
            image: Some(ImageName::main()),
            standing,
            before: Some(digest.clone()),
            wanted: None,
            now: Some(digest.clone()),
            why: text.to_owned(),
        };
        let receipt = ReferrerReceipt {
            repository: repository.clone(),
            digest: digest.clone(),
            artifact_type: text.to_owned(),
            subject: digest.clone(),
        };
        let error = Error::failed(text).cause(text).state(text).hint(text);
        RunRecord {
            v: 1,
            hoist: "0.1.0",
            verb: RunVerb::Release,
            outcome: "rolled-back".to_owned(),
            exit: 7,
            summary: text.to_owned(),
            version: Some("1.1.0".parse().expect("a version")),
            current: None,
            bump: None,
            why: Some(text.to_owned()),
            began: DateTime::UNIX_EPOCH,
            seconds: 63.5,
            commit: Some("a".repeat(40).parse().expect("an id")),
            branch: Some(text.to_owned()),
            release_commit: None,
            git_tag: None,
            forge: Some(ForgeReport {
                service: ForgeService::GitHub,
                url: text.to_owned(),
                public: Some(true),
            }),
            repositories: vec![repository.clone()],
            tags: vec![
                tag(TagStanding::Kept, "latest"),
                tag(TagStanding::Other, "1"),
            ],
            images: vec![ReportedImage {
                image: ImageName::named("worker").with_variant("alpine"),
                repository: repository.clone(),
                digest: digest.clone(),
                adopted: Some(text.to_owned()),
                platforms: vec![ReportedPlatform {
                    platform: Some(text.to_owned()),
                    size: 5_000_000,
                    layers: 2,
                    before: Some(6_000_000),
                }],
            }],
            attachments: vec![receipt.clone()],
            signatures: vec![receipt],
            gate: vec![text.to_owned()],
            over_budget: vec![text.to_owned()],
            uncommitted: vec![text.to_owned()],
            without_hooks: true,
            transfers: Vec::new(),
            commits: vec![ReportedCommit {
                sha: "b".repeat(40).parse().expect("an id"),
                summary: text.to_owned(),
                bump: None,
                why: text.to_owned(),
            }],
            steps: vec![ReportedStep {
                step: Step::Build,
                verb: "Building",
                what: text.to_owned(),
                start: 1.0,
                seconds: 3.0,
                done: false,
            }],
            remarks: vec![ReportedRemark {
                kind: "warning",
                text: text.to_owned(),
            }],
            notes: None,
            error: Some(error),
        }
    }

    #[test]
    fn keys_in_what_is_over_the_budget_are_code() {
        let mut record = record("name");
        record.over_budget = vec!["1.2 MB to pull, and `image.budget.max` is 1 MB".to_owned()];
        let page = super::page(&record).expect("it is written");
        assert!(
            page.contains("<span>1.2 MB to pull, and <code>image.budget.max</code> is 1 MB</span>")
        );
    }

    /// Texts that would do something if they were not escaped, in each place of the page.
    #[test]
    fn no_text_is_more_than_text() {
        let hostile =
            "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;{{ 7*7 }}\u{202e}";
        let page = page(&record(hostile)).expect("it is written");
        for never in ["<script", "<img", "\u{202e}", "href=", "url("] {
            let found = page.find(never).map(|at| &page[at.saturating_sub(60)..at]);
            assert_eq!(found, None, "{never}");
        }
        assert!(page.contains("&lt;script&gt;"));
        assert!(page.contains("default-src 'none'"));
        // Each tag and each quote is ours: there are as many as with harmless texts.
        let tame = super::page(&record("name")).expect("it is written");
        for mark in ["<", ">", "\"", "'"] {
            assert_eq!(
                page.matches(mark).count(),
                tame.matches(mark).count(),
                "{mark}"
            );
        }
        // How often a text is there: every place was tried.
        assert!(tame.matches(">name<").count() + tame.matches(" name").count() > 12);
    }

    #[test]
    fn markdown_holds_no_markup_of_others() {
        let text = markdown(&record("a|b\n# <b> `c` [x](http://e)"));
        for line in text.lines().filter(|line| line.starts_with('|')) {
            let cells = line.replace("\\|", "").matches('|').count();
            assert!(cells == 6 || cells == 4, "{line}");
        }
        assert!(
            !text.contains("\n# <b>") || text.contains("```text\nerror: a|b\n# <b>"),
            "{text}"
        );
    }

    #[test]
    fn times_are_short() {
        for (seconds, text) in [
            (0.0, "0 s"),
            (0.25, "250 ms"),
            (3.16, "3.2 s"),
            (12.4, "12 s"),
            (123.0, "2 min 3 s"),
        ] {
            assert_eq!(elapsed_text(seconds), text);
        }
    }

    #[test]
    fn the_size_is_told_with_its_change() {
        let figures = figures(&record("x"));
        let value = |name| {
            figures
                .iter()
                .find(|one| one.name == name)
                .map(|one| &*one.value)
        };
        assert_eq!(value("to pull"), Some("5.0 MB"));
        assert_eq!(value("since the last one"), Some("−1.0 MB"));
        assert_eq!(value("took"), Some("1 min 3 s"));
    }
}
