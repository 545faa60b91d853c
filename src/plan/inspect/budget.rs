//! Whether an image keeps within `[image.budget]`, and what it is that does not fit.

use crate::{
    oci::Digest,
    plan::inspect::report::{BaseReport, Excess, Report},
    policy::{BudgetPolicy, Denied, Growth},
    text::{bytes, sanitize_line},
};

/// How many causes an error names.
const CAUSES: usize = 3;
/// What caches of package managers may hold together: less is a log or a lock, in bytes.
const EMPTY_CACHES: u64 = 100_000;

/// What only the files of an image tell.
const OF_FILES: [Denied; 2] = [Denied::SecretFiles, Denied::PackageCaches];

/// The image of the last release, as far as growth is judged by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// The version, or the image's name.
    pub name: String,
    /// Bytes to pull.
    pub size: u64,
    /// Its packed layers.
    pub layers: Vec<Digest>,
}

/// Whether the files of an image have to be read to judge it, beside its manifest and configuration.
#[must_use]
pub fn needs_files(budget: &BudgetPolicy) -> bool {
    budget.waste.is_some() || OF_FILES.iter().any(|denied| budget.deny.contains(denied))
}

/// Every rule of the `budget` that the image breaks; `key` is its table in the policy. `base`: its base image, where
/// more is known than the image says itself.
#[must_use]
pub fn judge(
    (key, budget): (&str, &BudgetPolicy),
    report: &Report,
    before: Option<&Before>,
    base: Option<&BaseReport>,
) -> Vec<Excess> {
    let mut all = Vec::new();
    if let Some(max) = budget.max.filter(|max| report.size > max.0) {
        let (now, max) = apart(report.size, max.0);
        all.push(Excess {
            rule: "max".into(),
            text: format!("{now} to pull, and `{key}.max` is {max}"),
            causes: largest(report),
        });
    }
    all.extend(before.and_then(|before| growth((key, budget), report, before)));
    if let Some(waste) = budget.waste.filter(|waste| report.wasted > waste.0) {
        let (now, waste) = apart(report.wasted, waste.0);
        all.push(Excess {
            rule: "waste".into(),
            text: format!(
                "{now} of files that later layers delete or overwrite, and `{key}.waste` is {waste}"
            ),
            causes: hidden(report),
        });
    }
    let layers = report.layers.len();
    if let Some(most) = budget.layers.filter(|most| layers > *most) {
        all.push(Excess {
            rule: "layers".into(),
            text: format!("{layers} layers, and `{key}.layers` is {most}"),
            causes: Vec::new(),
        });
    }
    let base = base.or(report.base.as_ref());
    let denied = budget.deny.iter();
    all.extend(denied.filter_map(|denied| self::denied((key, *denied), report, base)));
    all.extend(unjudged((key, budget), report));
    all
}

/// The rules about files, where a layer cannot be read: nobody can say that they are kept.
fn unjudged((key, budget): (&str, &BudgetPolicy), report: &Report) -> Vec<Excess> {
    let mut layers = report.layers.iter().enumerate();
    let unread = layers.find_map(|(index, layer)| Some((index + 1, layer.unread.as_ref()?)));
    let Some((number, media_type)) = unread else {
        return Vec::new();
    };
    let waste = budget.waste.map(|_| {
        let rule = "waste".to_owned();
        (rule, format!("`{key}.waste`"))
    });
    let denied = budget
        .deny
        .iter()
        .filter(|denied| OF_FILES.contains(denied));
    let denied = denied.map(|denied| {
        let rule = denied.to_string();
        (rule, format!("`{denied}` of `{key}.deny`"))
    });
    let excess = |(rule, named): (String, String)| Excess {
        rule,
        text: format!(
            "{named} cannot be judged: layer {number} cannot be read, its type is `{}`",
            sanitize_line(media_type, 200)
        ),
        causes: Vec::new(),
    };
    waste.into_iter().chain(denied).map(excess).collect()
}

