//! Messages about a version that is public: once, without the lock, and no failure is a release's.

use std::{fs, process::Command};

use serde_json::json;
use testkit::sandbox::Clone;

use crate::{
    registry::server::{Personality, TestRegistry},
    support::{
        Run, World,
        web::{Answer, WebServer},
    },
};

const NAME: &str = "acme/api";
const PATH: &str = "/services/T01/s3cret";
const TEMPLATE: &str = r#"{
  "text": "{{ images[0].repository }} {{ version }} ({{ tag }}) {{ notes }}",
  "previous": {{ previous | tojson }},
  "tags": {{ tags | tojson }},
  "image": "{{ images[0].reference }}"
}"#;

fn registry() -> TestRegistry {
    TestRegistry::start(Personality::default())
}

fn project<'w>(world: &'w World<'_>, template: &str, more: &str) -> Clone<'w> {
    let clone = world.project_that_settles("a");
    let mut policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    policy.push_str(more);
    policy.push_str("\n[[announce]]\nurl = { env = \"ROOM\" }\ntemplate = \"room.json.jinja\"\n");
    clone.write("release.toml", policy);
    clone.write("room.json.jinja", template);
    clone.commit("chore: a room");
    clone.push();
    clone
}

fn release(world: &World<'_>, clone: &Clone<'_>, room: Option<&str>) -> Run {
    let mut command: Command =
        world.command(clone, &["release", "--version", "1.0.0", "--yes", "-vv"]);
    if let Some(room) = room {
        command.env("ROOM", room);
    }
    Run::of(&mut command)
}

#[test]
fn a_message_is_sent_once_when_everything_is_public() {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, TEMPLATE, "");
    let remote = world.remote.path().to_owned();
    let room = WebServer::start(move |_| {
        // Everything is public by now, and the lock is gone.
        let refs = Command::new("git")
            .args(["for-each-ref", "--format=%(refname)"])
            .current_dir(&remote)
            .output()
            .unwrap();
        let refs = String::from_utf8(refs.stdout).unwrap();
        assert!(refs.contains("refs/tags/v1.0.0"), "{refs}");
        assert!(!refs.contains("refs/hoist/publish"), "{refs}");
        Answer::text(200, "ok")
    });
    let check = world.run(&clone, &["check"]);
    check.says("1 message; not set here: `ROOM`");
    let run = release(&world, &clone, Some(&format!("{}{PATH}", room.url())));
    run.expect(0);
    run.says("1.0.0 is announced to `127.0.0.1`");
    assert!(!run.to_string().contains("s3cret"), "{run}");
    let log = room.log();
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!((&*log[0].method, &*log[0].target), ("POST", PATH));
    assert_eq!(log[0].header("content-type"), Some("application/json"));
    let message = log[0].json();
    let repository = registry.repository(NAME).to_string();
    let text = message["text"].as_str().unwrap();
    assert!(
        text.starts_with(&format!("{repository} 1.0.0 (v1.0.0) ")),
        "{text}"
    );
    assert_eq!(message["previous"], json!(null));
    let digest = world.shows("1.0.0").unwrap();
    assert_eq!(message["image"], format!("{repository}@{digest}"));
    let tags = message["tags"].as_array().unwrap();
    assert!(
        tags.contains(&json!(format!("{repository}:latest"))),
        "{tags:?}"
    );
    // Nothing is new any more.
    let again = release(&world, &clone, Some(&format!("{}{PATH}", room.url())));
    assert_eq!(room.log().len(), 1, "{again}");
}

#[test]
fn a_message_that_fails_changes_nothing_of_the_release() {
    let refuses = WebServer::start(|_| Answer::text(403, "no_service for /services/T01/s3cret"));
    let breaks = WebServer::start(|_| Answer {
        is_lost: true,
        ..Answer::text(200, "")
    });
    let moves = WebServer::start(|_| Answer::text(302, "").with("location", "/elsewhere"));
    for (room, template, says) in [
        (
            Some(refuses.url()),
            TEMPLATE,
            "answered 403: no_service for /services/***/***",
        ),
        (Some(breaks.url()), TEMPLATE, "`127.0.0.1`"),
        (Some(moves.url()), TEMPLATE, "answered 302"),
        (None, TEMPLATE, "the variable `ROOM` is not set"),
        (
            Some("http://192.0.2.1".to_owned()),
            TEMPLATE,
            "`ROOM`: it is not an address",
        ),
        (
            Some(refuses.url()),
            "hello {{ version }}",
            "does not make JSON",
        ),
    ] {
        let registry = registry();
        let world = World::new(&registry, &[NAME]);
        let clone = project(&world, template, "");
        let run = release(
            &world,
            &clone,
            room.map(|url| format!("{url}{PATH}")).as_deref(),
        );
        run.expect(0);
        run.says("warning 1.0.0 is published, and not announced with `room.json.jinja`");
        run.says(says);
        assert!(!run.to_string().contains("s3cret"), "{run}");
        assert!(world.shows("1.0.0").is_some());
        world.assert_unlocked();
    }
    for room in [refuses, breaks, moves] {
        assert_eq!(room.log().len(), 1, "each message is sent once");
    }
}

/// A release that was not carried through, one that a person must look at, and one that another run
/// finishes: nobody is told.
#[test]
fn what_is_not_public_at_once_is_not_announced() {
    let room = WebServer::start(|_| Answer::text(200, "ok"));
    let url = format!("{}{PATH}", room.url());
    for (hooks, code) in [
        ("after-stage = [{ run = [\"false\"] }]", 4),
        ("after-release = [{ run = [\"false\"] }]", 8),
    ] {
        let registry = registry();
        let world = World::new(&registry, &[NAME]);
        let clone = project(&world, TEMPLATE, &format!("\n[hooks]\n{hooks}\n"));
        release(&world, &clone, Some(&url)).expect(code);
        world.run(&clone, &["resume", "--yes"]);
    }
    assert_eq!(room.log().len(), 0);
}
