//! Signatures stand between an image and its names: hoist looks for them itself, and a program that
//! merely ends well signs nothing.

use std::fs;

use testkit::sandbox::Clone;

use crate::{
    registry::server::{Fault, On, Personality, Referrers, TestRegistry, What},
    support::{Run, World, signer::SIGNER},
};

const NAME: &str = "acme/api";

/// A project that is signed as `sign` says, with its gate; scripts are run by bash.
fn project<'w>(world: &'w World<'_>, sign: &str) -> Clone<'w> {
    let clone = world.project_that_settles("a");
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let more = "\n[hooks]\nafter-stage = [{ run = [\"test\", \"-n\", \"gate\"] }]\n\
                [[attach]]\nfile = \"notice.txt\"\ntype = \"text/plain\"\n";
    clone.write("release.toml", format!("{policy}{more}\n[sign]\n{sign}\n"));
    clone.write("notice.txt", "for everybody\n");
    clone.write("sign.sh", format!("set -e\n{SIGNER}"));
    clone.write("nothing.sh", "exit 0\n");
    clone.write("no.sh", "echo the key is not here >&2\nexit 3\n");
    clone.commit("chore: signatures");
    clone.push();
    clone
}

fn registry() -> TestRegistry {
    TestRegistry::start(Personality {
        // The signer sends no configuration.
        checks_blobs: false,
        ..Personality::default()
    })
}

fn release(world: &World<'_>, clone: &Clone<'_>) -> Run {
    world.run(clone, &["release", "--version", "1.0.0", "--yes"])
}

#[test]
fn what_is_signed_gets_its_names_and_the_git_tag_says_so() {
    let registry = registry();
    let world = World::new(&registry, &[NAME, "acme/mirror"]);
    let sign = "run = [\"bash\", \"sign.sh\", \"{image}\"]\n\
                verify = [\"bash\", \"nothing.sh\", \"{image}\"]";
    let clone = project(&world, sign);
    let run = release(&world, &clone);
    run.expect(0);
    let digest = world.shows("1.0.0").unwrap();
    for name in [NAME, "acme/mirror"] {
        run.says(&format!("Signed {}@{digest}", registry.repository(name)));
    }
    let message = clone.git(&["cat-file", "tag", "v1.0.0"]);
    let count = |start: &str| {
        message
            .lines()
            .filter(|line| line.starts_with(start))
            .count()
    };
    let lines = [
        "Hoist-Image: ",
        "Hoist-Attachment: ",
        "Hoist-Signature: ",
        "Hoist-Gate: ",
    ];
    assert_eq!(lines.map(count), [2, 2, 2, 1], "{message}");
    assert!(
        message.contains("application/x.signature sha256:"),
        "{message}"
    );

    world.hoist(&clone, &["verify", "--signatures"]);
    let log = world.hoist(&clone, &["log", "1.0.0", "--json"]).json();
    let release = &log["releases"][0];
    assert_eq!(release["signatures"].as_array().unwrap().len(), 2);
    assert_eq!(release["signatures"][0]["subject"], digest);
    assert_eq!(release["attachments"][0]["artifact_type"], "text/plain");
    assert_eq!(release["gate"][0], "test -n gate");
    let text = world.hoist(&clone, &["log", "1.0.0"]);
    text.says("gate passed");
    world.run(&clone, &["log", "9.9.9"]).expect(4);

    // Somebody takes the signature away.
    let mut state = registry.state();
    let contents = state.store.contents(NAME).unwrap();
    contents.manifests.retain(|_, manifest| {
        !manifest
            .bytes
            .windows(11)
            .any(|text| text == b"x.signature")
    });
    drop(state);
    let run = world.run(&clone, &["verify"]);
    run.expect(9);
    run.says("its signature sha256:");
}

