//! A list of tags that lacks what the registry shows: it lags, it hides tags, or it is not there. What the git
//! tags record counts as published, and no tag moves back.

use testkit::sandbox::Clone;

use crate::{
    cli::{locks::dead, refusal::die_between_two_tags},
    publish::scene::foreign,
    registry::server::{Delete, Fault, On, TestRegistry, What},
    support::World,
};

const NAME: &str = "acme/api";
const OTHER: &str = "acme/two";

/// How a list is wrong.
#[derive(Debug, Clone, Copy)]
enum List {
    /// It has all tags but these.
    Lacks(&'static [&'static str]),
    /// It is empty.
    Empty,
    /// There is none.
    NotFound,
}

impl List {
    /// Every list of `name` from now on.
    fn of(self, registry: &TestRegistry, name: &str) {
        let on = On::method("GET").with(format!("/{name}/tags/list"));
        let tags: Vec<String> = match self {
            Self::Lacks(lacking) => {
                let tags = registry.tags(name).into_keys();
                tags.filter(|tag| !lacking.contains(&tag.as_str()))
                    .collect()
            }
            Self::Empty => Vec::new(),
            Self::NotFound => {
                registry.fault(Fault::always(on, What::Status(404, "NAME_UNKNOWN")));
                return;
            }
        };
        let body = serde_json::json!({ "name": name, "tags": tags }).to_string();
        let headers = vec![("content-type", "application/json".to_owned())];
        registry.fault(Fault::always(on, What::Answer(200, headers, body.into())));
    }
}

/// 1.0.0, and 1.1.0 after it.
fn two<'w>(world: &'w World<'_>) -> Clone<'w> {
    let clone = world.released();
    world.hoist(&clone, &["release", "--yes"]);
    clone
}

#[test]
fn a_repair_takes_no_tag_back_from_a_version_that_the_list_lacks() {
    for list in [
        List::Lacks(&["1.1.0"]),
        List::Lacks(&["1.1.0", "1.1"]),
        List::Empty,
        List::NotFound,
    ] {
        let registry = TestRegistry::that_deletes(Delete::Tag);
        let world = World::new(&registry, &[NAME, OTHER]);
        let clone = two(&world);
        let before = world.tags();
        for name in [NAME, OTHER] {
            list.of(&registry, name);
        }
        let run = world.hoist(&clone, &["repair", "--yes"]);
        assert_eq!(world.tags(), before, "{list:?}: {run}");
        run.says("every moving tag shows what it should");
        run.says("lacks `1.");
        run.says("it counts as published");
        let run = world.hoist(&clone, &["verify", "--all"]);
        for version in ["1.0.0", "1.1.0"] {
            run.says(&format!("{NAME}:{version}"));
        }
        // Each of them alone has the same answer.
        for version in ["1.0.0", "1.1.0"] {
            world.hoist(&clone, &["verify", version]);
        }

        // What really drifted goes where it belongs.
        registry.foreign_push(NAME, "latest", &foreign());
        world.hoist(&clone, &["repair", "--yes"]);
        assert_eq!(world.tags(), before, "{list:?}");
    }
}

#[test]
fn a_roll_back_goes_to_the_version_before_although_the_list_lacks_it() {
    for list in [List::Lacks(&["1.1.0"]), List::Empty, List::NotFound] {
        let registry = TestRegistry::that_deletes(Delete::Tag);
        let world = World::new(&registry, &[NAME]);
        let clone = two(&world);
        world.change(&clone, "feat: even more");
        world.hoist(&clone, &["release", "--yes"]);
        list.of(&registry, NAME);
        let run = world.hoist(&clone, &["rollback", "1.2.0", "--yes"]);
        for tag in ["1", "latest"] {
            assert_eq!(world.shows(tag), world.shows("1.1.0"), "{list:?}: {run}");
        }
    }
}

