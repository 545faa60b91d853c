//! `examples/ci/gitlab`, the component in `templates`, and `examples/ci/shell`.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use serde_json::Value;
use testkit::sandbox::Clone;

use super::{by_hand, host, install::Page, plain, program, project, registry, text, yaml};
use crate::{
    registry::server::{PASSWORD, TestRegistry, USER},
    support::{Run, World, path_with_curl},
};

/// A job's variables and script, with what it extends.
fn job(pipeline: &Value, name: &str) -> Value {
    let mut job = pipeline[name].clone();
    if let Some(base) = job["extends"].as_str() {
        for (key, value) in pipeline[base].as_object().unwrap() {
            if job[key].is_null() {
                job[key] = value.clone();
            }
        }
    }
    job
}

/// Runs the script of a job as its service does: in one shell, which ends at the first failure.
fn run(clone: &Clone<'_>, registry: &TestRegistry, job: &Value, more: &[(&str, &str)]) -> Run {
    let page = Page::new(&["0.1.0"], &program());
    page.add("install.sh", &text("install.sh"));
    let temp = clone.path().with_extension("temp");
    fs::create_dir_all(temp.join("bin")).unwrap();
    // Packages are the image's concern.
    let apk = temp.join("bin/apk");
    fs::write(&apk, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&apk, fs::Permissions::from_mode(0o755)).unwrap();

    let lines = ["before_script", "script"].map(|part| job[part].as_array());
    let lines: Vec<_> = lines.into_iter().flatten().flatten().map(plain).collect();
    let github = "https://github.com/hoist-rs/hoist/releases/download/v$HOIST_INSTALL_VERSION";
    let newest = "https://github.com/hoist-rs/hoist/releases/$release";
    let script = lines
        .join("\n")
        .replace(github, &page.url())
        .replace(newest, &page.url())
        .replace("=/usr/local ", &format!("={} ", temp.display()))
        .replace("/tmp/install", &format!("{}/install", temp.display()));
    assert!(!script.contains("github.com"), "{script}");

    let remote = clone.git(&["remote", "get-url", "origin"]);
    let address = "https://release:token@gitlab.example:8443/git/acme/api.git";
    let mut command = clone.command("sh");
    command
        .args(["-e", "-c", &script])
        .env(
            "PATH",
            format!("{}:{}", temp.join("bin").display(), page.path),
        )
        .env("HOIST_INSTALL_URL", page.url());
    for (name, value) in job["variables"].as_object().unwrap() {
        let value = match &*plain(value) {
            "$CI_REGISTRY" => host(registry),
            "$CI_REGISTRY_USER" => USER.to_owned(),
            "$CI_REGISTRY_PASSWORD" => PASSWORD.to_owned(),
            "$[[ inputs.args ]]" => "release --yes".to_owned(),
            "$[[ inputs.hoist-version ]]" => String::new(),
            "$[[ inputs.base-url ]]" => page.url(),
            value => value.to_owned(),
        };
        command.env(name, value);
    }
    command
        .env("GITLAB_CI", "true")
        .env("RELEASE_TOKEN", "token")
        .env("CI_PROJECT_URL", "https://gitlab.example:8443/git/acme/api")
        .env("CI_DEFAULT_BRANCH", "main")
        .env("GIT_CONFIG_COUNT", "1")
        .env(
            "GIT_CONFIG_KEY_0",
            format!("url.{}.insteadOf", remote.trim()),
        )
        .env("GIT_CONFIG_VALUE_0", address)
        .envs(more.iter().copied());
    let run = Run::of(&mut command);
    clone.git(&["remote", "set-url", "origin", remote.trim()]);
    run
}

