//! What BuildKit is asked for, as it takes it: options of the Dockerfile's frontend, the exporter, the caches. Pure.

use std::collections::BTreeMap;

use bollard_buildkit_proto::moby::buildkit::v1::{CacheOptions, CacheOptionsEntry, SolveRequest};

use crate::{
    build::buildkit::cache,
    policy::{BuildNetwork, BuildPolicy, Entitlement, HostEntry, Provenance, Sbom},
};

/// One build, as it is asked for.
pub(crate) struct Solve<'a> {
    /// The build's own name, under which it can be followed.
    pub(crate) id: &'a str,
    /// The id of an open session.
    pub(crate) session: &'a str,
    pub(crate) policy: &'a BuildPolicy,
    /// The Dockerfile's name where the session serves it.
    pub(crate) dockerfile: &'a str,
    pub(crate) args: &'a BTreeMap<String, String>,
    pub(crate) labels: &'a BTreeMap<String, String>,
    pub(crate) annotations: &'a BTreeMap<String, String>,
    /// The named contexts: what the frontend is told of each.
    pub(crate) contexts: &'a BTreeMap<String, String>,
    /// Further hosts that the steps know, each with an address.
    pub(crate) hosts: &'a [HostEntry],
    pub(crate) cache_from: &'a [CacheOptionsEntry],
    pub(crate) cache_to: &'a [CacheOptionsEntry],
}

/// How the image is handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exporter {
    /// Pushed by digest to this repository on loopback.
    Push(String),
    /// As an archive, over the session.
    Archive,
}

