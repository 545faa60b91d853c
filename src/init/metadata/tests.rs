use semver::Version;

use crate::init::{
    metadata::{MetadataAnswer, MetadataStep, PERHAPS},
    scenario::{ReleaseEvent, Scenario},
};

/// What a step makes of a pushed tag `v…`.
fn answer(version: &str, tags: &str, flavor: &str) -> MetadataAnswer {
    let version = Version::parse(version).expect("it is a version");
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    let step = MetadataStep {
        images: vec!["Acme/Api".into()],
        tags: lines(tags),
        flavor: lines(flavor),
        ..MetadataStep::default()
    };
    step.answer(&Scenario {
        version: &version,
        prefix: "v",
        event: ReleaseEvent::TagPush,
        repository: Some("acme/api"),
        default_branch: "main",
    })
}

/// What docker/metadata-action 6 gives for the same inputs; dates and commits as placeholders.
#[test]
fn names_as_the_action_makes_them() {
    for (version, tags, flavor, expected) in [
        ("1.2.3", "", "", "v1.2.3 latest"),
        ("1.3.0-rc.1", "", "", "v1.3.0-rc.1 latest"),
        (
            "1.2.3",
            "type=semver,pattern={{version}}",
            "",
            "1.2.3 latest",
        ),
        (
            "1.3.0-rc.1",
            "type=semver,pattern={{version}}",
            "",
            "1.3.0-rc.1",
        ),
        (
            "1.2.3",
            "type=semver,pattern={{version}}",
            "latest=false",
            "1.2.3",
        ),
        (
            "1.3.0-rc.1",
            "type=semver,pattern={{version}}",
            "latest=true",
            "1.3.0-rc.1 latest",
        ),
        // A pattern of a pre-release is the version alone, unless it is the raw one.
        (
            "1.3.0-rc.1",
            "type=semver,pattern=v{{major}}.{{minor}}-x",
            "",
            "1.3.0-rc.1",
        ),
        (
            "1.3.0-rc.1",
            "type=semver,pattern={{raw}}",
            "",
            "v1.3.0-rc.1",
        ),
        ("1.2.3", "type=semver,pattern={{raw}}", "", "v1.2.3 latest"),
        (
            "1.2.3",
            "type=semver,pattern={{major}}.{{minor}}\ntype=semver,pattern={{major}}",
            "",
            "1.2 1 latest",
        ),
        (
            "1.2.3",
            "type=semver,pattern={{version}},value=v9.8.7",
            "",
            "9.8.7 latest",
        ),
        (
            "1.2.3",
            "type=semver,pattern={{version}},match=v(.*)",
            "",
            "1.2.3 latest",
        ),
        (
            "1.2.3+build.5",
            "type=semver,pattern={{version}}",
            "",
            "1.2.3 latest",
        ),
        (
            "1.2.3+build.5",
            "type=semver,pattern={{raw}}",
            "",
            "v1.2.3-build.5 latest",
        ),
        (
            "1.3.0-rc.1",
            "type=pep440,pattern={{version}}",
            "",
            "1.3.0rc1",
        ),
        (
            "1.3.0-rc.1",
            "type=pep440,pattern={{raw}}",
            "",
            "v1.3.0-rc.1",
        ),
        (
            "1.2.3",
            "type=pep440,pattern={{major}}.{{minor}}",
            "",
            "1.2 latest",
        ),
        // The first rule by priority decides about `latest`.
        (
            "1.2.3",
            "type=raw,value=a\ntype=semver,pattern={{version}}",
            "",
            "1.2.3 a latest",
        ),
        (
            "1.2.3",
            "type=raw,value=a,priority=950\ntype=semver,pattern={{version}}",
            "",
            "a 1.2.3",
        ),
        (
            "1.3.0-rc.1",
            "type=semver,pattern={{version}}\ntype=ref,event=tag",
            "",
            "1.3.0-rc.1 v1.3.0-rc.1",
        ),
        ("1.2.3", "type=sha", "", "sha-{sha}"),
        ("1.2.3", "type=sha,format=long,prefix=", "", "{sha:full}"),
        ("1.2.3", "type=sha,prefix=git-", "suffix=-x", "git-{sha}-x"),
        (
            "1.2.3",
            "type=sha\ntype=semver,pattern={{version}}",
            "suffix=-x",
            "1.2.3-x sha-{sha}-x latest",
        ),
        (
            "1.2.3",
            "type=semver,pattern={{version}}",
            "prefix=a-,onlatest=true\nsuffix=-b,onlatest=true",
            "a-1.2.3-b a-latest-b",
        ),
        (
            "1.2.3",
            "type=semver,pattern={{version}},prefix=",
            "prefix=a-\nsuffix=-b",
            "1.2.3-b latest",
        ),
        (
            "1.2.3",
            "type=match,pattern=v(.*),group=1",
            "",
            "1.2.3 latest",
        ),
        ("1.2.3", r"type=match,pattern=\d+\.\d+", "", "1.2 latest"),
        (
            "1.2.3",
            r"type=match,pattern=/V(\d+)/i,group=1",
            "",
            "1 latest",
        ),
        ("1.2.3", "type=match,pattern=rel-(.*)", "", ""),
        (
            "1.2.3",
            "type=raw,value={{date 'YYYYMMDD-HHmmss' tz='Asia/Tokyo'}}",
            "",
            "{date:%Y%m%d-%H%M%S}",
        ),
        (
            "1.2.3",
            "type=raw,value={{commit_date 'YYYY.MM.DD'}}-{{sha}}",
            "",
            "{commit_date:%Y.%m.%d}-{sha}",
        ),
        ("1.2.3", "type=raw,value={{tag}}-b", "", "v1.2.3-b"),
        ("1.2.3", "type=raw,value={{branch}}", "", ""),
        (
            "1.2.3",
            "type=raw,value=latest,enable={{is_default_branch}}",
            "",
            "",
        ),
        (
            "1.2.3",
            "type=ref,event=branch\ntype=ref,event=pr\ntype=edge\ntype=schedule",
            "",
            "",
        ),
        ("1.2.3", "a b/c", "", "a-b-c"),
        ("1.2.3", "\"type=raw\",\"value=a\"", "", "a"),
        ("1.2.3", "type=raw,value=x,enable=false", "", ""),
        ("1.2.3", "type=raw,value=x\ntype=raw,value=x", "", "x"),
    ] {
        let names = answer(version, tags, flavor).names.join(" ");
        assert_eq!(names, expected, "{version} {tags} {flavor}");
    }
}