#[test]
fn the_jobs_release_promote_and_recover() {
    if path_with_curl().is_none() {
        return;
    }
    let registry = registry();
    let world = World::new(&registry, &["acme/api"]);
    let clone = project(&world, &registry);
    let pipeline = yaml(&text("examples/ci/gitlab/.gitlab-ci.yml"));
    let main = ("CI_COMMIT_BRANCH", "main");

    clone.git(&["checkout", "--quiet", "--detach"]);
    run(&clone, &registry, &job(&pipeline, "release"), &[main]).expect(0);
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
    let dotenv = fs::read_to_string(clone.path().join("hoist.env")).unwrap();
    assert!(dotenv.contains("HOIST_VERSION=1.1.0\n"), "{dotenv}");
    let image = dotenv
        .lines()
        .find_map(|line| line.strip_prefix("HOIST_IMAGE="));
    let deploy = job(&pipeline, "deploy");
    let deploy = deploy["script"].as_array().unwrap().iter().map(plain);
    let deploy = deploy.collect::<Vec<_>>().join("\n");
    for (outcome, said) in [
        ("published", format!("deploy {}\n", image.unwrap())),
        ("nothing", String::new()),
    ] {
        let mut command = clone.command("sh");
        command
            .args(["-e", "-c", &deploy])
            .env("HOIST_OUTCOME", outcome)
            .env("HOIST_IMAGE", image.unwrap());
        assert_eq!(Run::of(&mut command).stdout, said);
    }

    clone.git(&["checkout", "--quiet", "main"]);
    world.change(&clone, "feat: a candidate");
    by_hand(
        &world,
        &clone,
        &registry,
        &["release", "--pre", "rc", "--yes"],
        0,
    );
    let candidate = ("CANDIDATE", "1.2.0-rc.1");
    run(
        &clone,
        &registry,
        &job(&pipeline, "promote"),
        &[main, candidate],
    )
    .expect(0);
    assert_eq!(world.shows("1.2.0"), world.shows("1.2.0-rc.1"));

    // Nothing is unfinished, and that is no failure.
    let recover = job(&pipeline, "recover");
    run(&clone, &registry, &recover, &[main, ("RECOVER", "resume")]).expect(0);

    world.change(&clone, "fix: by a tag");
    clone.git(&["tag", "v1.2.1"]);
    clone.git(&["push", "--quiet", "origin", "v1.2.1"]);
    let tag = ("CI_COMMIT_TAG", "v1.2.1");
    run(&clone, &registry, &job(&pipeline, "release-on-tag"), &[tag]).expect(0);
    assert_eq!(world.shows("latest"), world.shows("1.2.1"));
}

#[test]
fn the_component_releases() {
    if path_with_curl().is_none() {
        return;
    }
    let registry = registry();
    let world = World::new(&registry, &["acme/api"]);
    let clone = project(&world, &registry);
    let component = text("templates/release.yml");
    let component = yaml(&component.replace("\"$[[ inputs.job ]]\":", "release:"));
    let main = ("CI_COMMIT_BRANCH", "main");
    run(&clone, &registry, &component["release"], &[main]).expect(0);
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
}

/// Whether a rule, which is a conjunction, holds in a pipeline of these variables.
fn holds(rule: &str, variables: &[(&str, &str)]) -> bool {
    let value = |word: &str| {
        let Some(name) = word.strip_prefix('$') else {
            return word.trim_matches('"').to_owned();
        };
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map_or(String::new(), |(_, value)| (*value).to_owned())
    };
    rule.split(" && ")
        .all(|term| match term.split(' ').collect::<Vec<_>>()[..] {
            [word] => !value(word).is_empty(),
            [one, "==", other] => value(one) == value(other),
            [word, "=~", "/^v\\d/"] => value(word).starts_with('v'),
            [word, "=~", "/^(resume|rollback)$/"] => {
                ["resume", "rollback"].contains(&&*value(word))
            }
            _ => panic!("{term}"),
        })
}

