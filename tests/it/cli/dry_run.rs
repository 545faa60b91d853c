//! `release --dry-run --plan`: proves that a stored plan still holds.

use std::fs;

use serde_json::json;

use crate::{
    registry::server::{On, Personality, TestRegistry},
    support::{World, layout::Layout},
};

const NAME: &str = "acme/api";
const POLICY: &str = "[image]\nrepository = \"NAME\"\n[image.build]\nlayout = \"dist/main\"\n";

#[test]
fn a_dry_run_proves_that_a_plan_still_holds() {
    for more in ["", "[notes]\nchangelog = true\n"] {
        let registry = TestRegistry::start(Personality::default());
        let world = World::new(&registry, &[NAME]);
        let clone = world.with_policy(&format!("{POLICY}{more}"));
        let write = |content: &[u8]| {
            let mut layout = Layout::new(&clone.path().join("dist/main"));
            let top = layout.image("amd64", &json!({}), content);
            layout.finish(&top);
        };
        write(b"one");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plan.json");
        let store = || {
            let plan = world.hoist(&clone, &["plan", "--json"]).stdout;
            fs::write(&file, plan).unwrap();
        };
        store();
        let name = file.to_str().unwrap();
        let try_plan = ["release", "--dry-run", "--plan", name];
        let (tags, refs) = (world.tags(), world.remote.refs());
        world.hoist(&clone, &try_plan).says("0.1.0");
        let run = world.hoist(&clone, &[&try_plan[..], &["--json"]].concat());
        assert_eq!(run.json()["version"], "0.1.0", "{run}");
        world.change(&clone, "feat: more");
        let refs_now = world.remote.refs();
        assert_ne!(refs, refs_now);
        let run = world.run(&clone, &try_plan);
        run.expect(4);
        run.says("the plan is out of date");
        assert_eq!(registry.count(&On::put_manifest()), 0);
        assert_eq!((world.tags(), world.remote.refs()), (tags, refs_now));

        store();
        world.hoist(&clone, &try_plan);
        world.hoist(&clone, &["release", "--yes", "--plan", name]);
        // What somebody has seen to be nothing is nothing.
        store();
        world.hoist(&clone, &try_plan);
        let required = [&try_plan[..], &["--require-release"]].concat();
        world.run(&clone, &required).expect(3);
    }
}
