//! What would make an image smaller or safer, and by how much.

use crate::{
    oci::Contents,
    plan::inspect::{
        merge::Merged,
        report::{Advice, LeftoverCache, Report},
    },
};

/// Less than this is not worth a word, in bytes.
const WORTH: u64 = 1_000_000;
/// Layers above which fewer would do.
const MANY_LAYERS: usize = 30;
/// A distribution's own files above which a smaller one is worth a thought, in bytes.
const LARGE_BASE: u64 = 60_000_000;

/// Directories that nothing needs when the image runs: path, whose, what leaves them out.
const CACHES: &[(&str, &str, &str)] = &[
    (
        "var/lib/apt/lists",
        "apt's package lists",
        "end the RUN that installs with: rm -rf /var/lib/apt/lists/*",
    ),
    (
        "var/cache/apt",
        "apt's downloads",
        "RUN --mount=type=cache,target=/var/cache/apt …, or apt-get clean in the same RUN",
    ),
    ("var/cache/apk", "apk's downloads", "apk add --no-cache …"),
    (
        "var/cache/dnf",
        "dnf's downloads",
        "dnf clean all in the same RUN",
    ),
    (
        "var/cache/yum",
        "yum's downloads",
        "yum clean all in the same RUN",
    ),
    (
        "root/.cache/pip",
        "pip's cache",
        "pip install --no-cache-dir …",
    ),
    (
        "root/.npm",
        "npm's cache",
        "RUN --mount=type=cache,target=/root/.npm npm ci",
    ),
    (
        "usr/local/share/.cache",
        "yarn's cache",
        "yarn cache clean in the same RUN",
    ),
    (
        "root/.cargo/registry",
        "cargo's downloads",
        "build in a stage of its own, and COPY --from it",
    ),
    (
        "usr/local/cargo/registry",
        "cargo's downloads",
        "build in a stage of its own, and COPY --from it",
    ),
    (
        "root/go/pkg/mod",
        "Go's modules",
        "build in a stage of its own, and COPY --from it",
    ),
    (
        "go/pkg/mod",
        "Go's modules",
        "build in a stage of its own, and COPY --from it",
    ),
    (
        "root/.cache/go-build",
        "Go's build cache",
        "build in a stage of its own, and COPY --from it",
    ),
    (
        "root/.m2/repository",
        "Maven's downloads",
        "build in a stage of its own, and COPY --from it",
    ),
    (
        "root/.gradle",
        "Gradle's downloads",
        "build in a stage of its own, and COPY --from it",
    ),
    (
        "tmp",
        "temporary files",
        "remove them in the RUN that makes them",
    ),
];

/// Programs that build others: their presence says that the image was not made in stages.
const TOOLS: &[&str] = &[
    "usr/bin/gcc",
    "usr/bin/x86_64-linux-gnu-gcc-12",
    "usr/bin/cc1",
    "usr/bin/clang",
    "usr/local/cargo/bin/cargo",
    "root/.cargo/bin/cargo",
    "usr/local/go/bin/go",
    "usr/bin/cmake",
    "usr/bin/mvn",
    "opt/gradle/bin/gradle",
];

/// What marks a distribution, its name, and whether it is one of the large ones.
const BASES: &[(&str, &str)] = &[
    ("etc/debian_version", "Debian or Ubuntu"),
    ("etc/redhat-release", "Red Hat's family"),
    ("etc/arch-release", "Arch"),
];

/// Names that do not belong into an image.
const SECRETS: &[&str] = &[
    ".env",
    "id_rsa",
    "id_ed25519",
    ".npmrc",
    ".pypirc",
    ".netrc",
    ".docker/config.json",
];

/// The caches whose files can be seen in the end, the largest first.
pub(super) fn caches(merged: &Merged) -> Vec<LeftoverCache> {
    let mut found: Vec<LeftoverCache> = CACHES
        .iter()
        .map(|&(path, what, fix)| LeftoverCache {
            path: path.to_owned(),
            what,
            size: merged.below(path).map(|(_, (size, _))| size).sum(),
            fix,
        })
        .filter(|cache| cache.size > 0)
        .collect();
    found.sort_by_key(|cache| std::cmp::Reverse(cache.size));
    found
}