/// As a plan takes it: the version's own tag was deleted, and moving tags show its image.
#[test]
fn a_moving_tag_that_shows_a_recorded_image_does_not_go_back() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = two(&world);
    let first = world.shows("1.0.0");
    let mut state = registry.state();
    let contents = state.store.contents(NAME).unwrap();
    assert!(contents.remove_tag("1.1.0"));
    drop(state);
    let before = world.tags();
    let run = world.hoist(&clone, &["repair", "--yes"]);
    assert_eq!(world.tags(), before, "{run}");
    // Whoever wants it taken back says so.
    let run = world.hoist(&clone, &["rollback", "1.1.0", "--yes"]);
    assert_eq!(world.shows("latest"), first, "{run}");
}

#[test]
fn a_dead_release_is_ended_elsewhere_although_the_list_lacks_the_version_before() {
    for verb in ["resume", "rollback"] {
        let registry = TestRegistry::that_deletes(Delete::Tag);
        let world = World::new(&registry, &[NAME]);
        let clone = dead(&world, &registry);
        let other = world.remote.clone("other", &[]);
        world.change(&clone, "feat: even more");
        world.hoist(&clone, &["rollback", "--yes"]);
        world.hoist(&clone, &["release", "--yes"]);
        let before = world.tags();
        world.change(&clone, "feat: the most");
        die_between_two_tags(&world, &registry, &clone);
        List::Lacks(&["1.1.0"]).of(&registry, NAME);
        let run = world.hoist(&other, &[verb, "--yes"]);
        if verb == "resume" {
            assert_eq!(world.shows("latest"), world.shows("1.2.0"), "{run}");
        } else {
            assert_eq!(world.tags(), before, "{run}");
        }
        world.assert_unlocked();
    }
}

/// A version that git alone knows takes no tag from others, whoever is asked.
#[test]
fn verify_and_repair_agree_on_a_git_tag_without_an_image() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = two(&world);
    world.change(&clone, "feat: by hand");
    clone.git(&["tag", "v1.2.0"]);
    clone.git(&["push", "--quiet", "origin", "v1.2.0"]);
    let repair = world.hoist(&clone, &["repair"]);
    repair.says("every moving tag shows what it should");
    let verify = world.run(&clone, &["verify", "--json"]);
    verify.expect(9);
    let document = verify.json();
    let states: Vec<(String, String)> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| {
            let text = |name: &str| tag[name].as_str().unwrap().to_owned();
            (text("tag"), text("state"))
        })
        .collect();
    for (tag, state) in &states {
        let expected = match tag.as_str() {
            "1" | "latest" => "kept",
            // It was never there: that of the commit's day, as the git tag is made by hand.
            day if day.starts_with("20") => "unjudged",
            _ => "missing",
        };
        assert_eq!(state, expected, "{tag}: {states:?}");
    }
    let text = world.run(&clone, &["verify"]);
    text.says("1.2.0 is not published, and 1.1.0 is the highest of its line");
    text.says("`hoist release --version 1.2.0` at its commit completes 1.2.0");
    assert!(!text.stderr.contains("`hoist repair`"), "{text}");
}

/// All that was published is gone: every verb says that something is missing.
#[test]
fn a_release_of_which_nothing_is_there_is_missing() {
    let registry = TestRegistry::that_deletes(Delete::Tag);
    let world = World::new(&registry, &[NAME]);
    let clone = two(&world);
    let mut state = registry.state();
    let contents = state.store.contents(NAME).unwrap();
    contents.tags.clear();
    drop(state);
    for args in [&["verify"][..], &["verify", "1.1.0"], &["verify", "--all"]] {
        let run = world.run(&clone, args);
        run.expect(9);
        run.says(&format!("{NAME}:1.1.0"));
        run.says("`hoist release --version 1.1.0` at its commit completes 1.1.0");
    }
    world
        .hoist(&clone, &["repair"])
        .says("no moving tag was looked at");
}
