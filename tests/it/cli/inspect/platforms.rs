//! Images for several platforms, and several images: what is not shown is named, and judged by its own budget.

use std::fs;

use serde_json::json;
use testkit::sandbox::Clone;

use crate::{
    registry::server::{Personality, TestRegistry},
    support::{
        World,
        layout::{Layout, noise},
    },
};

const NAME: &str = "acme/api";
const WORKER: &str = "acme/worker";

/// An image for each of these platforms with so many bytes that do not compress.
fn write(clone: &Clone<'_>, place: &str, platforms: &[(&str, usize)]) {
    let mut layout = Layout::new(&clone.path().join(place));
    let images: Vec<_> = platforms
        .iter()
        .map(|(architecture, size)| layout.image(architecture, &json!({}), &noise(place, *size)))
        .collect();
    let top = match &images[..] {
        [one] => one.clone(),
        all => layout.index(all),
    };
    layout.finish(&top);
}

/// The command in a message that begins like this.
fn command(message: &str, begin: &str) -> String {
    let mut found = message.split('`').filter(|text| text.starts_with(begin));
    found
        .next()
        .unwrap_or_else(|| panic!("{begin}: {message}"))
        .to_owned()
}

/// The words behind the name of the program.
fn words(command: &str) -> Vec<&str> {
    command.split_whitespace().skip(1).collect()
}

const ONE: &str = "[image]\nrepository = \"NAME\"\n[image.build]\nlayout = \"dist/oci\"\n";

#[test]
fn the_budget_is_judged_for_every_platform() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let policy = format!("{ONE}[image.budget]\nmax = \"50kB\"\n");
    let clone = world.with_policy(&policy);
    write(&clone, "dist/oci", &[("amd64", 1_000), ("arm64", 200_000)]);
    let run = world.hoist(&clone, &["inspect", "dist/oci"]);
    run.says("not shown: its images for linux/arm64");
    let page = ["inspect", "dist/oci", "--markdown", "--html", "page.html"];
    let run = world.hoist(&clone, &page);
    run.says("Not shown&#58; its images for linux/arm64.");
    let page = fs::read_to_string(clone.path().join("page.html")).unwrap();
    assert!(page.contains("its images for linux&#x2f;arm64"), "{page}");
    let over = "linux/arm64: 211.";
    let run = world.run(&clone, &["inspect", "dist/oci", "--budget"]);
    run.expect(4);
    run.says(over);
    let run = world.run(&clone, &["inspect", "dist/oci", "--budget", "--json"]);
    run.expect(4);
    let document = run.json();
    assert_eq!(document["other_platforms"], json!(["linux/arm64"]), "{run}");
    assert_eq!(
        document["over_budget"].as_array().unwrap().len(),
        1,
        "{run}"
    );

    // The hint's command shows the image that is over.
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(4);
    run.says("shows where the bytes of 0.1.0 (linux/arm64) are");
    let command = command(&run.stderr, "hoist inspect ");
    let run = world.hoist(&clone, &words(&command));
    run.says("(linux/arm64): 211.");

    // What is published is judged in the same way.
    world.hoist(&clone, &["release", "--yes", "--over-budget"]);
    let run = world.run(&clone, &["inspect", "--budget"]);
    run.expect(4);
    run.says(over);
    world.hoist(&clone, &["inspect"]).says("not shown");
}

#[test]
fn growth_is_measured_by_the_same_platform() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let policy = format!("{ONE}[image.budget]\ngrowth = \"10%\"\n");
    let clone = world.with_policy(&policy);
    write(&clone, "dist/oci", &[("amd64", 1_000)]);
    world.hoist(&clone, &["release", "--yes"]);
    world.change(&clone, "feat: more");
    write(&clone, "dist/oci", &[("amd64", 1_010), ("arm64", 200_000)]);
    let unknown = "`image.budget.growth` was not judged: ";
    let run = world.hoist(&clone, &["inspect", "dist/oci", "--budget"]);
    run.says(&format!("linux/arm64: {unknown}"));
    let run = world.hoist(&clone, &["release", "--yes"]);
    run.says(&format!(
        "0.2.0 (linux/arm64): {unknown}no repository has its image of 0.1.0 for linux/arm64"
    ));
    assert!(!run.stderr.contains("(linux/amd64)"), "{run}");
}