#[test]
fn what_gives_nothing_is_named() {
    for (tags, words) in [
        ("type=ref,event=branch", "every push"),
        ("type=ref,event=pr", "pull requests"),
        ("type=edge", "pushes"),
        ("type=schedule,pattern=nightly", "schedule"),
        ("type=raw,value=x,enable=false", "false in a release"),
        ("type=raw,value=${{ github.run_id }}", "GitHub alone"),
        ("type=raw,value={{base_ref}}", "{{base_ref}}"),
        ("type=raw,value={{date 'dddd'}}", "dddd"),
        ("type=match,pattern=rel-(.*)-x", "does not match"),
        ("type=match,pattern=(?=x)", "no counterpart"),
        ("type=cheese", "not known"),
    ] {
        let answer = answer("1.2.3", tags, "");
        assert!(answer.names.is_empty(), "{tags}");
        assert!(
            answer.left_out.concat().contains(words),
            "{tags}: {:?}",
            answer.left_out
        );
    }
}

#[test]
fn a_condition_that_is_not_known_leaves_a_tag_that_perhaps_is_made() {
    let tags = "type=raw,value=x,enable=${{ vars.X }}\ntype=semver,pattern={{version}}";
    let answer = answer("1.2.3", tags, "latest=${{ inputs.latest }}");
    assert_eq!(
        answer.names,
        [
            "1.2.3".to_owned(),
            format!("x{PERHAPS}"),
            format!("latest{PERHAPS}")
        ]
    );
    assert_eq!(answer.references()[0], "acme/api:1.2.3");
    assert_eq!(answer.left_out.len(), 2, "{:?}", answer.left_out);
}
