//! Which keys of the policy an engine can do, and by which of its builders. Pure. A key that it cannot do is
//! refused by name with a way out, never ignored.

use crate::{
    build::buildkit::{cache_image, is_inline},
    error::{Error, Result},
    policy::{BuildPolicy, Builder},
};

/// How an engine builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EngineBuilder {
    /// By BuildKit's own API: with the containerd image store.
    Solve,
    /// With BuildKit behind the engine's `/build`: one image, into the engine's store.
    Buildkit,
    /// With the builder before BuildKit; Podman's own.
    Classic,
}

/// What an engine is, as far as it matters to what it can build.
#[derive(Debug, Clone, Default)]
pub(crate) struct EngineTraits {
    /// "Docker Engine 28.5.2", for messages.
    pub(crate) name: String,
    pub(crate) podman: bool,
    /// Whether `/build` can use BuildKit.
    pub(crate) buildkit: bool,
    /// Whether images are in containerd's store.
    pub(crate) containerd_store: bool,
    /// Whether it could have that store, when it is told so.
    pub(crate) knows_containerd_store: bool,
    /// Whether its BuildKit takes limits for the steps; an older one leaves them out without a word.
    pub(crate) limits_steps: bool,
    /// Whether `docker buildx` is installed here.
    pub(crate) has_buildx: bool,
}

/// A key of `[image.build]`, and who can do it.
struct KeyNeed {
    key: &'static str,
    /// What of the key is meant, where it is not all of it.
    part: &'static str,
    is_set: fn(&BuildPolicy) -> bool,
    builders: &'static [EngineBuilder],
}

const SOLVE: &[EngineBuilder] = &[EngineBuilder::Solve];
const BUILDKIT: &[EngineBuilder] = &[EngineBuilder::Solve, EngineBuilder::Buildkit];
const ALL: &[EngineBuilder] = &[
    EngineBuilder::Solve,
    EngineBuilder::Buildkit,
    EngineBuilder::Classic,
];
/// The keys that older engines' BuildKit does not take.
const LIMITS: &[&str] = &["ulimits", "shm-size"];

/// What not every builder can do. All else, each can.
const NEEDS: &[KeyNeed] = &[
    KeyNeed {
        key: "platforms",
        part: "several",
        is_set: |policy| policy.platforms.len() > 1,
        builders: SOLVE,
    },
    KeyNeed {
        key: "contexts",
        part: "",
        is_set: |policy| !policy.contexts.is_empty(),
        builders: SOLVE,
    },
    KeyNeed {
        key: "cache-from",
        part: "other than images",
        is_set: |policy| {
            policy
                .cache_from
                .iter()
                .any(|from| cache_image(from).is_none())
        },
        builders: SOLVE,
    },
    KeyNeed {
        key: "cache-to",
        part: "other than inline",
        is_set: |policy| !policy.cache_to.iter().all(|to| is_inline(to)),
        builders: SOLVE,
    },
    KeyNeed {
        key: "cache-to",
        part: "",
        is_set: |policy| !policy.cache_to.is_empty(),
        builders: BUILDKIT,
    },
    KeyNeed {
        key: "provenance",
        part: "",
        is_set: |policy| policy.provenance.is_on(),
        builders: SOLVE,
    },
    KeyNeed {
        key: "sbom",
        part: "",
        is_set: |policy| policy.sbom.is_on(),
        builders: SOLVE,
    },
    KeyNeed {
        key: "allow",
        part: "",
        is_set: |policy| !policy.allow.is_empty(),
        builders: SOLVE,
    },
    KeyNeed {
        key: "ulimits",
        part: "",
        is_set: |policy| !policy.ulimits.is_empty(),
        builders: ALL,
    },
    KeyNeed {
        key: "shm-size",
        part: "",
        is_set: |policy| policy.shm_size.is_some(),
        builders: ALL,
    },
    KeyNeed {
        key: "secrets",
        part: "",
        is_set: |policy| !policy.secrets.is_empty(),
        builders: BUILDKIT,
    },
    KeyNeed {
        key: "ssh",
        part: "",
        is_set: |policy| !policy.ssh.is_empty(),
        builders: BUILDKIT,
    },
];

