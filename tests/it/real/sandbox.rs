//! The shared real parts start from a test of this package.

use crate::support;

#[test]
fn the_shared_engine_answers() {
    if let Some(engine) = support::engine() {
        let version = engine.run(&["version", "--format", "{{.Server.Version}}"]);
        assert!(!version.unwrap().trim().is_empty());
    }
}

#[test]
fn the_shared_registry_listens() {
    if let Some(registry) = support::registry() {
        std::net::TcpStream::connect(registry.address()).unwrap();
    }
}