/// Everything worth a word, the largest saving first.
pub(super) fn advice(report: &Report, contents: &Contents, merged: &Merged) -> Vec<Advice> {
    let mut all = Vec::new();
    if report.wasted >= WORTH {
        all.push(Advice {
            text: "delete files in the RUN that makes them, or make them in another stage".into(),
            why: "files that a later layer deletes or overwrites are pulled all the same".into(),
            saves: Some(report.wasted),
        });
    }
    for cache in report.caches.iter().filter(|cache| cache.size >= WORTH) {
        all.push(Advice {
            text: cache.fix.into(),
            why: format!("{} in /{}", cache.what, cache.path),
            saves: Some(cache.size),
        });
    }
    all.extend(stages(merged));
    all.extend(base(merged));
    all.extend(ignore_file(merged));
    all.extend(secrets(merged));
    if contents.layers.len() > MANY_LAYERS {
        all.push(Advice {
            text: "join RUN instructions that belong together".into(),
            why: format!("{} layers", contents.layers.len()),
            saves: None,
        });
    }
    if contents
        .user
        .as_deref()
        .is_none_or(|user| matches!(user, "" | "root" | "0" | "0:0"))
    {
        all.push(Advice {
            text: "end the Dockerfile with USER and an id that is not 0".into(),
            why: "the image runs as root".into(),
            saves: None,
        });
    }
    all.sort_by_key(|advice| std::cmp::Reverse(advice.saves));
    all
}

fn stages(merged: &Merged) -> Option<Advice> {
    let tool = TOOLS
        .iter()
        .find(|tool| merged.files.contains_key(**tool))?;
    Some(Advice {
        text: "build in one stage and COPY --from it into a stage that holds only what runs".into(),
        why: format!("/{tool} is in the image"),
        saves: None,
    })
}

fn base(merged: &Merged) -> Option<Advice> {
    let (_, name) = BASES
        .iter()
        .find(|(mark, _)| merged.files.contains_key(*mark))?;
    // A distribution's files lie here; a program's own seldom do.
    let own: u64 = [
        "usr/lib",
        "usr/share",
        "usr/bin",
        "usr/sbin",
        "lib",
        "bin",
        "sbin",
    ]
    .iter()
    .flat_map(|directory| merged.below(directory))
    .map(|(_, (size, _))| size)
    .sum();
    (own >= LARGE_BASE).then(|| Advice {
        text:
            "start from a smaller base: alpine, a distroless image, or scratch for a static program"
                .into(),
        why: format!("{name}: {} MB of system files", own / 1_000_000),
        saves: None,
    })
}

fn ignore_file(merged: &Merged) -> Option<Advice> {
    let within = |name: &str| {
        let inner = format!("/{name}/");
        let outer = format!("{name}/");
        let found = merged
            .files
            .iter()
            .filter(|(path, _)| path.starts_with(&outer) || path.contains(&inner));
        let size: u64 = found.map(|(_, (size, _))| size).sum();
        (size > 0).then_some((name.to_owned(), size))
    };
    let (name, size) = within(".git")
        .or_else(|| within(".svn"))
        .or_else(|| within(".hg"))?;
    Some(Advice {
        text: format!("name `{name}` in .dockerignore"),
        why: format!("`{name}` is in the image, with the whole history"),
        saves: Some(size),
    })
}

fn secrets(merged: &Merged) -> Option<Advice> {
    let is_secret = |path: &&String| {
        SECRETS.iter().any(|name| {
            *path == name
                || path
                    .strip_suffix(name)
                    .is_some_and(|before| before.ends_with('/'))
        })
    };
    let path = merged.files.keys().find(is_secret)?;
    Some(Advice {
        text:
            "leave secrets out: .dockerignore, and RUN --mount=type=secret where a step needs one"
                .into(),
        why: format!("/{path} looks like one"),
        saves: None,
    })
}
