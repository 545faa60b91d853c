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
    policy::{FileGlob, ForgePolicy, ForgeService, HookPoint},
    regular_file,
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
        if self.refuses_empty() {
            for path in paths.values() {
                let path = path.strip_prefix(self.top()).unwrap_or(path);
                refuse_empty(
                    self.top(),
                    &BTreeSet::from([path.to_string_lossy().into_owned()]),
                )?;
            }
        }
        let mut files = paths.into_iter().map(|(name, path)| described(name, path));
        let mut files = files.by_ref().collect::<Result<Vec<_>>>()?;
        if !files.is_empty() {
            files.push(checksums(&files));
        }
        Ok(files)
    }

    /// Looks at the files that are there, before anything is built. What is not there may be made yet; what
    /// is no file, or lies elsewhere, would be refused after the build.
    pub(super) fn check_release_files(&self) -> Result<()> {
        let policy = self.policy().forge.iter();
        for glob in policy.flat_map(|policy| &policy.assets) {
            let fits = matches(self.top(), glob)?;
            if self.refuses_empty() && !self.makes_files() {
                refuse_empty(self.top(), &fits)?;
            }
        }
        Ok(())
    }

    /// Whether the forge takes no file without content.
    fn refuses_empty(&self) -> bool {
        let place = self.forge_place();
        place.is_some_and(|place| place.is_ok_and(|place| place.service == ForgeService::GitHub))
    }

    /// Whether a program of the project runs before the files are sent, and may make them.
    fn makes_files(&self) -> bool {
        let policy = self.policy();
        let mut names = policy.image_names();
        !policy.hooks.at(HookPoint::BeforeBuild).is_empty()
            || names.any(|name| {
                let image = policy.image_policy(&name);
                image.build.image_source.command().is_some()
            })
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
        let fits = matches(top, glob)?;
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

/// The files that a glob names, seen from `top`: each is a regular one, and lies in the repository.
fn matches(top: &Path, glob: &FileGlob) -> Result<BTreeSet<String>> {
    let fixed = fixed_part(glob.as_str());
    let refuse = |path: &str, error: &std::io::Error| {
        failed(format!(
            "`{path}` cannot be a file of the release (`forge.assets`)"
        ))
        .because(error)
        .hint("a `before-build` hook can copy what lies elsewhere into the repository")
    };
    let mut fits = BTreeSet::new();
    match regular_file::folder_inside(top, fixed) {
        Err(error) if regular_file::is_refusal(&error) => return Err(refuse(fixed, &error)),
        Err(_) => return Ok(fits),
        Ok(()) => {}
    }
    walk(top, fixed, DEEPEST, &mut |path| {
        if glob.is_match(path) {
            fits.insert(path.to_owned());
        }
    });
    // A link to a directory is passed over, as a directory is.
    fits.retain(|path| !top.join(path).is_dir());
    for path in &fits {
        regular_file::inside(top, path).map_err(|error| refuse(path, &error))?;
    }
    Ok(fits)
}

/// GitHub takes no file without content, and says so only when it is sent.
fn refuse_empty(top: &Path, paths: &BTreeSet<String>) -> Result<()> {
    let is_empty = |path: &&String| fs::metadata(top.join(path)).is_ok_and(|it| it.len() == 0);
    match paths.iter().find(is_empty) {
        None => Ok(()),
        Some(path) => Err(failed(format!("`{path}` is empty (`forge.assets`)"))
            .cause("GitHub takes no file without content")
            .hint("fill the file, or leave it out of `forge.assets`")),
    }
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
    let mut file = regular_file::open(&path).map_err(unread)?;
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
    fn what_is_no_file_of_the_project_is_refused_by_name() {
        use std::os::unix::fs::symlink;

        /// Lays something down below the top of a repository.
        type Lay<'a> = &'a dyn Fn(&Path);

        let outside = tempfile::tempdir().expect("a directory");
        fs::write(outside.path().join("secret"), "geheim").expect("a file");
        let secret = outside.path().join("secret");
        let laid = |lay: &dyn Fn(&Path), glob: &str| {
            let top = tempfile::tempdir().expect("a directory");
            fs::create_dir_all(top.path().join("dist/folder")).expect("a directory");
            fs::create_dir_all(top.path().join(".git")).expect("a directory");
            fs::write(top.path().join("dist/a"), "a").expect("a file");
            fs::write(top.path().join(".git/config"), "a token").expect("a file");
            lay(top.path());
            let policy = format!("[forge]\nassets = [\"{glob}\"]");
            let policy = Policy::parse(&policy, "release.toml").expect("good");
            let policy = policy.forge.expect("it is there");
            let found = paths(top.path(), &policy).map_err(|error| format!("{error:#}"));
            found.map(|found| found.into_keys().collect::<Vec<_>>())
        };
        let link = |top: &Path, to: &Path, name: &str| {
            symlink(to, top.join(name)).expect("a link");
        };
        let pipe = |top: &Path| {
            let pipe = top.join("dist/x");
            let made = std::process::Command::new("mkfifo").arg(pipe).status();
            assert!(made.expect("there is mkfifo").success());
        };
        let good = laid(&|top| link(top, "a".as_ref(), "dist/b"), "dist/*");
        assert_eq!(good.expect("a link inside"), ["a", "b"]);
        let good = laid(&|top| link(top, "folder".as_ref(), "dist/b"), "dist/*");
        assert_eq!(good.expect("a link to a folder"), ["a"]);
        let out = "a link leads out of the repository";
        let cases: [(Lay<'_>, &str, &str, &str); 7] = [
            (&pipe, "dist/*", "`dist/x` cannot be", "it is a pipe"),
            (&pipe, "dist/x", "`dist/x` cannot be", "it is a pipe"),
            (
                &|top| link(top, "/dev/zero".as_ref(), "dist/x"),
                "dist/*",
                "`dist/x` cannot be",
                "it is a device",
            ),
            (
                &|top| link(top, &secret, "dist/x"),
                "dist/*",
                "`dist/x` cannot be",
                out,
            ),
            (
                &|top| link(top, outside.path(), "far"),
                "far/secret",
                "`far` cannot be",
                out,
            ),
            (
                &|top| link(top, outside.path(), "far"),
                "far/**/*.x",
                "`far` cannot be",
                out,
            ),
            (
                &|top| link(top, "../.git/config".as_ref(), "dist/x"),
                "dist/*",
                "`dist/x` cannot be",
                "git's own directory",
            ),
        ];
        for (lay, glob, names, why) in cases {
            let error = laid(lay, glob).expect_err(glob);
            assert!(
                error.contains(names) && error.contains(why),
                "{glob}: {error}"
            );
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
