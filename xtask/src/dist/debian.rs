//! Files of Debian's packages, and which of them a program needs.

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::{Component, Path},
};

use tar::EntryType;
use testkit::sandbox;

use super::{elf, root::Entry, target::Target};
use crate::Result;

/// Packages with everything that they depend on, read and not installed.
pub struct Packages {
    target: Target,
    /// The packages' own words on themselves, by name.
    control: BTreeMap<String, String>,
    /// By path, with the package that holds it.
    files: BTreeMap<String, (Entry, String)>,
}

impl Packages {
    /// # Errors
    /// They cannot be fetched or read.
    pub fn fetch(name: &str, wanted: &[&str], target: Target) -> Result<Self> {
        let folder = sandbox::fetch_archives(name, wanted, target.debian)?;
        let mut packages = Self {
            target,
            control: BTreeMap::new(),
            files: BTreeMap::new(),
        };
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "deb") {
                packages.read(&path)?;
            }
        }
        Ok(packages)
    }

    fn read(&mut self, archive: &Path) -> Result<()> {
        let control = String::from_utf8(sandbox::read_archive(archive, "--field")?)?;
        let name = control
            .lines()
            .find_map(|line| line.strip_prefix("Package: "))
            .ok_or("a package without a name")?
            .to_owned();
        let files = sandbox::read_archive(archive, "--fsys-tarfile")?;
        for entry in tar::Archive::new(&*files).entries()? {
            let mut entry = entry?;
            let path = merged(&entry.path()?);
            let to = |entry: &tar::Entry<'_, &[u8]>| -> Result<String> {
                let name = entry.link_name()?.ok_or("a link without a target")?;
                Ok(name.display().to_string())
            };
            let kind = match entry.header().entry_type() {
                EntryType::Symlink => Entry::Link(to(&entry)?),
                EntryType::Link => {
                    Entry::Link(format!("/{}", to(&entry)?.trim_start_matches("./")))
                }
                EntryType::Regular => {
                    let executable = entry.header().mode()? & 0o111 != 0;
                    let mut content = Vec::new();
                    entry.read_to_end(&mut content)?;
                    Entry::File {
                        content,
                        executable,
                    }
                }
                _ => continue,
            };
            self.files.insert(path, (kind, name.clone()));
        }
        self.control.insert(name, control);
        Ok(())
    }

    /// The file at a path, through all links, and its package.
    fn file(&self, path: &str) -> Result<(&Entry, &str)> {
        let mut path = merged(Path::new(path));
        for _ in 0..40 {
            match self.files.get(&path) {
                Some((Entry::Link(to), _)) => {
                    let folder = Path::new(&path).parent().unwrap_or(Path::new(""));
                    path = merged(&folder.join(to));
                }
                Some((file, package)) => return Ok((file, package)),
                None => break,
            }
        }
        Err(format!("no package holds {path}").into())
    }

    /// Takes a program, and the loader and libraries that it and they need. Each gets the name under which it is
    /// looked for.
    ///
    /// # Errors
    /// No package holds one of them.
    pub fn take(&self, path: &str, root: &mut BTreeMap<String, Entry>) -> Result<()> {
        let (file, package) = self.file(path)?;
        if root.insert(merged(Path::new(path)), file.clone()).is_some() {
            return Ok(());
        }
        self.tell(package, root)?;
        match file {
            Entry::File { content, .. } => self.take_needs(content, root),
            _ => Ok(()),
        }
    }

    /// Takes what this program needs.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn take_needs(&self, program: &[u8], root: &mut BTreeMap<String, Entry>) -> Result<()> {
        let Some(needs) = elf::needs(program)? else {
            return Ok(());
        };
        let folder = format!("usr/lib/{}", self.target.gnu());
        let libraries = needs
            .libraries
            .iter()
            .map(|name| format!("{folder}/{name}"));
        // The loader is a library of others, too, under another path.
        let is_loader = |path: &String| path.contains("/ld-linux");
        for path in libraries
            .filter(|path| !is_loader(path))
            .chain(needs.loader)
        {
            if !root.contains_key(&merged(Path::new(&path))) {
                self.take(&path, root)?;
            }
        }
        Ok(())
    }

    /// Whoever scans the image finds the package there, and its licence.
    fn tell(&self, package: &str, root: &mut BTreeMap<String, Entry>) -> Result<()> {
        let status = format!("var/lib/dpkg/status.d/{package}");
        if root.contains_key(&status) {
            return Ok(());
        }
        root.insert(status, Entry::text(&self.control[package]));
        let folder = format!("usr/share/doc/{package}");
        let real = match self.files.get(&folder) {
            Some((Entry::Link(to), _)) => merged(&Path::new("usr/share/doc").join(to)),
            _ => folder.clone(),
        };
        let (copyright, _) = self.file(&format!("{real}/copyright"))?;
        root.insert(format!("{folder}/copyright"), copyright.clone());
        Ok(())
    }

    /// All certificates of authorities, one after another, as programs look for them.
    ///
    /// # Errors
    /// There are none.
    pub fn certificates(&self, root: &mut BTreeMap<String, Entry>) -> Result<()> {
        let mut all = Vec::new();
        for (path, (entry, package)) in &self.files {
            if let Entry::File { content, .. } = entry
                && path.starts_with("usr/share/ca-certificates/mozilla/")
            {
                all.extend_from_slice(content);
                self.tell(package, root)?;
            }
        }
        if all.is_empty() {
            return Err("the package ca-certificates holds no certificates".into());
        }
        root.insert(
            "etc/ssl/certs/ca-certificates.crt".to_owned(),
            Entry::data(all),
        );
        Ok(())
    }
}

/// A path below the root without links of folders: what lies in `/bin` or `/lib` lies below `/usr`.
fn merged(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
            _ => {}
        }
    }
    if ["bin", "sbin", "lib", "lib64"].contains(&parts.first().map_or("", |first| first)) {
        parts.insert(0, "usr".to_owned());
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_a_merged_root() {
        for (path, expected) in [
            ("./bin/busybox", "usr/bin/busybox"),
            (
                "/lib64/ld-linux-x86-64.so.2",
                "usr/lib64/ld-linux-x86-64.so.2",
            ),
            ("usr/lib/git-core/../../bin/git", "usr/bin/git"),
            ("./etc/ssl", "etc/ssl"),
        ] {
            assert_eq!(merged(Path::new(path)), expected);
        }
    }
}
