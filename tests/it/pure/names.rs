//! Names that every other test relies on.

#[test]
fn docker_hub_is_written_out() {
    let repository: hoist::oci::Repository = "acme/api".parse().unwrap();
    assert_eq!(repository.to_string(), "docker.io/acme/api");
}