#[test]
fn growth_is_not_measured_by_a_release_that_was_taken_back() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let policy = format!("{ONE}[image.budget]\ngrowth = \"10%\"\n");
    let clone = world.with_policy(&policy);
    write(&clone, "dist/oci", &[("amd64", 1_000)]);
    world.hoist(&clone, &["release", "--yes"]);
    world.change(&clone, "feat: more");
    write(&clone, "dist/oci", &[("amd64", 200_000)]);
    world.hoist(&clone, &["release", "--yes", "--over-budget"]);
    world.hoist(&clone, &["rollback", "0.2.0", "--why", "too big", "--yes"]);
    world.change(&clone, "feat: even more");
    write(&clone, "dist/oci", &[("amd64", 199_000)]);
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(4);
    run.says("more than 0.1.0 has");
}

#[test]
fn a_layout_is_judged_by_the_budget_of_the_image_that_it_is_of() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME, WORKER]);
    let worker = "[image.budget]\nmax = \"500kB\"\n[images.worker]\nrepository = \"WORKER\"\n\
                  layout = \"dist/worker\"\n[images.worker.budget]\nmax = \"20kB\"\n";
    let clone = world.with_policy(&format!("{ONE}{worker}"));
    write(&clone, "dist/oci", &[("amd64", 1_000)]);
    write(&clone, "dist/worker", &[("amd64", 90_000)]);
    let run = world.run(&clone, &["inspect", "dist/worker", "--budget"]);
    run.expect(4);
    run.says("and `images.worker.budget.max` is 20.0 kB");
    world
        .run(&clone, &["release", "--yes"])
        .says("over `images.worker.budget`: 0.1.0 `worker`");
    world.hoist(&clone, &["inspect", "dist/oci", "--budget"]);
    world.hoist(&clone, &["release", "--yes", "--over-budget"]);

    // A directory with the name of an image, and no image in it.
    fs::create_dir(clone.path().join("worker")).unwrap();
    clone.write("worker/main.go", "package main\n");
    let run = world.hoist(&clone, &["inspect", "worker"]);
    run.says(&format!("{WORKER}:0.1.0"));
}

#[test]
fn no_layout_becomes_a_part_of_two_images() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME, WORKER]);
    let policy = ONE.replace("dist/oci", "dist/*")
        + "[images.worker]\nrepository = \"WORKER\"\nlayout = \"dist/w-*\"\n";
    let clone = world.with_policy(&policy);
    write(&clone, "dist/m-a", &[("amd64", 1_000)]);
    write(&clone, "dist/w-b", &[("arm64", 1_000)]);
    for args in [&["release", "--yes"][..], &["check"]] {
        let run = world.run(&clone, args);
        run.expect(4);
        run.says("`dist/w-b` belongs to two images");
    }
    assert!(world.tags().is_empty());
    // A link to a layout is the layout once more.
    std::os::unix::fs::symlink("m-a", clone.path().join("dist/m-b")).unwrap();
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(4);
    run.says("is matched twice: the pattern of `layout` matches a link to it as well");
}

/// `--from` gives a leg to one image: by whatever path it is named for the other one.
#[test]
fn no_leg_becomes_a_part_of_two_images() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME, WORKER]);
    let policy = ONE.to_owned()
        + "platforms = [\"linux/amd64\", \"linux/arm64\"]\n[images.worker]\nrepository = \"WORKER\"\nlayout = \"dist/w\"\n";
    let clone = world.with_policy(&policy);
    for (place, platform) in [
        ("dist/m1", "amd64"),
        ("dist/m2", "arm64"),
        ("dist/w1", "amd64"),
        ("dist/w2", "arm64"),
    ] {
        write(&clone, place, &[(platform, 1_000)]);
    }
    let link = clone.path().join("dist/w3");
    std::os::unix::fs::symlink("m2", link).unwrap();
    let release = |more: &[&str], last: &str| {
        let from = ["--from", "main=dist/m*", "worker=dist/w1", last];
        world.run(&clone, &[&["release"], more, &from].concat())
    };
    for path in ["dist/m2", "./dist/m2", "dist/w3"] {
        for more in [&["--dry-run"][..], &["--yes"]] {
            let run = release(more, &format!("worker={path}"));
            run.expect(4);
            run.says(&format!("the leg `{path}` is given to two images"));
            run.says("for `main` and for `worker`");
            run.says("state: nothing was published");
        }
    }
    assert!(world.tags().is_empty());
    let lacks = world.run(
        &clone,
        &[
            "release",
            "--dry-run",
            "--from",
            "main=dist/m*",
            "worker=dist/w1",
        ],
    );
    lacks.expect(4);
    lacks.says("no leg of the image `worker` is for linux/arm64");
    lacks
        .says("--image-name worker --platform linux/arm64 --output DIR` on a machine of that kind");
    release(&["--yes"], "worker=dist/w2").expect(0);
}

