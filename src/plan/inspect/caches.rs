//! Directories that nothing needs when the image runs.

use std::collections::BTreeMap;

use crate::{
    plan::inspect::{
        claims::Claims,
        merge::Merged,
        omitted::Omitted,
        report::{LeftoverCache, Report},
    },
    text::{bytes, sanitize_line},
};

/// Less than this is not worth a piece of advice, in bytes.
pub(super) const WORTH: u64 = 1_000_000;

/// A directory that a program leaves behind.
struct Cache {
    /// From the root of the image; or, with `**/` before it, in any directory.
    path: &'static str,
    /// Whose it is.
    what: &'static str,
    /// What leaves it out.
    fix: &'static str,
    /// Whether a package manager fills it.
    package: bool,
}

const fn of_packages(path: &'static str, what: &'static str, fix: &'static str) -> Cache {
    Cache {
        path,
        what,
        fix,
        package: true,
    }
}

const fn temporary(path: &'static str) -> Cache {
    Cache {
        path,
        what: "temporary files",
        fix: "remove them in the RUN that makes them",
        package: false,
    }
}

const OWN_STAGE: &str = "build in a stage of its own, and COPY --from it";

const CACHES: &[Cache] = &[
    of_packages(
        "var/lib/apt/lists",
        "apt's package lists",
        "end the RUN that installs with: rm -rf /var/lib/apt/lists/*",
    ),
    of_packages(
        "var/cache/apt",
        "apt's downloads",
        "RUN --mount=type=cache,target=/var/cache/apt …, or apt-get clean in the same RUN",
    ),
    of_packages("var/cache/apk", "apk's downloads", "apk add --no-cache …"),
    of_packages("etc/apk/cache", "apk's downloads", "apk add --no-cache …"),
    of_packages(
        "var/cache/dnf",
        "dnf's downloads",
        "dnf clean all in the same RUN",
    ),
    of_packages(
        "var/cache/libdnf5",
        "dnf's downloads",
        "dnf clean all in the same RUN",
    ),
    of_packages(
        "var/cache/yum",
        "yum's downloads",
        "yum clean all in the same RUN",
    ),
    of_packages(
        "var/cache/zypp",
        "zypper's downloads",
        "zypper clean --all in the same RUN",
    ),
    of_packages(
        "var/cache/pacman/pkg",
        "pacman's downloads",
        "pacman -Scc in the same RUN",
    ),
    of_packages(
        "**/.cache/pip",
        "pip's cache",
        "pip install --no-cache-dir …",
    ),
    of_packages("**/.cache/uv", "uv's cache", "uv sync --no-cache …"),
    of_packages(
        "**/.cache/pypoetry",
        "poetry's cache",
        "poetry install --no-cache …",
    ),
    of_packages(
        "**/.npm",
        "npm's cache",
        "RUN --mount=type=cache,target=/root/.npm npm ci",
    ),
    of_packages(
        "**/.cache/yarn",
        "yarn's cache",
        "yarn cache clean in the same RUN",
    ),
    of_packages(
        "usr/local/share/.cache",
        "yarn's cache",
        "yarn cache clean in the same RUN",
    ),
    of_packages(
        "**/.local/share/pnpm/store",
        "pnpm's store",
        "RUN --mount=type=cache,target=/pnpm/store pnpm install --store-dir /pnpm/store",
    ),
    of_packages(
        "**/.composer/cache",
        "composer's cache",
        "composer install --no-cache …",
    ),
    of_packages(
        "**/.bundle/cache",
        "bundler's cache",
        "bundle config set no-cache true",
    ),
    of_packages("**/.cargo/registry", "cargo's downloads", OWN_STAGE),
    of_packages("usr/local/cargo/registry", "cargo's downloads", OWN_STAGE),
    of_packages("**/go/pkg/mod", "Go's modules", OWN_STAGE),
    of_packages("**/.m2/repository", "Maven's downloads", OWN_STAGE),
    of_packages("**/.gradle/caches", "Gradle's downloads", OWN_STAGE),
    of_packages("**/.nuget/packages", "NuGet's packages", OWN_STAGE),
    Cache {
        path: "**/.cache/go-build",
        what: "Go's build cache",
        fix: OWN_STAGE,
        package: false,
    },
    temporary("tmp"),
    temporary("var/tmp"),
];

/// The caches whose files can be seen in the end, the largest first. Their files are claimed.
pub(super) fn caches(merged: &Merged, claims: &mut Claims<'_>) -> Vec<LeftoverCache> {
    let mut found: BTreeMap<&str, (&Cache, Vec<&String>)> = BTreeMap::new();
    for path in merged.paths.keys() {
        let cache = CACHES
            .iter()
            .find_map(|cache| Some((cache.directory_of(path)?, cache)));
        if let Some((directory, cache)) = cache {
            let entry = found.entry(directory).or_insert((cache, Vec::new()));
            entry.1.push(path);
        }
    }
    let found = found
        .into_iter()
        .map(|(path, (cache, files))| LeftoverCache {
            path: path.to_owned(),
            what: cache.what,
            size: claims.take(files),
            fix: cache.fix,
            package: cache.package,
        });
    let mut found: Vec<_> = found.filter(|cache| cache.size > 0).collect();
    found.sort_by_key(|cache| std::cmp::Reverse(cache.size));
    found
}

/// Cuts the list, once there is advice about all of it, and sums up what is in none.
pub(super) fn cut(report: &mut Report) {
    let of = |wanted: fn(&&LeftoverCache) -> bool| report.caches.iter().filter(wanted);
    let size = |cache: &LeftoverCache| cache.size;
    report.small_caches = Omitted {
        count: of(|cache| cache.size < WORTH).count(),
        bytes: of(|cache| cache.size < WORTH).map(size).sum(),
    };
    report.package_caches = of(|cache| cache.package).map(size).sum();
    report.omitted_caches = Omitted::cut(&mut report.caches, size);
}

impl Report {
    /// The caches that no advice is about.
    pub(crate) fn without_advice(&self) -> Option<String> {
        let small = self.small_caches;
        let places = match small.count {
            0 => return None,
            1 => "1 place".to_owned(),
            count => format!("{count} places"),
        };
        let mut caches = self.caches.iter().filter(|cache| cache.size < WORTH);
        let largest = caches.next().map_or_else(String::new, |cache| {
            let path = sanitize_line(&cache.path, 200);
            format!(", the largest {} in /{path}", cache.what)
        });
        Some(format!(
            "caches below {} each, without advice: {} in {places}{largest}",
            bytes(WORTH),
            bytes(small.bytes)
        ))
    }
}

impl Cache {
    /// The cache that the file lies in, as a directory of the image.
    fn directory_of<'p>(&self, path: &'p str) -> Option<&'p str> {
        let inside = |end: usize| path.as_bytes().get(end) == Some(&b'/');
        let Some(name) = self.path.strip_prefix("**/") else {
            let length = self.path.len();
            return (path.starts_with(self.path) && inside(length)).then(|| &path[..length]);
        };
        let mut places = path
            .match_indices(name)
            .map(|(at, _)| (at, at + name.len()));
        let (_, end) = places.find(|&(at, end)| {
            inside(end) && (at == 0 || path.as_bytes().get(at - 1) == Some(&b'/'))
        })?;
        Some(&path[..end])
    }
}
