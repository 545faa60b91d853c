//! Which keys of the policy a builder supports. Pure. A key that it does not support is refused by
//! name, never ignored.

use crate::{
    error::{Error, Result},
    policy::{BuildPolicy, Builder},
    text::sanitize_line,
};

const USE_BUILDX: &str = "build with any program instead: image.build.command = [\"docker\", \"buildx\", \"build\", \"--output\", \"type=oci,dest=dist/image.tar\", \".\"] and image.build.layout = \"dist/image.tar\"";

const LEGS: &str = "or build each platform on a machine of its own: `hoist build --platform PLATFORM --output FILE.tar`, then `hoist release --from`";

/// The builder of the engine that will run.
///
/// # Errors
/// The policy wants BuildKit and the engine does not have it, or sets a key that the builder does
/// not support.
pub(crate) fn builder(policy: &BuildPolicy, engine: &str, buildkit: bool) -> Result<Builder> {
    let builder = match policy.builder {
        Some(Builder::Buildkit) if !buildkit => {
            return Err(Error::refused(format!(
                "`image.build.builder = \"buildkit\"`, and {engine} has no BuildKit"
            )));
        }
        Some(builder) => builder,
        None if buildkit => Builder::Buildkit,
        None => Builder::Classic,
    };
    let mut unsupported = Vec::new();
    unsupported.extend((!policy.cache_to.is_empty()).then_some("cache-to"));
    unsupported.extend((!policy.contexts.is_empty()).then_some("contexts"));
    unsupported.extend(policy.provenance.then_some("provenance"));
    unsupported.extend(policy.sbom.then_some("sbom"));
    unsupported.extend((policy.platforms.len() > 1).then_some("platforms"));
    if let Some(key) = unsupported.first() {
        let error = Error::refused(format!(
            "`image.build.{key}` is more than {engine} can do through its own API"
        ))
        .hint(USE_BUILDX);
        return Err(match *key {
            "platforms" => error.hint(LEGS),
            _ => error,
        });
    }
    for entry in &policy.cache_from {
        if cache_image(entry).is_none() {
            return Err(Error::refused(format!(
                "`image.build.cache-from = [\"{}\"]` is more than {engine} can do through its own API: it takes images",
                sanitize_line(entry, 200)
            ))
            .hint(USE_BUILDX));
        }
    }
    let mut buildkit_only = Vec::new();
    buildkit_only.extend((!policy.secrets.is_empty()).then_some("secrets"));
    buildkit_only.extend((!policy.ssh.is_empty()).then_some("ssh"));
    if let (Builder::Classic, Some(key)) = (builder, buildkit_only.first()) {
        let error = Error::refused(format!(
            "`image.build.{key}` needs BuildKit, and the classic builder of {engine} would build without it"
        ));
        return Err(if buildkit {
            error.hint("leave out `image.build.builder`")
        } else {
            error.hint(USE_BUILDX)
        });
    }
    Ok(builder)
}

/// The image whose layers an entry of `cache-from` offers: named plainly, or as buildx names it
/// (`type=registry,ref=acme/api:cache`). `None` for a cache of another kind.
pub(crate) fn cache_image(entry: &str) -> Option<&str> {
    if !entry.contains('=') {
        return Some(entry.trim()).filter(|image| !image.is_empty());
    }
    let mut image = None;
    for pair in entry.split(',') {
        match pair.trim().split_once('=')? {
            ("type", "registry") => {}
            ("ref", name) if image.is_none() && !name.is_empty() => image = Some(name),
            _ => return None,
        }
    }
    image
}

#[cfg(test)]
mod tests {
    use crate::build::docker::capabilities::*;
    use crate::oci::Platform;
    use crate::policy::{Secret, SecretSource};

    fn refusal(change: impl FnOnce(&mut BuildPolicy), buildkit: bool) -> String {
        let mut policy = BuildPolicy::default();
        change(&mut policy);
        match builder(&policy, "Podman 4", buildkit) {
            Ok(builder) => format!("{builder:?}"),
            Err(error) => format!("{error:#}"),
        }
    }

    fn secret() -> Secret {
        Secret {
            id: "npm".into(),
            source: SecretSource::Env { name: "NPM".into() },
        }
    }

    fn platform(text: &str) -> Platform {
        text.parse().expect("a platform")
    }

    #[test]
    fn buildkit_where_the_engine_has_it() {
        assert_eq!(refusal(|_| {}, true), "Buildkit");
        assert_eq!(refusal(|_| {}, false), "Classic");
        assert_eq!(
            refusal(|p| p.builder = Some(Builder::Classic), true),
            "Classic"
        );
        assert_eq!(refusal(|p| p.secrets.push(secret()), true), "Buildkit");
        assert_eq!(
            refusal(|p| p.platforms.push(platform("linux/amd64")), true),
            "Buildkit"
        );
    }

    #[test]
    fn what_would_be_ignored_is_refused_by_its_name() {
        let two = vec![platform("linux/amd64"), platform("linux/arm64")];
        assert!(refusal(|p| p.platforms = two, true).contains("image.build.platforms"));
        assert!(refusal(|p| p.cache_to.push("x".into()), true).contains("image.build.cache-to"));
        assert!(
            refusal(|p| p.contexts = [("a".into(), "b".into())].into(), true).contains("contexts")
        );
        assert!(refusal(|p| p.provenance = true, true).contains("provenance"));
        assert!(refusal(|p| p.sbom = true, true).contains("sbom"));
        assert!(refusal(|p| p.secrets.push(secret()), false).contains("image.build.secrets"));
        assert!(
            refusal(|p| p.ssh.push("default".parse().expect("an agent")), false)
                .contains("image.build.ssh")
        );
        assert!(refusal(|p| p.builder = Some(Builder::Buildkit), false).contains("no BuildKit"));
    }

    #[test]
    fn a_cache_is_an_image_or_refused() {
        for (entry, image) in [
            ("acme/api:latest", Some("acme/api:latest")),
            ("type=registry,ref=acme/api:cache", Some("acme/api:cache")),
            ("ref=acme/api", Some("acme/api")),
            ("type=gha", None),
            ("type=registry", None),
            ("type=registry,ref=", None),
            ("type=registry,ref=a,mode=max", None),
            ("type=registry,ref=a,ref=b", None),
            ("type=local,src=x", None),
            ("x=y", None),
            ("", None),
        ] {
            assert_eq!(cache_image(entry), image, "{entry}");
        }
        assert!(refusal(|p| p.cache_from.push("type=gha".into()), true).contains("cache-from"));
    }
}
