//! One repository by two names.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use crate::{
    registry::server::{Personality, TestRegistry},
    support::World,
};

const NAME: &str = "acme/api";

/// A second address of a registry: whatever comes there goes on to it, and back.
fn second_address(registry: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let pass = |mut from: TcpStream, mut to: TcpStream| {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(std::net::Shutdown::Write);
        });
    };
    thread::spawn(move || {
        for from in listener.incoming().flatten() {
            let to = TcpStream::connect(registry).unwrap();
            pass(from.try_clone().unwrap(), to.try_clone().unwrap());
            pass(to, from);
        }
    });
    address
}

fn policy(places: &[String]) -> String {
    format!(
        "[image]\nrepositories = {places:?}\n\n[image.build]\ncommand = [\"sh\", \"image.sh\"]\nlayout = \"dist/oci\"\n"
    )
}

#[test]
fn names_that_are_known_to_be_one_place_are_refused() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = world.project("a");
    let port = registry.address().port();
    let places = [
        format!("localhost:{port}/{NAME}"),
        format!("127.0.0.1:{port}/{NAME}"),
    ];
    clone.write("release.toml", policy(&places));
    let run = world.run(&clone, &["plan"]);
    run.expect(2);
    run.says("`image.repositories[0]` and `image.repositories[1]` are one repository");
    let [one, other] = &places;
    let run = world.run(&clone, &["--image", one, "--image", other, "plan"]);
    run.expect(2);
    run.says(&format!(
        "`--image {one}` and `--image {other}` are one repository"
    ));
}

/// Nobody can tell such names apart. What the release itself has moved by one name is no stranger's work by the other.
#[test]
fn names_that_nobody_knows_to_be_one_place_end_well() {
    let registry = TestRegistry::start(Personality::default());
    let world = World::new(&registry, &[NAME]);
    let clone = world.released();
    let second = second_address(registry.address());
    let places = [
        registry.repository(NAME).to_string(),
        format!("{second}/{NAME}"),
    ];
    let text = std::fs::read_to_string(clone.path().join("release.toml")).unwrap();
    let own = format!("{:?}", places[0]);
    assert!(text.contains(&own), "{text}");
    clone.write(
        "release.toml",
        text.replace(&own, &format!("{:?}, {:?}", places[0], places[1])),
    );
    clone.commit("feat: two names");
    clone.push();
    let run = world.run(&clone, &["release", "--version", "1.1.0", "--yes"]);
    run.expect(0);
}