#[test]
fn a_pipeline_runs_the_job_that_it_is_started_for() {
    let pipeline = yaml(&text("examples/ci/gitlab/.gitlab-ci.yml"));
    let main = ("CI_COMMIT_BRANCH", "main");
    let default = ("CI_DEFAULT_BRANCH", "main");
    let source = |name| ("CI_PIPELINE_SOURCE", name);
    let jobs = ["release", "release-on-tag", "promote", "recover"];
    for (variables, expected) in [
        (&[main, source("push")][..], &["release"][..]),
        (&[("CI_COMMIT_BRANCH", "topic"), source("push")], &[]),
        (
            &[("CI_COMMIT_TAG", "v1.2.0"), source("push")],
            &["release-on-tag"],
        ),
        (
            &[main, source("web"), ("CANDIDATE", "1.2.0-rc.1")],
            &["promote"],
        ),
        (
            &[main, source("web"), ("RECOVER", "rollback")],
            &["recover"],
        ),
        (&[main, source("web")], &[]),
        (&[main, source("schedule")], &[]),
    ] {
        let variables = [variables, &[default]].concat();
        let runs = |job: &Value| {
            let mut rules = job["rules"].as_array().unwrap().iter();
            rules.any(|rule| holds(&plain(&rule["if"]), &variables))
        };
        let found: Vec<_> = jobs
            .into_iter()
            .filter(|name| runs(&pipeline[*name]))
            .collect();
        assert_eq!(found, expected, "{variables:?}");
        let component =
            yaml(&text("templates/release.yml").replace("\"$[[ inputs.job ]]\":", "release:"));
        let is_release = expected.contains(&"release");
        assert_eq!(runs(&component["release"]), is_release, "{variables:?}");
    }
}

/// A version that is older than the newest one is not on the page of the newest.
#[test]
fn the_component_installs_the_version_that_it_is_given() {
    let component =
        yaml(&text("templates/release.yml").replace("\"$[[ inputs.job ]]\":", "release:"));
    let lines = component["release"]["before_script"].as_array().unwrap();
    let lines: Vec<_> = lines.iter().map(plain).collect();
    let fetch = lines.iter().position(|line| line.starts_with("curl "));
    let script = lines[1..=fetch.unwrap()].join("\n");
    let releases = "https://github.com/hoist-rs/hoist/releases";
    for (version, base, expected) in [
        ("", "", format!("{releases}/latest/download")),
        ("0.1.0", "", format!("{releases}/download/v0.1.0")),
        ("v0.1.0", "", format!("{releases}/download/v0.1.0")),
        (
            "0.1.0",
            "https://mirror.example",
            "https://mirror.example".to_owned(),
        ),
    ] {
        let mut command = Command::new("sh");
        command
            .args(["-e", "-c", &format!("curl() {{ echo \"$2\"; }}\n{script}")])
            .env("HOIST_INSTALL_VERSION", version)
            .env("HOIST_INSTALL_URL", base);
        let run = Run::of(&mut command);
        assert_eq!(run.stdout, format!("{expected}/install.sh\n"));
    }
    let spec = text("templates/release.yml");
    let (_, base) = spec.split_once("    base-url:\n").unwrap();
    assert!(
        base.lines().nth(1).unwrap().ends_with("default: \"\""),
        "{base}"
    );
}

#[test]
fn the_shell_script_releases_and_keeps_the_exit_code() {
    let registry = registry();
    let world = World::new(&registry, &["acme/api"]);
    let clone = project(&world, &registry);
    let shallow = world.remote.clone("b", &["--depth=1"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ci/shell/release.sh");
    let folder = Path::new(env!("CARGO_BIN_EXE_hoist")).parent().unwrap();
    let release = |password: &str| {
        let mut command = shallow.command("sh");
        command
            .arg(&script)
            .env(
                "PATH",
                format!("{}:{}", folder.display(), std::env::var("PATH").unwrap()),
            )
            .env("HOIST_REGISTRY_HOST", host(&registry))
            .env("HOIST_REGISTRY_USERNAME", USER)
            .env("HOIST_REGISTRY_PASSWORD", password);
        Run::of(&mut command)
    };
    let run = release("wrong");
    run.expect(6);
    run.says("nothing moved");
    let run = release(PASSWORD);
    run.expect(0);
    assert_eq!(run.outcome()["version"], "1.1.0");
    assert_eq!(world.shows("latest"), world.shows("1.1.0"));
    drop(clone);
}