impl EngineTraits {
    /// The builder of this engine that will run.
    ///
    /// # Errors
    /// The policy wants BuildKit and the engine does not have it, or sets a key that the builder cannot do.
    pub(crate) fn builder(&self, policy: &BuildPolicy) -> Result<EngineBuilder> {
        let best = match (self.containerd_store, self.buildkit) {
            (true, true) => EngineBuilder::Solve,
            (false, true) => EngineBuilder::Buildkit,
            (_, false) => EngineBuilder::Classic,
        };
        let builder = match &policy.builder {
            Some(Builder::Buildkit) if !self.buildkit => {
                return Err(Error::refused(format!(
                    "`image.build.builder = \"buildkit\"`, and {} has no BuildKit",
                    self.name
                ))
                .hint("leave out `image.build.builder`, or let it name the address of a BuildKit daemon"));
            }
            Some(Builder::Classic) => EngineBuilder::Classic,
            Some(Builder::Buildkit | Builder::Daemon(_) | Builder::Buildx(_)) | None => best,
        };
        let unmet = |need: &&KeyNeed| (need.is_set)(policy) && !self.can(need, builder);
        match NEEDS.iter().find(unmet) {
            None => Ok(builder),
            Some(need) => Err(self.refusal(need, builder, best)),
        }
    }

    fn can(&self, need: &KeyNeed, builder: EngineBuilder) -> bool {
        let is_too_old = builder == EngineBuilder::Buildkit && !self.limits_steps;
        need.builders.contains(&builder) && !(is_too_old && LIMITS.contains(&need.key))
    }

    /// The keys that this builder cannot do, for a person.
    pub(crate) fn cannot(&self, builder: EngineBuilder) -> Vec<String> {
        let unmet = NEEDS.iter().filter(|need| !self.can(need, builder));
        let mut keys: Vec<String> = Vec::new();
        for need in unmet {
            let whole = format!("`{}`", need.key);
            let text = match need.part {
                "" => whole.clone(),
                part => format!("`{}` ({part})", need.key),
            };
            // Nothing of a key says more than a part of it.
            if need.part.is_empty() {
                keys.retain(|known| !known.starts_with(&whole));
            }
            keys.push(text);
        }
        keys
    }

    fn refusal(&self, need: &KeyNeed, builder: EngineBuilder, best: EngineBuilder) -> Error {
        let KeyNeed { key, part, .. } = need;
        let what = match *part {
            "" => format!("`image.build.{key}`"),
            part => format!("`image.build.{key}` ({part})"),
        };
        let name = &self.name;
        if self.can(need, best) {
            return Error::refused(format!("{what} needs BuildKit"))
                .cause(format!(
                    "`image.build.builder` chooses the classic builder of {name}"
                ))
                .hint("leave out `image.build.builder`");
        }
        let why = match builder {
            _ if self.podman => "Podman builds without BuildKit",
            EngineBuilder::Classic => "it has no BuildKit",
            _ if LIMITS.contains(key) => {
                "its BuildKit does not take this yet, and would leave it out"
            }
            EngineBuilder::Buildkit | EngineBuilder::Solve if *key == "allow" => {
                "with the classic image store its BuildKit cannot be told what steps may do"
            }
            EngineBuilder::Buildkit | EngineBuilder::Solve => {
                "with the classic image store its BuildKit makes one image for one platform, and nothing beside it"
            }
        };
        let error = Error::refused(format!("{what} is more than {name} can do")).cause(why);
        let mut error = self.ways(need, error);
        if *key == "platforms" {
            error = error.hint("or build each platform on a machine of its own: `hoist build --platform PLATFORM --output FILE.tar`, then `hoist release --from FILE.tar`");
        }
        error
    }

