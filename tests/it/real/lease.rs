//! The variable that shortens the lease for `stopped.rs` has no effect in the binary for users.

use std::process::Command;

use crate::real::stopped::VARIABLE;

/// The binary for users does not know the variable that shortens the lease: it stands in one place, which is
/// compiled for tests only.
#[test]
fn only_a_binary_for_tests_knows_a_shorter_lease() {
    fn files(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, found);
            } else if std::fs::read_to_string(&path).is_ok_and(|text| text.contains(VARIABLE)) {
                found.push(path);
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    files(&root.join("src"), &mut found);
    assert_eq!(found, [root.join("src/io/lease.rs")]);
    let text = std::fs::read_to_string(&found[0]).unwrap();
    let (before, after) = text.split_once(VARIABLE).unwrap();
    assert!(!after.contains(VARIABLE));
    let (_, function) = before.rsplit_once("#[cfg(").unwrap();
    assert!(
        function.starts_with("feature = \"testing\")]"),
        "{function}"
    );
    assert!(
        !function.contains("\n    }\n"),
        "another function: {function}"
    );
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    assert!(
        manifest.contains("default = [\"cli\", \"engine\", \"registry\"]")
            && manifest.contains("testing = []")
    );
}

/// By hand, for it compiles the crate once more: the binary as users build it.
#[test]
#[ignore = "compiles the crate without `testing`"]
fn the_binary_for_users_has_no_shorter_lease() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = root.join("target/shipped");
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--locked",
            "--quiet",
            "--bin",
            "hoist",
            "--target-dir",
        ])
        .arg(&target)
        .current_dir(root)
        .status();
    assert!(status.unwrap().success());
    let has = |binary: &std::path::Path| {
        let bytes = std::fs::read(binary).unwrap();
        bytes
            .windows(VARIABLE.len())
            .any(|part| part == VARIABLE.as_bytes())
    };
    assert!(!has(&target.join("debug/hoist")));
    assert!(has(std::path::Path::new(env!("CARGO_BIN_EXE_hoist"))));
}
