//! The files of the release on the forge: found by the policy's globs, with their checksums.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, ErrorCode, Result},
    io::forge::{FileContent, ReleaseFile},
    oci::Hasher,
    policy::ForgePolicy,
    release::facade::Release,
};

/// The name of the file with the checksums of the others.
const CHECKSUMS: &str = "SHA256SUMS";
/// How deep below its fixed part a glob is looked for.
const DEEPEST: usize = 16;
/// How much of a file is read at once, in bytes.
const PIECE: usize = 256 * 1024;

impl Release {
    /// The files of a release, as they are on the disk now, and their checksums behind them.
    pub(super) fn release_files(&self, policy: &ForgePolicy) -> Result<Vec<ReleaseFile>> {
        let paths = paths(self.top(), policy)?;
        let mut files = paths.into_iter().map(|(name, path)| described(name, path));
        let mut files = files.by_ref().collect::<Result<Vec<_>>>()?;
        if !files.is_empty() {
            files.push(checksums(&files));
        }
        Ok(files)
    }
}

fn failed(what: String) -> Error {
    Error::failed(what)
        .with_code(ErrorCode::ForgeFailed)
        .state("no tag has moved")
}

/// The files by their names. Each glob finds one at least, and no name is there twice.
fn paths(top: &Path, policy: &ForgePolicy) -> Result<BTreeMap<String, PathBuf>> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for glob in &policy.assets {
        let mut fits = BTreeSet::new();
        let fixed = fixed_part(glob.as_str());
        walk(top, fixed, DEEPEST, &mut |path| {
            if glob.is_match(path) {
                fits.insert(path.to_owned());
            }
        });
        if fits.is_empty() {
            return Err(
                failed(format!("no file is there for `{glob}` (`forge.assets`)"))
                    .hint("a `before-build` hook or the build can make it"),
            );
        }
        for path in fits {
            let name = path.rsplit('/').next().unwrap_or_default().to_owned();
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
            if !name.chars().all(is_plain) || name.starts_with('.') || name == CHECKSUMS {
                return Err(failed(format!("`{path}` cannot be a file of a release (`forge.assets`)"))
                    .cause("a forge changes names with other characters than letters, digits and `._+-`, and `SHA256SUMS` is made by hoist"));
            }
            let whole = top.join(&path);
            if let Some(other) = found.insert(name.clone(), whole.clone())
                && other != whole
            {
                return Err(failed(format!(
                    "two files are called `{name}` (`forge.assets`)"
                )));
            }
        }
    }
    Ok(found)
}

/// The directories of a glob before its first special character.
fn fixed_part(glob: &str) -> &str {
    let end = glob.find(['*', '?', '[', '{', '\\']).unwrap_or(glob.len());
    glob[..end].rfind('/').map_or("", |slash| &glob[..slash])
}

/// Every file below `folder`, by its path seen from `top`. Directories behind links are not entered.
fn walk(top: &Path, folder: &str, depth: usize, tell: &mut dyn FnMut(&str)) {
    let Ok(entries) = fs::read_dir(top.join(folder)) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = match folder {
            "" => name.clone(),
            folder => format!("{folder}/{name}"),
        };
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() {
            if depth > 0 && name != ".git" {
                walk(top, &path, depth - 1, tell);
            }
        } else {
            tell(&path);
        }
    }
}

fn described(name: String, path: PathBuf) -> Result<ReleaseFile> {
    let unread = |error: std::io::Error| {
        failed(format!("cannot read `{}` (`forge.assets`)", path.display())).because(&error)
    };
    let mut file = fs::File::open(&path).map_err(unread)?;
    let mut hasher = Hasher::default();
    let mut piece = vec![0; PIECE];
    let mut size = 0;
    loop {
        let read = file.read(&mut piece).map_err(unread)?;
        if read == 0 {
            break;
        }
        hasher.update(&piece[..read]);
        size += read as u64;
    }
    Ok(ReleaseFile {
        name,
        size,
        sha256: hasher.finish().hex().to_owned(),
        content: FileContent::Path(path),
    })
}

/// In the form that `sha256sum --check` reads.
fn checksums(files: &[ReleaseFile]) -> ReleaseFile {
    let lines = files.iter();
    let text: String = lines
        .map(|file| format!("{}  {}\n", file.sha256, file.name))
        .collect();
    let mut hasher = Hasher::default();
    hasher.update(text.as_bytes());
    ReleaseFile {
        name: CHECKSUMS.to_owned(),
        size: text.len() as u64,
        sha256: hasher.finish().hex().to_owned(),
        content: FileContent::Text(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn found(files: &[&str], assets: &str) -> std::result::Result<Vec<String>, String> {
        let top = tempfile::tempdir().expect("a directory");
        for file in files {
            let path = top.path().join(file);
            fs::create_dir_all(path.parent().expect("it has one")).expect("a directory");
            fs::write(path, file).expect("a file");
        }
        let policy = Policy::parse(&format!("[forge]\nassets = {assets}"), "release.toml");
        let policy = policy.expect("good").forge.expect("it is there");
        let found = paths(top.path(), &policy).map_err(|error| format!("{error:#}"))?;
        Ok(found.into_keys().collect())
    }

    #[test]
    fn globs_find_files_and_say_where_they_find_none() {
        let files = [
            "dist/a.tar.gz",
            "dist/b.zip",
            "dist/sub/c.tar.gz",
            "other/a.tar.gz",
            "x y",
        ];
        let good = |assets: &str| found(&files, assets).expect(assets);
        assert_eq!(good("[\"dist/*\"]"), ["a.tar.gz", "b.zip"]);
        assert_eq!(good("[\"dist/**/*.tar.gz\"]"), ["a.tar.gz", "c.tar.gz"]);
        assert_eq!(good("[\"dist/a*\", \"dist/*.gz\"]"), ["a.tar.gz"]);
        assert_eq!(good("[\"dist/b.zip\"]"), ["b.zip"]);
        for (assets, says) in [
            ("[\"nothing/*\"]", "no file is there for `nothing/*`"),
            ("[\"**/a.tar.gz\"]", "two files are called `a.tar.gz`"),
            ("[\"x*\"]", "`x y` cannot be a file"),
        ] {
            let error = found(&files, assets).expect_err(assets);
            assert!(error.contains(says), "{assets}: {error}");
        }
    }

    #[test]
    fn checksums_are_those_of_sha256sum() {
        let top = tempfile::tempdir().expect("a directory");
        fs::write(top.path().join("a"), "hello\n").expect("a file");
        let file = described("a".to_owned(), top.path().join("a")).expect("it is there");
        assert_eq!(file.size, 6);
        let sums = checksums(&[file]);
        assert_eq!(
            sums.content,
            FileContent::Text(
                "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03  a\n".to_owned()
            )
        );
    }
}