/// The causes of all rules that are broken, three at most, the first of each rule before the second of any.
#[must_use]
pub fn top_causes(over: &[Excess]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for place in 0..CAUSES {
        for cause in over.iter().filter_map(|excess| excess.causes.get(place)) {
            if !all.contains(cause) {
                all.push(cause.clone());
            }
        }
    }
    all.truncate(CAUSES);
    all
}

fn growth(
    (key, budget): (&str, &BudgetPolicy),
    report: &Report,
    before: &Before,
) -> Option<Excess> {
    let growth = budget.growth?;
    let more = report.size.checked_sub(before.size)?;
    let fits = match growth {
        Growth::Percent(hundredths) => {
            u128::from(more) * 10_000 <= u128::from(before.size) * u128::from(hundredths)
        }
        Growth::Bytes(most) => more <= most.0,
    };
    if fits {
        return None;
    }
    let most = match growth {
        Growth::Percent(_) => growth.to_string(),
        Growth::Bytes(most) => apart(more, most.0).1,
    };
    Some(Excess {
        rule: "growth".into(),
        text: format!(
            "{} to pull, {}{} more than {} has, and `{key}.growth` is {most}",
            bytes(report.size),
            apart(more, before.size).0,
            share(more, before.size),
            sanitize_line(&before.name, 200),
        ),
        causes: new_layers(report, before),
    })
}

/// ` (12.5 %)`.
fn share(more: u64, before: u64) -> String {
    if before == 0 {
        return String::new();
    }
    // Rounded up, so that what is over the limit never reads as the limit.
    let hundredths = (u128::from(more) * 10_000).div_ceil(u128::from(before));
    format!(" ({}.{:02} %)", hundredths / 100, hundredths % 100)
}

/// Both figures, in single bytes where they would read the same otherwise.
fn apart(now: u64, limit: u64) -> (String, String) {
    match (bytes(now), bytes(limit)) {
        (a, b) if a == b => (format!("{now} B"), format!("{limit} B")),
        different => different,
    }
}

fn denied(
    (key, denied): (&str, Denied),
    report: &Report,
    base: Option<&BaseReport>,
) -> Option<Excess> {
    let (text, causes) = match denied {
        Denied::RootUser => {
            let user = report.user.root.then_some(&report.user.name)?;
            let user = user
                .as_deref()
                .unwrap_or("nobody in particular, which is root");
            let user = sanitize_line(user, 100);
            (
                "it runs as root".to_owned(),
                vec![format!("its user is {user}")],
            )
        }
        Denied::SecretFiles => {
            let secrets = &report.secrets;
            let paths = secrets.iter().map(|secret| {
                let hidden = secret.hidden_by.map_or(String::new(), |by| {
                    format!(", hidden by layer {}, and still in the image", by + 1)
                });
                let path = sanitize_line(&secret.path, 200);
                format!(
                    "/{path} looks like a secret (layer {}{hidden})",
                    secret.layer + 1
                )
            });
            let first = paths.clone().next()?;
            let text = match report.secret_count() {
                1 => first,
                count => format!("{count} files look like secrets"),
            };
            (text, paths.take(CAUSES).collect())
        }
        Denied::PackageCaches => {
            let caches: Vec<_> = report.caches.iter().filter(|cache| cache.package).collect();
            let size = report.package_caches;
            if size < EMPTY_CACHES {
                return None;
            }
            let causes = caches.iter().take(CAUSES).map(|cache| {
                let path = sanitize_line(&cache.path, 200);
                format!(
                    "{}: {} in /{path}; {}",
                    bytes(cache.size),
                    cache.what,
                    cache.fix
                )
            });
            (
                format!("{} of package managers' caches", bytes(size)),
                causes.collect(),
            )
        }
        Denied::UnpinnedBase => {
            let base = base.filter(|base| base.pinned == Some(false))?;
            let name = sanitize_line(base.name.as_deref().unwrap_or("the base image"), 200);
            let pin = format!("FROM {name}@sha256:… pins it");
            (
                format!("the base image `{name}` is not named by a digest"),
                vec![pin],
            )
        }
    };
    Some(Excess {
        rule: denied.to_string(),
        text: format!("{text}, and `{key}.deny` has `{denied}`"),
        causes,
    })
}