#[test]
fn a_signature_that_is_not_there_moves_nothing() {
    let signer = |script: &str| format!("run = [\"bash\", \"{script}\", \"{{image}}\"]");
    let with = |script: &str, proof: &str| {
        format!(
            "{}\nverify = [\"bash\", \"{proof}\", \"{{image}}\"]",
            signer(script)
        )
    };
    for (sign, code, says) in [
        (signer("no.sh"), 6, "the key is not here"),
        (signer("nothing.sh"), 4, "has no new signature"),
        (with("sign.sh", "no.sh"), 4, "does not prove the signature"),
        (
            "run = [\"./not-there\", \"{image}\"]".to_owned(),
            6,
            "cannot run",
        ),
    ] {
        let registry = registry();
        let world = World::new(&registry, &[NAME]);
        let clone = project(&world, &sign);
        let run = release(&world, &clone);
        run.expect(code);
        run.says(says);
        run.says("no tag has moved");
        assert!(registry.tags(NAME).is_empty(), "{run}");
        assert!(!world.remote.refs().contains("v1.0.0"), "{run}");
        world.assert_unlocked();
        world.run(&clone, &["status"]).expect(0);
    }
}

/// The key signs with the same bytes each time, so that the second run finds its signature in place.
#[test]
fn a_release_that_was_signed_and_refused_is_signed_again() {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, "run = [\"bash\", \"sign.sh\", \"{image}\"]");
    let latest = On::put_tag().with("/latest");
    registry.fault(Fault::always(latest, What::Status(403, "DENIED")));
    release(&world, &clone).expect(7);
    registry.heal();
    let run = release(&world, &clone);
    run.expect(0);
    run.says("was signed before");
    let message = clone.git(&["cat-file", "tag", "v1.0.0"]);
    assert!(message.contains("Hoist-Signature: "), "{message}");
    world.hoist(&clone, &["verify"]);
}

#[test]
fn a_proof_is_enough_where_the_signature_is_kept_elsewhere() {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    let sign = "run = [\"bash\", \"nothing.sh\", \"{image}\"]\n\
                verify = [\"bash\", \"nothing.sh\", \"{image}\"]";
    let clone = project(&world, sign);
    release(&world, &clone).expect(0);
    let message = clone.git(&["cat-file", "tag", "v1.0.0"]);
    assert!(!message.contains("Hoist-Signature"), "{message}");
    clone.write("nothing.sh", "echo bad signature; exit 1\n");
    let run = world.run(&clone, &["verify", "--signatures"]);
    run.expect(9);
    run.says("its signature is not proven: bad signature");
}

#[test]
fn the_program_and_the_key_are_looked_for_before_a_release() {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    for (sign, says) in [
        (
            "run = [\"not-installed\", \"{image}\"]",
            "`not-installed` (`sign`) is not there",
        ),
        (
            "with = \"cosign\"\nkey = \"release.key\"",
            "(`sign`) is not there",
        ),
    ] {
        let clone = project(&world, sign);
        let run = world.run(&clone, &["check"]);
        run.expect(6);
        run.says(says);
        fs::remove_dir_all(clone.path()).unwrap();
    }
    let clone = project(&world, "run = [\"bash\", \"sign.sh\", \"{image}\"]");
    world.hoist(&clone, &["check"]).says("`bash` signs");
}

/// A secret of the caller's environment goes to the signer, and nowhere else.
#[test]
fn secrets_are_in_no_journal_log_or_document() {
    let secret = "geheim-4711";
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, "run = [\"bash\", \"sign.sh\", \"{image}\"]");
    let check = format!("test \"$COSIGN_PASSWORD\" = {secret}\n");
    let script = fs::read_to_string(clone.path().join("sign.sh")).unwrap();
    clone.write(
        "sign.sh",
        script.replacen("set -e\n", &format!("set -e\n{check}"), 1),
    );
    clone.commit("chore: a password");
    clone.push();
    for json in [&["--json"][..], &[]] {
        let version = if json.is_empty() { "1.1.0" } else { "1.0.0" };
        world.change(&clone, "feat: more");
        let mut args = vec!["release", "-vv", "--version", version, "--yes"];
        args.extend(json);
        let mut command = world.command(&clone, &args);
        let run = Run::of(command.env("COSIGN_PASSWORD", secret));
        run.expect(0);
        assert!(
            !run.stdout.contains(secret) && !run.stderr.contains(secret),
            "{run}"
        );
    }
    let mut folders = vec![clone.path().to_owned(), world.remote.home().to_owned()];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && entry.file_name() != "sign.sh" {
                let content = fs::read(entry.path()).unwrap();
                let found = content
                    .windows(secret.len())
                    .any(|part| part == secret.as_bytes());
                assert!(!found, "{}", entry.path().display());
                read += 1;
            }
        }
    }
    assert!(read > 20, "only {read} files were read");
}