    /// What works on this machine instead, the nearest first.
    fn ways(&self, need: &KeyNeed, mut error: Error) -> Error {
        if LIMITS.contains(&need.key) {
            error = error
                .hint("its builder before BuildKit takes it: image.build.builder = \"classic\"");
        }
        if self.podman && need.key == "platforms" {
            return error.hint("let Buildah build all platforms, and push them to hoist: image.build.command = [\"sh\", \"-c\", \"buildah build --manifest app --platform linux/amd64,linux/arm64 . && buildah manifest push --all --tls-verify=false app docker://$HOIST_PUSH_TO\"]");
        }
        if self.knows_containerd_store {
            error = error.hint("let the engine keep its images in containerd's store: `{\"features\": {\"containerd-snapshotter\": true}}` in /etc/docker/daemon.json, then `systemctl restart docker`");
        }
        if self.has_buildx {
            error = error.hint("or let buildx build with a builder of its own, and push to hoist: `docker buildx create --name hoist --driver-opt network=host`, and image.build.command = [\"sh\", \"-c\", \"docker buildx build --builder hoist --push --tag $HOIST_PUSH_TO .\"]");
        }
        error.hint("`image.build.builder = \"unix:///run/buildkit/buildkitd.sock\"` names a BuildKit daemon, which can do it")
    }
}

#[cfg(test)]
mod tests {
    use crate::build::docker::capabilities::*;
    use crate::oci::Platform;
    use crate::policy::{Entitlement, Provenance, Sbom, Secret, SecretSource};

    type Change = fn(&mut BuildPolicy);

    fn told(engine: &EngineTraits, change: Change) -> String {
        let mut policy = BuildPolicy::default();
        change(&mut policy);
        match engine.builder(&policy) {
            Ok(builder) => format!("{builder:?}"),
            Err(error) => format!("{error:#} / {}", error.hints().join(" / ")),
        }
    }

    fn old() -> EngineTraits {
        EngineTraits {
            name: "Docker Engine 20.10.24".into(),
            buildkit: true,
            has_buildx: true,
            ..EngineTraits::default()
        }
    }

    fn overlay2() -> EngineTraits {
        EngineTraits {
            name: "Docker Engine 28.5.2".into(),
            knows_containerd_store: true,
            limits_steps: true,
            ..old()
        }
    }

    fn containerd() -> EngineTraits {
        EngineTraits {
            containerd_store: true,
            ..overlay2()
        }
    }

    fn podman() -> EngineTraits {
        EngineTraits {
            name: "Podman 5.8.6".into(),
            podman: true,
            ..EngineTraits::default()
        }
    }

    fn two_platforms(policy: &mut BuildPolicy) {
        let platform = |text: &str| text.parse::<Platform>().expect("a platform");
        policy.platforms = ["linux/amd64", "linux/arm64"].map(platform).into();
    }

    fn secret(policy: &mut BuildPolicy) {
        policy.secrets.push(Secret {
            id: "npm".into(),
            source: SecretSource::Env { name: "NPM".into() },
        });
    }

    #[test]
    fn the_best_builder_that_the_engine_has() {
        for (engine, builder) in [
            (old(), "Buildkit"),
            (overlay2(), "Buildkit"),
            (containerd(), "Solve"),
            (podman(), "Classic"),
        ] {
            assert_eq!(told(&engine, |_| {}), builder);
            assert_eq!(
                told(&engine, |p| p.builder = Some(Builder::Classic)),
                "Classic"
            );
        }
        assert_eq!(
            told(&containerd(), |p| p.builder = Some(Builder::Buildkit)),
            "Solve"
        );
        assert!(told(&podman(), |p| p.builder = Some(Builder::Buildkit)).contains("no BuildKit"));
    }