/// A layout may hold both images, each under its own name, as `docker save ONE TWO` writes it.
#[test]
fn one_layout_with_two_named_images_is_given_to_both() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME, WORKER]);
    let policy = ONE.replace("dist/oci", "dist/both")
        + "[images.worker]\nrepository = \"WORKER\"\nlayout = \"dist/both\"\n";
    let clone = world.with_policy(&policy);
    let mut layout = Layout::new(&clone.path().join("dist/both"));
    let named = [NAME, WORKER].map(|name| {
        let mut image = layout.image("amd64", &json!({}), name.as_bytes());
        let full = format!("{}:0.1.0", registry.repository(name));
        image["annotations"] = json!({
            "org.opencontainers.image.ref.name": "0.1.0",
            "io.containerd.image.name": full,
        });
        image
    });
    layout.list(&named);
    let packed = std::process::Command::new("tar")
        .args(["-cf", "both.tar", "-C", "both", "."])
        .current_dir(clone.path().join("dist"))
        .status();
    assert!(packed.unwrap().success());
    write(&clone, "dist/one", &[("amd64", 1_000)]);
    let packed = std::process::Command::new("tar")
        .args(["-cf", "one.tar", "-C", "one", "."])
        .current_dir(clone.path().join("dist"))
        .status();
    assert!(packed.unwrap().success());
    let release = |how: &str, place: &str| {
        let from = [format!("main={place}"), format!("worker={place}")];
        world.run(
            &clone,
            &["release", how, "--from", &from[0], "--from", &from[1]],
        )
    };
    for place in ["dist/one", "dist/one.tar"] {
        let run = release("--yes", place);
        run.expect(4);
        run.says(&format!("the leg `{place}` is given to two images"));
    }
    assert!(world.tags().is_empty());
    for place in ["dist/both.tar", "dist/both"] {
        release("--dry-run", place).expect(0);
        let named = format!("main={place}");
        for from in [[place, &*named], [&*named, place]] {
            let run = world.run(
                &clone,
                &[&["release", "--dry-run", "--from"], &from[..]].concat(),
            );
            run.expect(2);
            run.says(&format!(
                "with an image and without: `main={place}` and `{place}`"
            ));
            run.says(&format!("leave out the argument `{place}`"));
            run.says(&format!("`--from main={place} worker={place}`"));
        }
    }
    release("--yes", "dist/both").expect(0);
    for (name, image) in [NAME, WORKER].iter().zip(&named) {
        assert_eq!(registry.tags(name)["0.1.0"].as_str(), image["digest"]);
    }
}

/// Legs that say which image they are of may lie in one file, or in one layout, whoever is named for it.
#[test]
fn one_file_with_legs_of_two_images_is_given_to_both() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME, WORKER]);
    let policy =
        ONE.to_owned() + "[images.worker]\nrepository = \"WORKER\"\nlayout = \"dist/worker\"\n";
    let clone = world.with_policy(&policy);
    write(&clone, "dist/oci", &[("amd64", 1_000)]);
    write(&clone, "dist/worker", &[("amd64", 2_000)]);
    let staged = |more: &[&str]| {
        let run = world.hoist(&clone, &[&["build", "--stage"], more].concat());
        clone.write("dist/staged.json", &run.stdout);
        run.stdout.lines().count()
    };
    world.hoist(&clone, &["build", "--output", "dist/both-legs"]);
    assert_eq!(staged(&[]), 2);
    let release = |how: &str, place: &str| {
        let from = [format!("main={place}"), format!("worker={place}")];
        world.run(
            &clone,
            &["release", how, "--from", &from[0], "--from", &from[1]],
        )
    };
    for place in ["dist/staged.json", "dist/both-legs"] {
        release("--dry-run", place).expect(0);
    }
    release("--yes", "dist/staged.json").expect(0);
    let (main, worker) = (registry.tags(NAME), registry.tags(WORKER));
    assert_ne!(main["0.1.0"], worker["0.1.0"]);
    // One that is of one image alone says so, and the way.
    world.change(&clone, "feat: more");
    write(&clone, "dist/worker", &[("amd64", 3_000)]);
    assert_eq!(staged(&["--image-name", "worker"]), 1);
    for how in ["--dry-run", "--yes"] {
        let run = release(how, "dist/staged.json");
        run.expect(4);
        run.says("the leg `dist/staged.json` is of another image");
        run.says("expected `main`, and it says `worker`");
        run.says("each leg says which image it is of: `--from dist/staged.json`");
        run.says("makes a leg of `main`");
    }
    assert_eq!(registry.tags(NAME), main);
}

