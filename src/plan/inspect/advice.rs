//! What would make an image smaller or safer, and by how much.

use crate::{
    oci::Contents,
    plan::inspect::{
        base,
        caches::WORTH,
        claims::Claims,
        duplicates::free_copies,
        merge::Merged,
        report::{Advice, AdviceKind, Duplicate, Hidden, Report, Waste},
        toolchains::build_tools,
    },
    text::{bytes, sanitize_line},
};

/// Layers above which fewer would do.
const MANY_LAYERS: usize = 30;
/// A distribution's own files above which a smaller one is worth a thought, in bytes.
const LARGE_BASE: u64 = 60_000_000;
/// Directories that hold the history of a repository.
const HISTORIES: &[&str] = &[".git", ".svn", ".hg"];

/// Everything worth a word, in the order of [`AdviceKind`], of one kind the largest saving first. The caches of the
/// report are claimed already.
pub(super) fn advice(
    report: &Report,
    contents: &Contents,
    merged: &Merged,
    copies: &[Duplicate],
    claims: &mut Claims<'_>,
) -> Vec<Advice> {
    let mut all = Vec::new();
    all.extend(ignore_file(merged, claims));
    all.extend(stages(merged, claims));
    all.extend(smaller_base(report, merged, claims));
    all.extend(hidden_files(merged));
    let caches = report.caches.iter().filter(|cache| cache.size >= WORTH);
    all.extend(caches.map(|cache| Advice {
        kind: AdviceKind::Leftovers,
        text: cache.fix.into(),
        why: format!("{} in /{}", cache.what, cache.path),
        saves: Some(cache.size),
    }));
    all.extend(duplicates(copies, merged, claims));
    all.extend(pin(report));
    all.extend(secrets(report));
    if contents.layers.len() > MANY_LAYERS {
        all.push(Advice {
            kind: AdviceKind::FewerLayers,
            text: "join RUN instructions that belong together".into(),
            why: format!("{} layers", contents.layers.len()),
            saves: None,
        });
    }
    if report.user.root {
        all.push(Advice {
            kind: AdviceKind::ImageUser,
            text: "end the Dockerfile with USER and an id that is not 0".into(),
            why: "the image runs as root".into(),
            saves: None,
        });
    }
    all.sort_by_key(|advice| (advice.kind, std::cmp::Reverse(advice.saves)));
    all
}

fn stages(merged: &Merged, claims: &mut Claims<'_>) -> Option<Advice> {
    let tools = build_tools(merged, claims)?;
    let names: Vec<_> = tools.names.into_iter().collect();
    Some(Advice {
        kind: AdviceKind::MultiStage,
        text: "build in one stage and COPY --from it into a stage that holds only what runs".into(),
        why: format!(
            "only a build needs {}: /{}",
            names.join(", "),
            sanitize_line(&tools.example, 200)
        ),
        saves: Some(tools.size),
    })
}

fn smaller_base(report: &Report, merged: &Merged, claims: &mut Claims<'_>) -> Option<Advice> {
    let files = base::files(merged);
    let files: Vec<_> = files
        .into_iter()
        .filter(|path| claims.is_free(path))
        .collect();
    if merged.freed(files.iter().copied()) < LARGE_BASE {
        return None;
    }
    let size = claims.take(files);
    let distribution = report
        .base
        .as_ref()
        .and_then(|base| base.distribution.as_deref());
    Some(Advice {
        kind: AdviceKind::SmallerBase,
        text: "start from a smaller base: alpine, a distroless image, or scratch for a static program, which saves all of it".into(),
        why: format!(
            "{}: {} of system files in the base image",
            distribution.unwrap_or("the distribution"),
            bytes(size)
        ),
        saves: Some(size),
    })
}

