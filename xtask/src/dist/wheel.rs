//! The wheel `hoist-release`: the name `hoist` belongs to another project on PyPI. It carries the
//! program and has no Python in it ("Binary distribution format", packaging.python.org).

use std::{
    fs,
    io::{Cursor, Write as _},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use flate2::Compression;
use sha2::{Digest as _, Sha256};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::Packed;
use crate::Result;

/// The file's name and its bytes.
pub fn pack(
    root: &Path,
    version: &str,
    arch: &str,
    files: &[Packed],
    compression: Compression,
) -> Result<(String, Vec<u8>)> {
    // A pre-release is `1.2.0-rc.1` to Cargo and `1.2.0rc1` to Python.
    let version = version
        .replace("-rc.", "rc")
        .replace("-beta.", "b")
        .replace("-alpha.", "a");
    let name = format!("hoist_release-{version}");
    // The program is static: it asks for no version of any C library.
    let tag = format!("py3-none-manylinux_2_17_{arch}.manylinux2014_{arch}.musllinux_1_1_{arch}");
    let mut wheel = Wheel::new(compression);
    for file in files {
        let path = match file.path.strip_prefix("bin/") {
            Some(program) => format!("{name}.data/scripts/{program}"),
            None => format!("{name}.data/data/{}", file.path),
        };
        wheel.add(&path, &file.content, file.executable)?;
    }
    let info = format!("{name}.dist-info");
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        wheel.add(
            &format!("{info}/licenses/{licence}"),
            &fs::read(root.join(licence))?,
            false,
        )?;
    }
    let readme = fs::read_to_string(root.join("README.md"))?;
    wheel.add(
        &format!("{info}/METADATA"),
        metadata(&version, &readme).as_bytes(),
        false,
    )?;
    let tags: String = expanded(&tag).map(|tag| format!("Tag: {tag}\n")).collect();
    let text =
        format!("Wheel-Version: 1.0\nGenerator: cargo xtask dist\nRoot-Is-Purelib: false\n{tags}");
    wheel.add(&format!("{info}/WHEEL"), text.as_bytes(), false)?;
    let bytes = wheel.finish(&format!("{info}/RECORD"))?;
    Ok((format!("{name}-{tag}.whl"), bytes))
}

fn expanded(tag: &str) -> impl Iterator<Item = String> {
    let (before, platforms) = tag.rsplit_once('-').unwrap_or(("", tag));
    platforms
        .split('.')
        .map(move |platform| format!("{before}-{platform}"))
}

fn metadata(version: &str, readme: &str) -> String {
    format!(
        "Metadata-Version: 2.4\n\
         Name: hoist-release\n\
         Version: {version}\n\
         Summary: Cut a release of a container image: next version from git, one build, every tag on every registry or none\n\
         Home-page: https://github.com/hoist-rs/hoist\n\
         License-Expression: MIT OR Apache-2.0\n\
         License-File: LICENSE-APACHE\n\
         License-File: LICENSE-MIT\n\
         Keywords: release,docker,oci,semver,conventional-commits\n\
         Classifier: Environment :: Console\n\
         Classifier: Operating System :: POSIX :: Linux\n\
         Classifier: Topic :: Software Development :: Build Tools\n\
         Description-Content-Type: text/markdown\n\
         \n\
         {readme}"
    )
}

/// A zip file that notes what is in it.
struct Wheel {
    zip: ZipWriter<Cursor<Vec<u8>>>,
    record: String,
    level: i64,
}

impl Wheel {
    fn new(compression: Compression) -> Self {
        Self {
            zip: ZipWriter::new(Cursor::new(Vec::new())),
            record: String::new(),
            level: compression.level().into(),
        }
    }

    fn add(&mut self, path: &str, content: &[u8], executable: bool) -> Result<()> {
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(content));
        self.record += &format!("{path},sha256={digest},{}\n", content.len());
        self.write(path, content, executable)
    }

    fn write(&mut self, path: &str, content: &[u8], executable: bool) -> Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(self.level))
            .unix_permissions(if executable { 0o755 } else { 0o644 });
        self.zip.start_file(path, options)?;
        Ok(self.zip.write_all(content)?)
    }

    /// The record names itself without a checksum.
    fn finish(mut self, record: &str) -> Result<Vec<u8>> {
        let text = format!("{}{record},,\n", self.record);
        self.write(record, text.as_bytes(), false)?;
        Ok(self.zip.finish()?.into_inner())
    }
}