impl Solve<'_> {
    /// The request.
    pub(crate) fn request(&self, exporter: &Exporter) -> SolveRequest {
        let (name, attrs) = self.exporter(exporter);
        SolveRequest {
            r#ref: self.id.to_owned(),
            session: self.session.to_owned(),
            frontend: "dockerfile.v0".to_owned(),
            frontend_attrs: self.frontend().into_iter().collect(),
            // Every BuildKit reads these; those that know several exporters take them for the only one.
            exporter_deprecated: name.to_owned(),
            exporter_attrs_deprecated: attrs.into_iter().collect(),
            cache: Some(CacheOptions {
                exports: self.cache_to.to_vec(),
                imports: self.cache_from.to_vec(),
                ..CacheOptions::default()
            }),
            entitlements: self.entitlements(),
            ..SolveRequest::default()
        }
    }

    /// What the steps ask leave for.
    fn entitlements(&self) -> Vec<String> {
        let network = match self.policy.network {
            BuildNetwork::Host => Some(Entitlement::NetworkHost),
            BuildNetwork::Default | BuildNetwork::None => None,
        };
        let mut all: Vec<_> = self.policy.allow.iter().copied().chain(network).collect();
        all.sort_unstable();
        all.dedup();
        let names = all.into_iter().map(|one| one.as_str().to_owned());
        names.collect()
    }

    fn frontend(&self) -> BTreeMap<String, String> {
        let policy = self.policy;
        let mut attrs = BTreeMap::new();
        let mut set = |name: &str, value: String| attrs.insert(name.to_owned(), value);
        set("filename", self.dockerfile.to_owned());
        set(
            "image-resolve-mode",
            if policy.pull { "pull" } else { "local" }.to_owned(),
        );
        if let Some(target) = &policy.target {
            set("target", target.clone());
        }
        if !policy.platforms.is_empty() {
            let platforms: Vec<_> = policy.platforms.iter().map(ToString::to_string).collect();
            set("platform", platforms.join(","));
        }
        if policy.no_cache {
            set("no-cache", String::new());
        }
        match policy.network {
            BuildNetwork::Default => {}
            BuildNetwork::None => drop(set("force-network-mode", "none".to_owned())),
            BuildNetwork::Host => drop(set("force-network-mode", "host".to_owned())),
        }
        if !self.hosts.is_empty() {
            let hosts = self.hosts.iter();
            let hosts: Vec<_> = hosts
                .map(|host| format!("{}={}", host.name, host.address))
                .collect();
            set("add-hosts", hosts.join(","));
        }
        if !policy.ulimits.is_empty() {
            let limits: Vec<_> = policy.ulimits.iter().map(ToString::to_string).collect();
            set("ulimit", limits.join(","));
        }
        if let Some(size) = policy.shm_size {
            set("shm-size", size.0.to_string());
        }
        match policy.provenance {
            Provenance::Off => {}
            Provenance::On => drop(set("attest:provenance", String::new())),
            Provenance::Min => drop(set("attest:provenance", "mode=min".to_owned())),
            Provenance::Max => drop(set("attest:provenance", "mode=max".to_owned())),
        }
        match &policy.sbom {
            Sbom::Off => {}
            Sbom::On => drop(set("attest:sbom", String::new())),
            Sbom::Scanner(image) => drop(set("attest:sbom", format!("generator={image}"))),
        }
        if !self.cache_from.is_empty() {
            set("cache-imports", cache::as_json(self.cache_from));
        }
        for (prefix, values) in [
            ("build-arg:", self.args),
            ("label:", self.labels),
            ("context:", self.contexts),
        ] {
            for (name, value) in values {
                set(&format!("{prefix}{name}"), value.clone());
            }
        }
        attrs
    }

    fn exporter(&self, exporter: &Exporter) -> (&'static str, BTreeMap<String, String>) {
        let mut attrs: BTreeMap<String, String> =
            [("oci-mediatypes", "true"), ("compression", "gzip")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        if self.policy.rewrite_timestamp {
            // With `SOURCE_DATE_EPOCH`, two builds of a commit give the same layers.
            attrs.insert("rewrite-timestamp".to_owned(), "true".to_owned());
        }
        for (name, value) in self.annotations {
            attrs.insert(format!("annotation.{name}"), value.clone());
            if self.makes_index() {
                attrs.insert(format!("annotation-index.{name}"), value.clone());
            }
        }
        let kind = match exporter {
            Exporter::Push(repository) => {
                for (name, value) in [
                    ("name", repository.as_str()),
                    ("push", "true"),
                    ("push-by-digest", "true"),
                    ("registry.insecure", "true"),
                    // The builder's own image store gets nothing.
                    ("store", "false"),
                ] {
                    attrs.insert(name.to_owned(), value.to_owned());
                }
                "image"
            }
            Exporter::Archive => "oci",
        };
        (kind, attrs)
    }

    /// Whether the image is an index, so that annotations can stand there too.
    fn makes_index(&self) -> bool {
        let policy = self.policy;
        policy.platforms.len() > 1 || policy.provenance.is_on() || policy.sbom.is_on()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::BuildPolicy;

    fn request(change: impl FnOnce(&mut BuildPolicy), exporter: &Exporter) -> SolveRequest {
        let mut policy = BuildPolicy::default();
        change(&mut policy);
        let one = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        Solve {
            id: "i",
            session: "s",
            policy: &policy,
            hosts: &policy.add_hosts,
            dockerfile: "Dockerfile",
            args: &one("SOURCE_DATE_EPOCH", "7"),
            labels: &one("a.b", "l"),
            annotations: &one("c.d", "x"),
            contexts: &one("base", "docker-image://acme/base"),
            cache_from: &[],
            cache_to: &[],
        }
        .request(exporter)
    }

    fn sorted(attrs: std::collections::HashMap<String, String>) -> Vec<String> {
        let attrs: BTreeMap<_, _> = attrs.into_iter().collect();
        attrs.into_iter().map(|(k, v)| format!("{k}={v}")).collect()
    }

    #[test]
    fn what_is_always_said() {
        let request = request(|_| {}, &Exporter::Archive);
        assert_eq!((&*request.r#ref, &*request.session), ("i", "s"));
        assert_eq!(request.frontend, "dockerfile.v0");
        assert_eq!(request.exporter_deprecated, "oci");
        assert_eq!(
            sorted(request.frontend_attrs),
            [
                "build-arg:SOURCE_DATE_EPOCH=7",
                "context:base=docker-image://acme/base",
                "filename=Dockerfile",
                "image-resolve-mode=pull",
                "label:a.b=l",
            ]
        );
        assert_eq!(
            sorted(request.exporter_attrs_deprecated),
            [
                "annotation.c.d=x",
                "compression=gzip",
                "oci-mediatypes=true",
            ]
        );
        assert_eq!(request.entitlements, [""; 0]);
    }

    #[test]
    fn a_push_leaves_nothing_in_the_builder() {
        let request = request(|_| {}, &Exporter::Push("127.0.0.1:9/x/hoist-build".into()));
        assert_eq!(request.exporter_deprecated, "image");
        let attrs = sorted(request.exporter_attrs_deprecated);
        for attr in [
            "name=127.0.0.1:9/x/hoist-build",
            "push=true",
            "push-by-digest=true",
            "registry.insecure=true",
            "store=false",
        ] {
            assert!(attrs.iter().any(|has| has == attr), "{attr}: {attrs:?}");
        }
    }

    #[test]
    fn each_key_of_the_policy_is_an_option() {
        type Change = fn(&mut BuildPolicy);
        let cases: &[(Change, &[&str])] = &[
            (|p| p.target = Some("run time".into()), &["target=run time"]),
            (
                |p| {
                    p.platforms = ["linux/amd64", "linux/arm/v7"]
                        .map(|text| text.parse().expect("a platform"))
                        .into();
                },
                &["platform=linux/amd64,linux/arm/v7"],
            ),
            (|p| p.pull = false, &["image-resolve-mode=local"]),
            (|p| p.no_cache = true, &["no-cache="]),
            (
                |p| p.network = BuildNetwork::None,
                &["force-network-mode=none"],
            ),
            (
                |p| p.network = BuildNetwork::Host,
                &["force-network-mode=host"],
            ),
            (
                |p| {
                    p.add_hosts = ["db:10.0.0.7", "six:::1"]
                        .map(|text| text.parse().expect("a host"))
                        .into();
                },
                &["add-hosts=db=10.0.0.7,six=::1"],
            ),
            (
                |p| {
                    p.ulimits = ["nofile=7:9", "core=0"]
                        .map(|text| text.parse().expect("a limit"))
                        .into();
                },
                &["ulimit=nofile=7:9,core=0:0"],
            ),
            (
                |p| p.shm_size = Some("64MiB".parse().expect("a size")),
                &["shm-size=67108864"],
            ),
            (|p| p.provenance = Provenance::On, &["attest:provenance="]),
            (
                |p| p.provenance = Provenance::Max,
                &["attest:provenance=mode=max"],
            ),
            (|p| p.sbom = Sbom::On, &["attest:sbom="]),
            (
                |p| p.sbom = Sbom::Scanner("acme/scan".into()),
                &["attest:sbom=generator=acme/scan"],
            ),
        ];
        for (change, expected) in cases {
            let attrs = sorted(request(change, &Exporter::Archive).frontend_attrs);
            for attr in *expected {
                assert!(attrs.iter().any(|has| has == attr), "{attr}: {attrs:?}");
            }
        }
        let host = request(|p| p.network = BuildNetwork::Host, &Exporter::Archive);
        assert_eq!(host.entitlements, ["network.host"]);
        let both = request(
            |p| {
                p.network = BuildNetwork::Host;
                p.allow = vec![Entitlement::SecurityInsecure, Entitlement::NetworkHost];
            },
            &Exporter::Archive,
        );
        assert_eq!(both.entitlements, ["network.host", "security.insecure"]);
    }

    #[test]
    fn time_stamps_are_limited_where_the_policy_says_so() {
        let attrs = |rewrite| {
            let request = request(|p| p.rewrite_timestamp = rewrite, &Exporter::Archive);
            sorted(request.exporter_attrs_deprecated)
        };
        let said = "rewrite-timestamp=true".to_owned();
        assert!(attrs(true).contains(&said));
        assert!(!attrs(false).contains(&said));
    }

    #[test]
    fn an_index_is_annotated_too() {
        let attrs = |change: fn(&mut BuildPolicy)| {
            sorted(request(change, &Exporter::Archive).exporter_attrs_deprecated)
        };
        let index = "annotation-index.c.d=x".to_owned();
        assert!(!attrs(|_| {}).contains(&index));
        assert!(attrs(|p| p.provenance = Provenance::On).contains(&index));
        assert!(attrs(|p| p.sbom = Sbom::On).contains(&index));
    }
}
