//! The stages of a Dockerfile, by name.

/// The names of the stages in order; a stage without one is `None`.
pub(crate) fn stages(text: &str) -> Vec<Option<String>> {
    let froms = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let from = words.next()?.eq_ignore_ascii_case("FROM");
        from.then(|| {
            words
                .filter(|word| !word.starts_with("--"))
                .collect::<Vec<_>>()
        })
    });
    froms
        .map(|words| match &*words {
            [_, keyword, name, ..] if keyword.eq_ignore_ascii_case("as") => {
                Some((*name).to_owned())
            }
            _ => None,
        })
        .collect()
}

/// `Dockerfile.alpine`, `alpine.Dockerfile`: what stands beside the word.
pub(crate) fn flavour(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next()?;
    name.strip_prefix("Dockerfile.")
        .or_else(|| name.strip_suffix(".Dockerfile"))
        .or_else(|| name.strip_prefix("Dockerfile-"))
        .filter(|rest| !rest.is_empty() && *rest != "dockerignore")
}

/// A file that a builder reads.
pub(crate) fn is_dockerfile(name: &str) -> bool {
    name == "Dockerfile" || name == "Containerfile" || flavour(name).is_some()
}

#[cfg(test)]
mod tests {
    use crate::init::dockerfile::*;

    #[test]
    fn stages_by_name() {
        let text = "ARG X\nFROM --platform=$BUILDPLATFORM rust:1 AS build\nRUN true\nfrom debian as Runtime\nFROM scratch\n";
        assert_eq!(
            stages(text),
            [Some("build".into()), Some("Runtime".into()), None]
        );
    }

    #[test]
    fn names_of_dockerfiles() {
        assert_eq!(flavour("docker/Dockerfile.alpine"), Some("alpine"));
        assert_eq!(flavour("alpine.Dockerfile"), Some("alpine"));
        assert!(is_dockerfile("Containerfile") && !is_dockerfile("Dockerfile.dockerignore"));
        assert!(!is_dockerfile("README.md"));
    }
}