/// A copy of one image was given for both.
#[test]
fn two_images_that_are_the_same_are_told() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME, WORKER]);
    let policy =
        ONE.to_owned() + "[images.worker]\nrepository = \"WORKER\"\nlayout = \"dist/worker\"\n";
    let clone = world.with_policy(&policy);
    write(&clone, "dist/oci", &[("amd64", 1_000)]);
    let copied = std::process::Command::new("cp")
        .args(["-r", "oci", "worker"])
        .current_dir(clone.path().join("dist"))
        .status();
    assert!(copied.unwrap().success());
    let from = ["--from", "main=dist/oci", "--from", "worker=dist/worker"];
    for args in [&["release", "--dry-run"][..], &["release", "--yes"]] {
        let run = world.hoist(&clone, &[args, &from].concat());
        run.says("the images `main` and `worker` are the same: sha256:");
    }
}

/// Entries of an index may be without a platform: the configuration says it then.
#[test]
fn growth_is_measured_by_an_index_that_names_no_platform() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let policy = format!("{ONE}[image.budget]\ngrowth = \"10%\"\n");
    let clone = world.with_policy(&policy);
    let write = |size: usize| {
        let mut layout = Layout::new(&clone.path().join("dist/oci"));
        let image = |layout: &mut Layout, architecture: &str| {
            let mut image = layout.image(architecture, &json!({}), &noise(architecture, size));
            image.as_object_mut().unwrap().remove("platform");
            image
        };
        let images = [image(&mut layout, "arm64"), image(&mut layout, "amd64")];
        let top = layout.index(&images);
        layout.finish(&top);
    };
    write(100_000);
    world.hoist(&clone, &["release", "--yes"]);
    for what in [&["inspect"][..], &["inspect", "dist/oci"]] {
        let run = world.hoist(&clone, &[what, &["--json"]].concat());
        let document = run.json();
        let other = match document["platform"].as_str() {
            Some("linux/amd64") => "linux/arm64",
            _ => "linux/amd64",
        };
        assert_eq!(document["other_platforms"], json!([other]), "{run}");
    }
    world.change(&clone, "feat: more");
    write(150_000);
    let run = world.run(&clone, &["release", "--yes"]);
    run.expect(4);
    run.says("more than 0.1.0 has");
    assert!(!run.stderr.contains("was not judged"), "{run}");
}

#[test]
fn a_variant_that_is_the_plain_image_is_told() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let policy = format!("{ONE}[variants.alpine]\nlayout = \"dist/alpine\"\n");
    let clone = world.with_policy(&policy);
    write(&clone, "dist/oci", &[("amd64", 1_000)]);
    let dist = clone.path().join("dist");
    let copied = std::process::Command::new("cp")
        .args(["-r", "oci", "alpine"])
        .current_dir(&dist)
        .status();
    assert!(copied.unwrap().success());
    for args in [&["release", "--dry-run"][..], &["release", "--yes"]] {
        let run = world.hoist(&clone, args);
        run.says("the images `main` and `main/alpine` are the same: sha256:");
    }
}

#[test]
fn the_command_for_what_is_over_shows_that_image_for_that_platform() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME, WORKER]);
    let policy = format!(
        "{ONE}platforms = [\"linux/amd64\", \"linux/arm64\"]\n[images.worker]\nrepository = \"WORKER\"\n\
         layout = \"dist/worker\"\n[images.worker.budget]\nmax = \"50kB\"\n"
    );
    let clone = world.with_policy(&policy);
    write(&clone, "dist/oci", &[("amd64", 1_000), ("arm64", 1_000)]);
    let both = [("amd64", 1_000), ("arm64", 200_000)];
    write(&clone, "dist/worker", &both);
    let leg = ["--platform", "linux/arm64", "--output", "dist/leg"];
    for more in [&[][..], &leg] {
        let run = world.run(&clone, &[&["build"][..], more].concat());
        run.expect(4);
        run.says("`worker` (linux/arm64)");
        let command = command(&run.stderr, "hoist build ");
        assert_eq!(
            command,
            "hoist build --markdown FILE --image-name worker --platform linux/arm64"
        );
        let run = world.run(&clone, &words(&command.replace("FILE", "dist/page.md")));
        run.expect(4);
        let page = fs::read_to_string(clone.path().join("dist/page.md")).unwrap();
        assert!(page.contains("<code>worker</code>: "), "{page}");
        assert!(page.contains("(linux/arm64)"), "{page}");
    }
}

