//! From the tags that another tool makes of a version to templates.
//!
//! A version with numbers that occur nowhere else is tried. Where its numbers stand in a tag, the
//! template has placeholders; a second version proves that nothing else depends on it.

use semver::Version;

use crate::init::push::Build;

/// Versions that are tried: the first one finds the template, the others prove it.
pub(super) fn probes() -> [Version; 2] {
    [Version::new(7321, 8432, 9543), Version::new(1, 2, 3)]
}

/// The pre-releases with `label` of both probes.
pub(super) fn prerelease_probes(label: &str) -> [Version; 2] {
    probes().map(|mut version| {
        let pre = format!("{label}.6");
        version.pre = semver::Prerelease::new(&pre).unwrap_or(semver::Prerelease::EMPTY);
        version
    })
}

/// The template that gives `text` for `version`.
pub(super) fn template(text: &str, version: &Version) -> String {
    let Version {
        major,
        minor,
        patch,
        pre,
        ..
    } = version;
    let mut out = text.to_owned();
    let mut replace = |from: String, to: &str| out = outside(&out, &from, to);
    replace(version.to_string(), "{version}");
    if !pre.is_empty() {
        replace(pre.to_string(), "{prerelease}");
    } else {
        replace(format!("{major}.{minor}.{patch}"), "{version}");
    }
    replace(major.to_string(), "{major}");
    replace(minor.to_string(), "{minor}");
    replace(patch.to_string(), "{patch}");
    out
}

/// The build as every version has it: values of templates get placeholders, and what is made of the
/// version where the policy has plain values is given up.
pub(super) fn generalised(build: &Build, version: &Version) -> Build {
    let mut build = build.clone();
    for values in [&mut build.args, &mut build.labels, &mut build.annotations] {
        for value in values.values_mut() {
            *value = template(value, version);
        }
    }
    let mut given_up = Vec::new();
    let mut is_plain = |key: &str, value: &str| {
        let general = template(value, version);
        let plain = general == *value && !general.contains('{');
        if !plain {
            given_up.push(format!(
                "`{key}: {general}`: it is made anew for each release, and the key takes no template"
            ));
        }
        plain
    };
    build
        .contexts
        .retain(|name, value| is_plain("build-contexts", &format!("{name}={value}")));
    build
        .cache_from
        .retain(|entry| is_plain("cache-from", entry));
    build.cache_to.retain(|entry| is_plain("cache-to", entry));
    build.ssh.retain(|agent| is_plain("ssh", agent));
    build.target = build.target.filter(|target| is_plain("target", target));
    let source = build.clone();
    build.context = build.context.filter(|path| is_plain("context", path));
    if build.context != source.context {
        let context = source.context.unwrap_or_default();
        build.unknown.push(format!("context: {context}"));
    }
    if !is_plain("file", &build.dockerfile) {
        build.dockerfile.clear();
        build.unknown.push(format!("file: {}", source.dockerfile));
    }
    for line in build.left_out.iter_mut().chain(&mut build.unknown) {
        *line = template(line, version);
    }
    build.left_out.append(&mut given_up);
    build
}

/// The builds as every version has them, each image once.
pub(super) fn distinct(builds: impl Iterator<Item = Build>, version: &Version) -> Vec<Build> {
    let mut all: Vec<Build> = Vec::new();
    for build in builds {
        let build = generalised(&build, version);
        if !all.iter().any(|known| known.is_same_image(&build)) {
            all.push(build);
        }
    }
    all
}

/// What a template gives for `version`; placeholders of the commit and of dates stay.
pub(super) fn render(template: &str, version: &Version) -> String {
    let Version {
        major,
        minor,
        patch,
        pre,
        ..
    } = version;
    let channel = pre.split('.').next().unwrap_or_default();
    template
        .replace("{version}", &version.to_string().replace('+', "-"))
        .replace("{prerelease}", pre)
        .replace("{channel}", channel)
        .replace("{major}", &major.to_string())
        .replace("{minor}", &minor.to_string())
        .replace("{patch}", &patch.to_string())
}

/// Replaces `from` where it stands outside of placeholders.
fn outside(text: &str, from: &str, to: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let end = rest[start..]
            .find('}')
            .map_or(rest.len(), |end| start + end + 1);
        out += &rest[..start].replace(from, to);
        out += &rest[start..end];
        rest = &rest[end..];
    }
    out + &rest.replace(from, to)
}

#[cfg(test)]
mod tests {
    use crate::init::generalise::*;

    #[test]
    fn templates_and_back() {
        let [version, _] = probes();
        for (text, expected) in [
            ("7321.8432.9543", "{version}"),
            ("v7321.8432", "v{major}.{minor}"),
            ("7321-alpine3.20", "{major}-alpine3.20"),
            ("7321-8432-9543", "{major}-{minor}-{patch}"),
            ("latest", "latest"),
            ("{sha:full}-7321", "{sha:full}-{major}"),
        ] {
            assert_eq!(template(text, &version), expected);
            assert_eq!(render(expected, &version), text);
        }
        let [pre, _] = prerelease_probes("rc");
        for (text, expected) in [
            ("v7321.8432.9543-rc.6", "v{version}"),
            ("7321.8432-rc.6", "{major}.{minor}-{prerelease}"),
            ("rc", "rc"),
        ] {
            assert_eq!(template(text, &pre), expected);
            assert_eq!(render(expected, &pre), text);
        }
    }
}