/// Files that a later layer hides: deleted ones, copies with another owner or mode, earlier versions.
fn hidden_files(merged: &Merged) -> Vec<Advice> {
    let of = |kind, text: &str, what: &str, wanted: &dyn Fn(&Waste) -> bool| {
        let waste: Vec<_> = merged.waste.iter().filter(|waste| wanted(waste)).collect();
        let size: u64 = waste.iter().map(|waste| waste.size).sum();
        let largest = waste.iter().max_by_key(|waste| waste.size)?;
        (size >= WORTH).then(|| Advice {
            kind,
            text: text.to_owned(),
            why: format!(
                "{what}, /{} of layer {} among them (by layer {})",
                sanitize_line(&largest.path, 200),
                largest.layer + 1,
                largest.hidden_by + 1
            ),
            saves: Some(size),
        })
    };
    let deleted = of(
        AdviceKind::MergeLayers,
        "delete files in the RUN that makes them, or make them in another stage",
        "files that a later layer deletes are pulled all the same",
        &|waste| waste.how == Hidden::Deleted,
    );
    let changed = of(
        AdviceKind::MergeLayers,
        "change files in the RUN that makes them, or write them once",
        "files that a later layer overwrites are pulled twice",
        &|waste| waste.how == Hidden::Overwritten && !waste.same_content,
    );
    let touched = of(
        AdviceKind::CopyOnce,
        "COPY --chown and --chmod in place of RUN chown and RUN chmod",
        "files are pulled twice for another owner, mode or time",
        &|waste| waste.how == Hidden::Overwritten && waste.same_content,
    );
    [deleted, changed, touched].into_iter().flatten().collect()
}

fn ignore_file(merged: &Merged, claims: &mut Claims<'_>) -> Vec<Advice> {
    let mut all = Vec::new();
    for name in HISTORIES {
        let (inner, outer) = (format!("/{name}/"), format!("{name}/"));
        let found = |path: &&String| path.starts_with(&outer) || path.contains(&inner);
        let size = claims.take(merged.paths.keys().filter(found));
        if size > 0 {
            all.push(Advice {
                kind: AdviceKind::IgnoreFile,
                text: format!("name `{name}` in .dockerignore"),
                why: format!("`{name}` is in the image, with the whole history"),
                saves: Some(size),
            });
        }
    }
    all
}

fn duplicates(copies: &[Duplicate], merged: &Merged, claims: &mut Claims<'_>) -> Option<Advice> {
    let size = free_copies(copies, merged, claims);
    let first = copies.first()?;
    let paths: Vec<_> = first.paths.iter().take(2).collect();
    (size >= WORTH).then(|| Advice {
        kind: AdviceKind::Duplicates,
        text: "keep one copy, and make the others links to it".into(),
        why: format!(
            "the same content several times: /{} and /{}",
            sanitize_line(paths[0], 100),
            sanitize_line(paths[1], 100)
        ),
        saves: Some(size),
    })
}

fn pin(report: &Report) -> Option<Advice> {
    let base = report.base.as_ref()?;
    let name = sanitize_line(base.name.as_deref()?, 200);
    let advice = |text: String, why: String| Advice {
        kind: AdviceKind::PinBase,
        text,
        why,
        saves: None,
    };
    if base.pinned == Some(false) {
        return Some(advice(
            format!("FROM {name}@sha256:…, and let a bot raise the digest"),
            format!("the base `{name}` is not pinned: the next build can have another one"),
        ));
    }
    (base::is_official(base) == Some(false)).then(|| {
        advice(
            "start from an official image: one of Docker's library, a distribution's or distroless"
                .into(),
            format!("the base `{name}` is not an official image"),
        )
    })
}

fn secrets(report: &Report) -> Option<Advice> {
    let first = report.secrets.first()?;
    let more = match report.secret_count() {
        1 => String::new(),
        count => format!(", and {} more", count - 1),
    };
    let hidden = match first.hidden_by {
        Some(by) => format!(" (hidden by layer {}, and still in the image)", by + 1),
        None => String::new(),
    };
    Some(Advice {
        kind: AdviceKind::Secrets,
        text:
            "leave secrets out: .dockerignore, and RUN --mount=type=secret where a step needs one"
                .into(),
        why: format!(
            "/{} looks like a secret{hidden}{more}",
            sanitize_line(&first.path, 200)
        ),
        saves: None,
    })
}