/// What could be saved, else the largest layers.
fn largest(report: &Report) -> Vec<String> {
    let mut savings: Vec<_> = report
        .advice
        .iter()
        .filter(|advice| advice.saves > Some(0))
        .collect();
    savings.sort_by_key(|advice| std::cmp::Reverse(advice.saves));
    let savings = savings.into_iter().map(|advice| {
        let saves = bytes(advice.saves.unwrap_or(0));
        format!("{saves} unpacked: {}; {}", advice.why, advice.text)
    });
    let mut layers: Vec<_> = (0..report.layers.len()).collect();
    layers.sort_by_key(|index| std::cmp::Reverse(report.layers[*index].size));
    let layers = layers.into_iter().map(|index| layer(report, index, ""));
    savings.chain(layers).take(CAUSES).collect()
}

/// The files that have grown, where they were compared; else the layers that are new.
fn new_layers(report: &Report, before: &Before) -> Vec<String> {
    let mut new: Vec<_> = (0..report.layers.len())
        .filter(|index| !before.layers.contains(&report.layers[*index].digest))
        .collect();
    new.sort_by_key(|index| std::cmp::Reverse(report.layers[*index].size));
    let since = format!(" is new since {}", sanitize_line(&before.name, 100));
    let new = new.into_iter().take(CAUSES);
    new.map(|index| layer(report, index, &since)).collect()
}

fn layer(report: &Report, index: usize, what: &str) -> String {
    let layer = &report.layers[index];
    let made = match &layer.created_by {
        Some(made) => format!(": {}", sanitize_line(made, 120)),
        None => String::new(),
    };
    format!(
        "{} to pull: layer {}{what}{made}",
        bytes(layer.size),
        index + 1
    )
}

