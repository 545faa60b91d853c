//! Which keys of the policy a builder supports. Pure. A key that it does not support is refused by
//! name, never ignored.

use crate::{
    error::{Error, Result},
    policy::{BuildPolicy, Builder},
};

const USE_BUILDX: &str = "build with any program instead: image.build.command = [\"docker\", \"buildx\", \"build\", \"--output\", \"type=oci,dest=dist/image.tar\", \".\"] and image.build.layout = \"dist/image.tar\"";

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
        return Err(Error::refused(format!(
            "`image.build.{key}` is more than {engine} can do through its own API"
        ))
        .hint(USE_BUILDX));
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
}