    #[test]
    fn what_would_be_ignored_is_refused_by_its_name() {
        let cases: &[(&str, Change, &[&str])] = &[
            ("platforms", two_platforms, &["Solve"]),
            (
                "contexts",
                |p| drop(p.contexts.insert("a".into(), "b".into())),
                &["Solve"],
            ),
            (
                "cache-from",
                |p| p.cache_from.push("type=gha".into()),
                &["Solve"],
            ),
            (
                "cache-from",
                |p| p.cache_from.push("acme/api".into()),
                &["Solve", "Buildkit", "Classic"],
            ),
            (
                "cache-to",
                |p| p.cache_to.push("type=registry,ref=a".into()),
                &["Solve"],
            ),
            (
                "cache-to",
                |p| p.cache_to.push("type=inline".into()),
                &["Solve", "Buildkit"],
            ),
            ("provenance", |p| p.provenance = Provenance::Max, &["Solve"]),
            ("sbom", |p| p.sbom = Sbom::On, &["Solve"]),
            (
                "allow",
                |p| p.allow.push(Entitlement::NetworkHost),
                &["Solve"],
            ),
            ("secrets", secret, &["Solve", "Buildkit"]),
            (
                "ssh",
                |p| p.ssh.push("default".parse().expect("an agent")),
                &["Solve", "Buildkit"],
            ),
            (
                "pull",
                |p| p.pull = false,
                &["Solve", "Buildkit", "Classic"],
            ),
            (
                "no-cache",
                |p| p.no_cache = true,
                &["Solve", "Buildkit", "Classic"],
            ),
        ];
        for (key, change, able) in cases {
            for (engine, builder) in [
                (containerd(), "Solve"),
                (overlay2(), "Buildkit"),
                (podman(), "Classic"),
            ] {
                let told = told(&engine, *change);
                match able.contains(&builder) {
                    true => assert_eq!(told, builder, "{key}"),
                    false => assert!(
                        told.contains(&format!("`image.build.{key}`"))
                            && told.contains(&engine.name),
                        "{key}: {told}"
                    ),
                }
            }
        }
    }

    #[test]
    fn a_refusal_names_what_works_here() {
        for (engine, way, not) in [
            (old(), "docker buildx create", "containerd-snapshotter"),
            (overlay2(), "containerd-snapshotter", "buildah"),
            (podman(), "buildah build --manifest", "docker buildx"),
        ] {
            let told = told(&engine, two_platforms);
            assert!(told.contains(way) && !told.contains(not), "{told}");
            assert!(told.contains("hoist build --platform"), "{told}");
        }
        let forced = told(&overlay2(), |p| {
            p.builder = Some(Builder::Classic);
            secret(p);
        });
        assert!(
            forced.contains("leave out `image.build.builder`"),
            "{forced}"
        );
    }

    #[test]
    fn an_old_buildkit_would_leave_limits_out() {
        let cases: [(&str, Change); 2] = [
            ("ulimits", |p| {
                p.ulimits = vec!["nofile=7".parse().expect("a limit")];
            }),
            ("shm-size", |p| {
                p.shm_size = Some("1MiB".parse().expect("a size"));
            }),
        ];
        for (key, change) in cases {
            let refused = told(&old(), change);
            assert!(
                refused.contains(&format!("`image.build.{key}`")),
                "{refused}"
            );
            assert!(refused.contains("builder = \"classic\""), "{refused}");
            for (engine, builder) in [
                (overlay2(), "Buildkit"),
                (containerd(), "Solve"),
                (podman(), "Classic"),
            ] {
                assert_eq!(told(&engine, change), builder);
            }
            let mut policy = BuildPolicy {
                builder: Some(Builder::Classic),
                ..BuildPolicy::default()
            };
            change(&mut policy);
            assert!(old().builder(&policy).is_ok());
        }
        let listed = old().cannot(EngineBuilder::Buildkit).join(", ");
        assert!(
            listed.ends_with("`allow`, `ulimits`, `shm-size`"),
            "{listed}"
        );
    }

    #[test]
    fn what_a_builder_cannot_do_is_listed() {
        assert_eq!(containerd().cannot(EngineBuilder::Solve), [""; 0]);
        assert_eq!(
            overlay2().cannot(EngineBuilder::Buildkit).join(", "),
            "`platforms` (several), `contexts`, `cache-from` (other than images), `cache-to` (other than inline), `provenance`, `sbom`, `allow`"
        );
        assert_eq!(
            podman().cannot(EngineBuilder::Classic).join(", "),
            "`platforms` (several), `contexts`, `cache-from` (other than images), `cache-to`, `provenance`, `sbom`, `allow`, `secrets`, `ssh`"
        );
    }
}
