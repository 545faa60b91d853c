//! The jobs of a release that several machines make together: each a clone with an environment of its
//! own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use testkit::sandbox::Clone;

use super::{Run, World};

/// Makes the image of one platform: an OCI layout in dist/oci, of what the commit holds.
const IMAGE: &str = r#"#!/bin/sh
set -eu
rm -rf dist/oci dist/tmp
mkdir -p dist/oci/blobs/sha256 dist/tmp
git show "$HOIST_COMMIT:VERSION" >dist/tmp/layer
echo "${HOIST_PLATFORM:-linux/amd64}" >>dist/tmp/layer
store() {
    digest=$(sha256sum "$1" | cut -d ' ' -f 1)
    size=$(wc -c <"$1" | tr -d ' ')
    cp "$1" "dist/oci/blobs/sha256/$digest"
}
store dist/tmp/layer
layer='{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:'$digest'","size":'$size'}'
platform=${HOIST_PLATFORM:-linux/amd64}
labels='{"org.opencontainers.image.revision":"'$HOIST_COMMIT'","org.opencontainers.image.version":"'$HOIST_VERSION'"}'
printf '{"architecture":"%s","os":"linux","config":{"Labels":%s},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "${platform#linux/}" "$labels" "$digest" >dist/tmp/config
store dist/tmp/config
config='{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:'$digest'","size":'$size'}'
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' "$config" "$layer" >dist/tmp/manifest
store dist/tmp/manifest
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s}]}' "$digest" "$size" >dist/oci/index.json
printf '{"imageLayoutVersion":"1.0.0"}' >dist/oci/oci-layout
"#;

/// A project for two platforms, whose image a script makes; and a place where jobs leave files.
pub struct Jobs<'w> {
    pub world: &'w World<'w>,
    pub files: tempfile::TempDir,
}

/// What tells one machine from another.
pub struct Machine<'w> {
    pub clone: Clone<'w>,
    pub variables: Vec<(&'static str, &'static str)>,
}

impl<'w> Jobs<'w> {
    /// Commits and pushes the project; `more` goes behind its policy.
    pub fn new(world: &'w World<'w>, repositories: &[String], more: &str) -> Self {
        let clone = world.remote.clone("origin", &[]);
        clone.write("image.sh", IMAGE);
        clone.write("VERSION", "0.0.0\n");
        clone.write(".gitignore", "/dist\n");
        let build = "platforms = [\"linux/amd64\", \"linux/arm64\"]\ncommand = [\"sh\", \"image.sh\"]\nlayout = \"dist/oci\"\n";
        clone.write(
            "release.toml",
            format!("[image]\nrepositories = {repositories:?}\n\n[image.build]\n{build}{more}"),
        );
        clone.commit("feat: begin");
        clone.push();
        Self {
            world,
            files: tempfile::tempdir().unwrap(),
        }
    }

    /// A fresh clone on a machine with these variables.
    pub fn machine(
        &self,
        name: &str,
        args: &[&str],
        variables: &[(&'static str, &'static str)],
    ) -> Machine<'w> {
        Machine {
            clone: self.world.remote.clone(name, args),
            variables: variables.to_vec(),
        }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }
}

impl Machine<'_> {
    pub fn run(&self, args: &[&str]) -> Run {
        let mut command: Command = self.clone.command(env!("CARGO_BIN_EXE_hoist"));
        command.args(args).stdin(Stdio::null());
        command.envs(self.variables.iter().copied());
        Run::of(&mut command)
    }

    #[track_caller]
    pub fn hoist(&self, args: &[&str]) -> Run {
        let run = self.run(args);
        run.expect(0);
        run
    }

    /// Runs the binary, and leaves what it prints in a file.
    #[track_caller]
    pub fn print(&self, args: &[&str], to: &Path) -> Run {
        let run = self.hoist(args);
        fs::write(to, &run.stdout).unwrap();
        run
    }
}
