//! Debian's newest suite, from the mirror that the machine's own apt uses.

use std::{fs, path::Path, process::Command};

use super::{Result, Unavailable, packages::apt};

/// The suite, which always has the newest packages.
pub(super) const NEWEST: &str = "sid";
/// The key that signs Debian's lists, for machines that trust each mirror by its own key.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// apt for the newest suite of the machine's own mirror, with lists of its own and as if nothing were
/// installed: the programs need a newer C library than the machine may have.
pub(super) struct Newest {
    options: Vec<String>,
}

impl Newest {
    pub(super) fn new(folder: &Path) -> Result<Self> {
        let doing = |error| Unavailable::while_doing("writing the list of sources", error);
        let home = folder.join("newest");
        fs::create_dir_all(home.join("lists/partial")).map_err(doing)?;
        let source = source_of(NEWEST)?;
        let [list, status, lists] = ["sources.list", "status", "lists"].map(|it| home.join(it));
        fs::write(&list, source).map_err(doing)?;
        fs::write(&status, "").map_err(doing)?;
        Ok(Self {
            options: vec![
                format!("Dir::Etc::sourcelist={}", list.display()),
                "Dir::Etc::sourceparts=/dev/null".to_owned(),
                format!("Dir::State::lists={}", lists.display()),
                format!("Dir::State::status={}", status.display()),
                "Acquire::Languages=none".to_owned(),
            ],
        })
    }

    pub(super) fn apt(&self, verb: &str) -> Command {
        let mut command = apt(verb, None);
        for option in &self.options {
            command.args(["-o", option]);
        }
        command
    }
}

/// The line for apt's list of sources that names a suite.
pub(super) fn source_of(suite: &str) -> Result<String> {
    let key = match Path::new(KEYRING).exists() {
        true => format!("[signed-by={KEYRING}] "),
        false => String::new(),
    };
    Ok(format!("deb {key}{} {suite} main\n", mirror()?))
}

/// The mirror of Debian that this machine uses.
pub(super) fn mirror() -> Result<String> {
    let output = Command::new("apt-get")
        .args([
            "indextargets",
            "--format",
            "$(LABEL) $(REPO_URI)",
            "Created-By: Packages",
        ])
        .output()
        .map_err(|error| Unavailable::while_doing("asking apt for its mirror", error))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let named = |line: &str| line.strip_prefix("Debian ").map(str::to_owned);
    // Without downloaded lists apt does not know the label, only the address.
    let unnamed = |line: &str| {
        let address = line.trim();
        address
            .trim_end_matches('/')
            .ends_with("/debian")
            .then(|| address.to_owned())
    };
    text.lines()
        .find_map(named)
        .or_else(|| text.lines().find_map(unnamed))
        .ok_or_else(|| Unavailable::new("apt on this machine knows no mirror of Debian"))
}
