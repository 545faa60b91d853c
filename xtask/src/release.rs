//! `cargo xtask release`: this project's own release, made with hoist.
//!
//! A dry run happens in a sandbox: a clone of HEAD whose remote is a bare repository, with a
//! registry and an engine of its own. Everything else is the real release, from the checkout at
//! hand.

use std::path::Path;

use testkit::sandbox::{self, Engine, GitRemote, Packages, Registry, RegistryOptions};

use crate::{Result, cargo, succeed};

/// `args` go to `hoist release`.
pub fn run(args: &[&str]) -> Result<()> {
    if args.contains(&"--dry-run") {
        return dry_run(args);
    }
    succeed(
        cargo()
            .args([
                "run", "--quiet", "--locked", "--bin", "hoist", "--", "release",
            ])
            .args(args),
    )
}

fn dry_run(args: &[&str]) -> Result<()> {
    succeed(cargo().args(["build", "--quiet", "--locked", "--bin", "hoist"]))?;
    let hoist = std::env::current_exe()?.with_file_name("hoist");
    let packages = Packages::fetch()?;
    let registry = Registry::start(&packages, &RegistryOptions::default())?;
    let engine = match sandbox::without_engine() {
        true => None,
        false => Some(Engine::start(&packages)?),
    };
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let remote = GitRemote::new();
    let destination = remote.path().display().to_string();
    // From where HEAD is, whatever it is called: the sandbox knows it as `main`.
    let mut push = remote.hermetic("git");
    push.args(["push", "--quiet", &destination])
        .args(["HEAD:refs/heads/main"]);
    succeed(push.current_dir(checkout))?;
    let clone = remote.clone("hoist", &[]);

    let mut command = clone.command(hoist);
    command.args(["--image", &registry.repository("hoistrs/hoist")]);
    command.arg("release").args(args);
    if let Some(engine) = &engine {
        command.env("DOCKER_HOST", engine.host());
    }
    succeed(&mut command)
}
