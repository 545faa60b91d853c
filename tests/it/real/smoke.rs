//! The gate runs the very image that is about to get its names, in a real engine, pulled from the registry by
//! its digest.

use std::fs;

use testkit::sandbox::Clone;

use crate::support::{self, World};

const NAME: &str = "smoke/api";

/// Pulls by digest, runs it and compares what it says. No tag names the image at that time.
const SMOKE: &str = r#"set -e
docker pull --quiet "$HOIST_IMAGE"
said=$(docker run --rm --network none "$HOIST_IMAGE")
docker rmi --no-prune "$HOIST_IMAGE" >/dev/null
echo "the image says: $said"
case $said in
  *"$HOIST_VERSION"*) ;;
  *) echo "it does not say $HOIST_VERSION"; exit 1 ;;
esac
"#;

fn release(world: &World<'_>, clone: &Clone<'_>, docker: &std::path::Path) -> support::Run {
    let mut command = world.command(clone, &["release", "--yes"]);
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", docker.display()));
    support::Run::of(&mut command)
}

#[test]
fn what_does_not_run_gets_no_name() {
    let (Some(engine), Some(registry)) = (support::engine(), support::registry()) else {
        return;
    };
    let docker = support::packages().unwrap().wrapper("docker").unwrap();
    let world = World::new(registry, &[NAME]).with_engine(engine);
    let clone = world.project("a");
    let policy = fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let gate = "\n[hooks]\nafter-stage = [{ run = [\"sh\", \"smoke.sh\"] }]\n";
    clone.write("release.toml", policy + gate);
    clone.write("smoke.sh", SMOKE);
    world.change(&clone, "feat: it greets");
    let run = release(&world, &clone, &docker);
    run.expect(0);
    run.says("the image says: ");
    let before = world.tags();

    // An image whose program cannot even start is built and sent, and that is all.
    clone.write("greet.sh", "exec /not/there @VERSION@\n");
    clone.commit("feat: it breaks");
    clone.push();
    let run = release(&world, &clone, &docker);
    run.expect(4);
    run.says("`sh smoke.sh` refuses the image: exit status: 127");
    assert_eq!(world.tags(), before, "{run}");
    world.assert_unlocked();
}