/// The candidate's image goes to a second repository, on a registry that knows nothing of referrers: its
/// attachment and its signature go along.
#[test]
fn a_promotion_takes_along_what_is_about_the_image() {
    let registry = registry();
    let other = TestRegistry::start(Personality {
        referrers: Referrers::Unknown,
        checks_blobs: false,
        ..Personality::default()
    });
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, "run = [\"bash\", \"sign.sh\", \"{image}\"]");
    world.hoist(&clone, &["release", "--version", "1.0.0-rc.1", "--yes"]);
    let digest = world.shows("1.0.0-rc.1").unwrap();

    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let (here, there) = (registry.repository(NAME), other.repository("acme/mirror"));
    let both = format!("{:?}", [here.to_string(), there.to_string()]);
    let unsigned = policy.split("\n[sign]").next().unwrap();
    let unsigned = unsigned.replace(&format!("{:?}", [here.to_string()]), &both);
    clone.write("release.toml", unsigned);
    clone.commit("chore: a mirror");
    clone.push();
    // Somebody has listed something of the image there before.
    let subject: hoist::oci::Digest = digest.parse().unwrap();
    let list = hoist::oci::referrer::referrers_tag(&subject);
    let theirs = hoist::oci::Descriptor::new("x/y", hoist::oci::Digest::of(b"theirs"), 1);
    let before = hoist::oci::referrer::with(None, std::slice::from_ref(&theirs))
        .unwrap()
        .unwrap();
    other.foreign_push("acme/mirror", list.as_str(), &before);
    world.hoist(&clone, &["promote", "1.0.0-rc.1", "--yes"]);

    let tags = other.tags("acme/mirror");
    assert_eq!(tags["1.0.0"].as_str(), digest);
    let mut state = other.state();
    let contents = state.store.contents("acme/mirror").unwrap();
    let listed = contents.manifests[&tags[list.as_str()]].clone();
    let listed = hoist::oci::referrer::listed(&listed).unwrap();
    assert_eq!(listed[0], theirs);
    let mut kinds: Vec<_> = listed[1..]
        .iter()
        .map(|entry| entry.artifact_type())
        .collect();
    kinds.sort();
    assert_eq!(kinds, [Some("application/x.signature"), Some("text/plain")]);
    let mut source = registry.state();
    let source = source.store.contents(NAME).unwrap();
    for entry in &listed[1..] {
        assert_eq!(
            contents.manifests.get(&entry.digest),
            source.manifests.get(&entry.digest)
        );
    }
    drop(state);
    let message = clone.git(&["cat-file", "tag", "v1.0.0"]);
    let carried = |start: &str| {
        message
            .lines()
            .filter(|line| line.starts_with(start))
            .count()
    };
    let both = ["Hoist-Attachment: ", "Hoist-Signature: "].map(carried);
    assert_eq!(both, [2, 2], "{message}");
}

/// The clone's policy with a further repository.
fn add_mirror(clone: &Clone<'_>, registry: &TestRegistry) {
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let (here, there) = (
        registry.repository(NAME),
        registry.repository("acme/mirror"),
    );
    let one = format!("{:?}", [here.to_string()]);
    let both = format!("{:?}", [here.to_string(), there.to_string()]);
    clone.write("release.toml", policy.replace(&one, &both));
    clone.commit("chore: a mirror");
    clone.push();
}