#[test]
fn the_platform_that_is_asked_for_is_shown() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = world.with_policy(&format!("{ONE}[image.budget]\nmax = \"1GB\"\n"));
    let all = [("amd64", 1_000), ("arm64", 20_000), ("s390x", 3_000)];
    write(&clone, "dist/oci", &all);
    world.hoist(&clone, &["release", "--yes"]);
    for what in [
        &["dist/oci"][..],
        &[],
        &["dist/oci", "--budget"],
        &["--budget"],
    ] {
        for (architecture, _) in all {
            let platform = format!("linux/{architecture}");
            let ask = ["inspect", "--json", "--platform", &platform];
            let run = world.hoist(&clone, &[&ask, what].concat());
            assert_eq!(run.json()["platform"], json!(platform), "{run}");
            let others = run.json()["other_platforms"].as_array().unwrap().len();
            assert_eq!(others, 2, "{run}");
        }
        let ask = ["inspect", "--platform", "linux/ppc64le"];
        let run = world.run(&clone, &[&ask, what].concat());
        run.expect(4);
        run.says("has no image for linux/ppc64le");
        for (architecture, _) in all {
            run.says(&format!("linux/{architecture}"));
        }
    }
    let since = [
        "inspect",
        "dist/oci",
        "--since",
        "0.1.0",
        "--platform",
        "linux/s390x",
        "--json",
    ];
    let run = world.hoist(&clone, &since);
    assert_eq!(run.json()["changes"]["size"], json!(0), "{run}");
}

#[test]
fn a_layout_of_several_images_shows_the_one_that_is_named() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let policy = format!("{ONE}[variants.alpine]\nlayout = \"dist/alpine\"\n");
    let clone = world.with_policy(&policy);
    write(&clone, "dist/oci", &[("amd64", 1_000)]);
    write(&clone, "dist/alpine", &[("amd64", 2_000)]);
    world.hoist(&clone, &["build", "--output", "dist/all"]);
    world.hoist(&clone, &["build", "--output", "dist/all.tar"]);
    let mut plain = Layout::new(&clone.path().join("dist/plain"));
    let nameless = [b"a", b"b"].map(|content| plain.image("amd64", &json!({}), content));
    plain.list(&nameless);
    for place in ["dist/all", "dist/all.tar", "dist/plain"] {
        for more in [&[][..], &["--budget"]] {
            let run = world.run(&clone, &[&["inspect", place][..], more].concat());
            run.expect(4);
            run.says("holds 2 images");
            assert!(!run.stderr.contains("published"), "{run}");
            let commands = run.stderr.split('`');
            let commands: Vec<_> = commands
                .filter(|it| it.starts_with("hoist inspect"))
                .collect();
            assert_eq!(commands.len(), 2, "{run}");
            let shown = commands.iter().map(|command| {
                let run = world.hoist(&clone, &[&words(command), more].concat());
                run.stdout
            });
            let shown: Vec<_> = shown.collect();
            assert_ne!(shown[0], shown[1]);
        }
    }
    for (name, fits) in [
        ("main/alpine", true),
        ("0.1.0-alpine", true),
        ("main", true),
        ("0.1.0", true),
        ("alpine-0.1.0", false),
    ] {
        let ask = ["inspect", "dist/all", "--image-name", name];
        world.run(&clone, &ask).expect(if fits { 0 } else { 4 });
    }
    let one = [
        "build",
        "--image-name",
        "main/alpine",
        "--output",
        "dist/one",
    ];
    world.hoist(&clone, &one);
    world.hoist(
        &clone,
        &["inspect", "dist/one", "--image-name", "main/alpine"],
    );
    let ask = ["inspect", "dist/one", "--image-name", "main"];
    let run = world.run(&clone, &ask);
    run.expect(4);
    run.says("holds 1 image, and none of them is `main`");
    let since = [
        "inspect",
        "dist/all",
        "--image-name",
        "main",
        "--since",
        "dist/one",
    ];
    world.hoist(&clone, &since);
    let run = world.run(&clone, &["inspect", "0.1.0", "--image-name", "main"]);
    run.expect(2);
    run.says("no layout is named");
}