fn hidden(report: &Report) -> Vec<String> {
    let waste = report.waste.iter().take(CAUSES).map(|waste| {
        format!(
            "{}: /{} of layer {}, hidden by layer {}",
            bytes(waste.size),
            sanitize_line(&waste.path, 200),
            waste.layer + 1,
            waste.hidden_by + 1
        )
    });
    waste.collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        oci::{Contents, Digest, LayerContents, LayerEntry, LayerEntryKind},
        plan::inspect::{budget::*, inspect},
        policy::Policy,
    };

    /// One layer a file.
    fn contents(files: &[(&str, u64)]) -> Contents {
        let layer = |(path, size): &(&str, u64)| LayerContents {
            digest: Digest::of(path.as_bytes()),
            diff_id: Digest::of(path.as_bytes()),
            size: *size,
            created_by: Some(format!("COPY {path}")),
            unread: None,
            entries: vec![LayerEntry {
                path: (*path).to_owned(),
                size: *size,
                kind: LayerEntryKind::File,
                content: None,
                private_key: false,
            }],
        };
        Contents {
            user: Some("1000".into()),
            layers: files.iter().map(layer).collect(),
            ..Contents::default()
        }
    }

    fn over(budget: &str, contents: &Contents, before: u64) -> Vec<Excess> {
        let text = format!("[image.budget]\n{budget}\n");
        let policy = Policy::parse(&text, "release.toml").expect("a good policy");
        let before = Before {
            name: "1.0.0".into(),
            size: before,
            layers: vec![Digest::of(b"a")],
        };
        let report = inspect("x", contents, None);
        judge(
            ("image.budget", &policy.image.budget),
            &report,
            Some(&before),
            None,
        )
    }

    #[test]
    fn what_cannot_be_read_keeps_no_rule_about_files() {
        let mut sealed = contents(&[("a", 10), ("b", 10)]);
        sealed.layers[1].unread = Some("application/vnd.oci.image.layer.v1.tar+xz".into());
        sealed.layers[1].entries.clear();
        let budget = "waste = \"1kB\"\ndeny = [\"secret-files\", \"root-user\"]\nmax = \"1MB\"";
        let over: Vec<String> = over(budget, &sealed, 10)
            .into_iter()
            .map(|excess| format!("{}: {}", excess.rule, excess.text))
            .collect();
        let why = "cannot be judged: layer 2 cannot be read, its type is \
                   `application/vnd.oci.image.layer.v1.tar+xz`";
        assert_eq!(
            over,
            [
                format!("waste: `image.budget.waste` {why}"),
                format!("secret-files: `secret-files` of `image.budget.deny` {why}"),
            ]
        );
        assert_eq!(self::over("max = \"1MB\"", &sealed, 10), []);
    }

    #[test]
    fn the_limit_itself_is_within_the_budget() {
        let image = contents(&[("a", 100), ("b", 10)]);
        for (budget, broken) in [
            ("max = \"110B\"", false),
            ("max = \"109B\"", true),
            ("growth = \"10%\"", false),
            ("growth = \"9.99%\"", true),
            ("growth = \"10B\"", false),
            ("growth = \"9B\"", true),
            ("growth = \"0%\"", true),
            ("layers = 2", false),
            ("layers = 1", true),
            ("waste = \"0B\"", false),
            (
                "deny = [\"root-user\", \"secret-files\", \"package-caches\", \"unpinned-base\"]",
                false,
            ),
        ] {
            assert_eq!(!over(budget, &image, 100).is_empty(), broken, "{budget}");
        }
        // Smaller than before, and before of no size at all.
        assert_eq!(over("growth = \"0%\"", &image, 200), []);
        assert_eq!(over("growth = \"50%\"", &image, 0).len(), 1);
        let huge = contents(&[("a", u64::MAX / 2), ("b", u64::MAX / 2)]);
        assert_eq!(over("growth = \"10%\"", &huge, u64::MAX / 2).len(), 1);
    }

    #[test]
    fn what_is_over_comes_with_figures_that_differ_and_with_causes() {
        let image = contents(&[("a", 120_000_000), ("b", 40_000)]);
        let found = over(
            "max = \"120MB\"\ngrowth = \"0.01%\"\nlayers = 1",
            &image,
            120_000_000,
        );
        let texts: Vec<_> = found.iter().map(|one| &*one.text).collect();
        assert_eq!(
            texts,
            [
                "120040000 B to pull, and `image.budget.max` is 120000000 B",
                "120.0 MB to pull, 40.0 kB (0.04 %) more than 1.0.0 has, and `image.budget.growth` is 0.01%",
                "2 layers, and `image.budget.layers` is 1",
            ]
        );
        assert_eq!(
            top_causes(&found),
            [
                "120.0 MB to pull: layer 1: COPY a",
                "40.0 kB to pull: layer 2 is new since 1.0.0: COPY b",
                "40.0 kB to pull: layer 2: COPY b",
            ]
        );
    }

    #[test]
    fn each_denied_thing_is_named() {
        let mut image = contents(&[
            ("app/.env", 5),
            ("var/lib/apt/lists/x", 200_000),
            ("tmp/x", 900_000),
        ]);
        image.user = None;
        image.base = Some(crate::oci::BaseImage {
            name: Some("debian:12".into()),
            digest: None,
        });
        let all = "deny = [\"root-user\", \"secret-files\", \"package-caches\", \"unpinned-base\"]";
        let texts: Vec<_> = over(all, &image, 1)
            .into_iter()
            .map(|one| one.text)
            .collect();
        assert_eq!(
            texts,
            [
                "it runs as root, and `image.budget.deny` has `root-user`",
                "/app/.env looks like a secret (layer 1), and `image.budget.deny` has `secret-files`",
                "200.0 kB of package managers' caches, and `image.budget.deny` has `package-caches`",
                "the base image `debian:12` is not named by a digest, and `image.budget.deny` has `unpinned-base`",
            ]
        );
    }
}