/// The signer makes the same bytes again, and they have gone along already.
#[test]
fn a_signed_candidate_goes_to_a_further_repository() {
    for proof in ["", "verify = [\"bash\", \"nothing.sh\", \"{image}\"]"] {
        let registry = registry();
        let world = World::new(&registry, &[NAME]);
        let sign = format!("run = [\"bash\", \"sign.sh\", \"{{image}}\"]\n{proof}");
        let clone = project(&world, &sign);
        world.hoist(&clone, &["release", "--version", "1.0.0-rc.1", "--yes"]);
        add_mirror(&clone, &registry);
        world.hoist(&clone, &["promote", "1.0.0-rc.1", "--yes"]);
        let log = world.hoist(&clone, &["log", "1.0.0", "--json"]).json();
        let release = &log["releases"][0];
        for (kind, artifact_type) in [
            ("signatures", "application/x.signature"),
            ("attachments", "text/plain"),
        ] {
            let all = release[kind].as_array().unwrap();
            let mut places: Vec<_> = all.iter().map(|one| one["repository"].clone()).collect();
            places.dedup();
            assert_eq!((all.len(), places.len()), (2, 2), "{release}");
            assert!(all.iter().all(|one| one["artifact_type"] == artifact_type));
        }
        world.hoist(&clone, &["verify", "1.0.0"]);
    }
}

/// What an earlier release has attached is no signature, whatever its type says.
#[test]
fn an_attachment_that_goes_along_is_no_signature() {
    for is_promoted in [true, false] {
        let registry = registry();
        let world = World::new(&registry, &[NAME]);
        let clone = project(&world, "run = [\"bash\", \"nothing.sh\", \"{image}\"]");
        let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
        let policy = policy.replace("text/plain", "application/x.signature");
        let unsigned = policy.split("\n[sign]").next().unwrap();
        clone.write("release.toml", unsigned);
        clone.commit("chore: unsigned");
        clone.push();
        let first = if is_promoted { "1.0.0-rc.1" } else { "1.0.0" };
        world.hoist(&clone, &["release", "--version", first, "--yes"]);
        clone.write("release.toml", &policy);
        if is_promoted {
            clone.commit("chore: signed");
            clone.push();
        }
        let args: &[&str] = match is_promoted {
            true => &["promote", first, "--yes"],
            false => &["release", "--version", first, "--yes", "--allow-dirty"],
        };
        let run = world.run(&clone, args);
        run.expect(4);
        run.says("has no new signature");
    }
}

/// What one repository has lost comes from the one that has it, whichever is the first, by the command that `verify`
/// names.
#[test]
fn what_a_repository_has_lost_comes_from_the_other() {
    let names = [NAME, "acme/mirror"];
    let lose = |registry: &TestRegistry, name: &str, list: Option<&str>| {
        if let Some(list) = list {
            let empty = hoist::oci::Manifest::new(
                hoist::oci::MediaType::from(hoist::oci::MediaType::OCI_INDEX),
                format!(
                    r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[]}}"#,
                    hoist::oci::MediaType::OCI_INDEX
                ),
            );
            registry.foreign_push(name, list, &empty);
            return;
        }
        let mut state = registry.state();
        let contents = state.store.contents(name).unwrap();
        contents
            .manifests
            .retain(|_, one| hoist::oci::referrer::referrer(one).is_none());
    };
    for has_api in [true, false] {
        for lost in [vec![0], vec![1], vec![0, 1]] {
            let registry = TestRegistry::start(Personality {
                referrers: match has_api {
                    true => Referrers::Listed,
                    false => Referrers::Unknown,
                },
                checks_blobs: false,
                ..Personality::default()
            });
            let world = World::new(&registry, &names);
            let nothing = "[\"bash\", \"nothing.sh\", \"{image}\"]";
            let sign = match has_api {
                true => "run = [\"bash\", \"sign.sh\", \"{image}\"]".to_owned(),
                false => format!("run = {nothing}\nverify = {nothing}"),
            };
            let clone = project(&world, &sign);
            release(&world, &clone).expect(0);
            let digest: hoist::oci::Digest = world.shows("1.0.0").unwrap().parse().unwrap();
            let list = hoist::oci::referrer::referrers_tag(&digest).to_string();
            for place in &lost {
                lose(&registry, names[*place], (!has_api).then_some(&*list));
            }
            let run = world.run(&clone, &["verify"]);
            run.expect(9);
            if lost.len() == 2 {
                run.says("no repository lists sha256:");
                continue;
            }
            run.says("`hoist release --version 1.0.0` at its commit copies");
            release(&world, &clone).expect(0);
            world.hoist(&clone, &["verify"]);
        }
    }
}

