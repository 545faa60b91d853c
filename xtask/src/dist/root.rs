//! The files of hoist's image: the program, and what it needs at run time.

use std::{collections::BTreeMap, process::Command};

use super::{debian::Packages, target::Target};
use crate::Result;

/// Something below a root, whose folders are made as they are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    File {
        content: Vec<u8>,
        executable: bool,
    },
    Link(String),
    /// With its mode, for the user of the image.
    Folder(u32),
}

impl Entry {
    pub fn data(content: Vec<u8>) -> Self {
        Self::File {
            content,
            executable: false,
        }
    }

    pub fn text(text: &str) -> Self {
        Self::data(text.as_bytes().to_vec())
    }
}

/// hoist runs git, which runs ssh; certificates are for both. A shell is for hooks, for signers and for the services that
/// run a job's script inside its image.
const WANTED: [&str; 4] = ["git", "ca-certificates", "openssh-client", "busybox-static"];

/// The others of git's names serve a remote that is a path.
const PROGRAMS: [&str; 9] = [
    "usr/bin/git",
    "usr/bin/git-receive-pack",
    "usr/bin/git-upload-archive",
    "usr/bin/git-upload-pack",
    "usr/lib/git-core/git-remote-http",
    "usr/lib/git-core/git-remote-https",
    "usr/bin/ssh",
    "usr/bin/ssh-keygen",
    "usr/bin/busybox",
];

/// The user of the image. Any other works as well.
pub const USER: u64 = 1000;

/// What the image has besides the program, for a target. `program` is looked through for what it needs.
///
/// # Errors
/// Debian's packages cannot be had, or lack something.
pub fn system(target: Target, program: &[u8]) -> Result<BTreeMap<String, Entry>> {
    let packages = Packages::fetch("image", &WANTED, target)?;
    let mut root = BTreeMap::new();
    for path in PROGRAMS {
        packages.take(path, &mut root)?;
    }
    packages.take_needs(program, &mut root)?;
    packages.certificates(&mut root)?;
    // Whichever name git is called by, it is one program.
    let names: Vec<_> = root
        .keys()
        .filter(|path| path.contains("bin/git-"))
        .cloned()
        .collect();
    for name in names {
        root.insert(name, Entry::Link("git".to_owned()));
    }
    root.insert(
        "usr/lib/git-core/git-remote-https".to_owned(),
        Entry::Link("git-remote-http".to_owned()),
    );
    for name in applets()? {
        root.entry(format!("usr/bin/{name}"))
            .or_insert_with(|| Entry::Link("busybox".to_owned()));
    }
    for folder in ["bin", "sbin", "lib", "lib64"] {
        let to = if folder == "sbin" { "bin" } else { folder };
        root.insert(folder.to_owned(), Entry::Link(format!("usr/{to}")));
    }
    root.insert("usr/sbin".to_owned(), Entry::Link("bin".to_owned()));
    for (path, text) in [
        (
            "etc/passwd",
            format!(
                "root:x:0:0:root:/root:/bin/sh\nhoist:x:{USER}:{USER}:hoist:/home/hoist:/bin/sh\n"
            ),
        ),
        ("etc/group", format!("root:x:0:\nhoist:x:{USER}:\n")),
        (
            "etc/nsswitch.conf",
            "passwd: files\ngroup: files\nhosts: files dns\n".to_owned(),
        ),
        // The repository is mounted, and seldom belongs to the user of the image.
        ("etc/gitconfig", "[safe]\n\tdirectory = *\n".to_owned()),
    ] {
        root.insert(path.to_owned(), Entry::text(&text));
    }
    for (folder, mode) in [
        ("root", 0o700),
        ("tmp", 0o1777),
        ("home/hoist", 0o755),
        ("work", 0o755),
    ] {
        root.insert(folder.to_owned(), Entry::Folder(mode));
    }
    Ok(root)
}

/// The programs that busybox is. The packages of all targets are of one version, so this machine's is asked.
fn applets() -> Result<Vec<String>> {
    let machine = testkit::sandbox::Packages::fetch()?;
    let output = Command::new(machine.busybox()?).arg("--list").output()?;
    let names = String::from_utf8(output.stdout)?;
    Ok(names.lines().map(str::to_owned).collect())
}