/// A proof is told, image by image: a run that says nothing could have proven nothing.
#[test]
fn what_was_proven_is_told() {
    let registry = registry();
    let world = World::new(&registry, &[NAME, "acme/mirror"]);
    let sign = "run = [\"bash\", \"sign.sh\", \"{image}\"]\n\
                verify = [\"bash\", \"nothing.sh\", \"{image}\"]";
    let clone = project(&world, sign);
    release(&world, &clone).expect(0);
    let digest = world.shows("1.0.0").unwrap();
    let said = |name: &str| {
        let image = registry.repository(name);
        format!("the signature of {image}@{digest} is proven")
    };
    for args in [
        &["verify", "--signatures"][..],
        &["verify", "--signatures", "-v"],
    ] {
        let run = world.hoist(&clone, args);
        run.says(&said(NAME));
        run.says(&said("acme/mirror"));
    }
    let run = world.hoist(&clone, &["verify"]);
    assert!(!format!("{run}").contains("is proven"), "{run}");
    let seen = world.hoist(&clone, &["verify", "--json"]).json();
    assert_eq!(seen["signatures"], serde_json::json!([]));
    for proves in [true, false] {
        if !proves {
            clone.write("nothing.sh", "exit 1\n");
        }
        let run = world.run(&clone, &["verify", "--signatures", "--json"]);
        run.expect(if proves { 0 } else { 9 });
        let seen = run.json();
        let all = seen["signatures"].as_array().unwrap();
        assert_eq!(all.len(), 2, "{seen}");
        for one in all {
            assert_eq!(one["digest"], digest);
            assert_eq!(one["proven"], proves);
        }
    }
    let run = world.run(&clone, &["verify", "--signatures"]);
    run.expect(9);
    assert!(!format!("{run}").contains("is proven"), "{run}");
}

/// What an image is for stands in the git tag, of a built image and of a promoted one.
#[test]
fn the_git_tag_records_the_platforms() {
    let registry = registry();
    let world = World::new(&registry, &[NAME]);
    let clone = project(&world, "run = [\"bash\", \"sign.sh\", \"{image}\"]");
    world.hoist(&clone, &["release", "--version", "1.0.0-rc.1", "--yes"]);
    let digest = world.shows("1.0.0-rc.1").unwrap();
    add_mirror(&clone, &registry);
    world.hoist(&clone, &["promote", "1.0.0-rc.1", "--yes"]);
    for version in ["1.0.0-rc.1", "1.0.0"] {
        let message = clone.git(&["cat-file", "tag", &format!("v{version}")]);
        let line = format!("\nHoist-Platform: {digest} ");
        assert_eq!(message.matches(&line).count(), 1, "{message}");
        let log = world.hoist(&clone, &["log", version, "--json"]).json();
        let images = log["releases"][0]["images"].as_array().unwrap();
        for image in images {
            assert_eq!(image["platforms"], serde_json::json!(["linux/amd64"]));
        }
        let text = world.hoist(&clone, &["log", version]);
        text.says(&format!("linux/amd64 of {digest}"));
    }
}
