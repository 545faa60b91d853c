//! The files of a release commit: the new version written into each, everything else kept byte for
//! byte. Texts in, texts out.

mod cargo;
mod json;

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;
use semver::Version;

use crate::{
    error::{Error, Result},
    policy::{VersionFile, VersionFormat},
};

/// The texts of changed files, by path.
pub type Texts = BTreeMap<String, String>;

/// What a release commit's first line is.
#[must_use]
pub fn subject(version: &Version) -> String {
    format!("chore(release): {version}")
}

/// Whether `summary` is the first line of a release commit of some version.
#[must_use]
pub fn is_subject(summary: &str) -> bool {
    summary
        .strip_prefix("chore(release): ")
        .is_some_and(|version| Version::parse(version.trim()).is_ok())
}

/// `files` with `version` in them, as far as that changes them. `read` gives a file of the commit
/// that is released, or none where it has no such file.
///
/// # Errors
/// Refused (exit 4): a file that is missing, that cannot be read, or in which the version's place
/// is not found; `read`'s own.
pub fn written(
    files: &[VersionFile],
    version: &Version,
    read: &dyn Fn(&str) -> Result<Option<String>>,
) -> Result<Texts> {
    let mut edit = Edit {
        version: version.to_string(),
        read,
        texts: BTreeMap::new(),
    };
    for file in files {
        edit.file(file)?;
    }
    let mut changed = edit.texts;
    let mut same = Vec::new();
    for (path, text) in &changed {
        if read(path)?.as_ref() == Some(text) {
            same.push(path.clone());
        }
    }
    for path in same {
        changed.remove(&path);
    }
    Ok(changed)
}

/// The version in `old` that is above `version`, which stands in its place in `new`.
#[must_use]
pub fn lowered(old: &str, new: &str, version: &Version) -> Option<Version> {
    let written = version.to_string();
    let lines = old.lines().zip(new.lines()).filter(|(old, new)| old != new);
    lines
        .filter_map(|(old, new)| {
            let stood = old.get(new.find(&written)?..)?;
            let end = stood.find(|c: char| !(c.is_ascii_alphanumeric() || "-.+".contains(c)));
            Version::parse(&stood[..end.unwrap_or(stood.len())]).ok()
        })
        .find(|stood| stood.cmp_precedence(version).is_gt())
}

struct Edit<'a> {
    version: String,
    read: &'a dyn Fn(&str) -> Result<Option<String>>,
    texts: Texts,
}

impl Edit<'_> {
    fn file(&mut self, file: &VersionFile) -> Result<()> {
        let path = file.path.as_str();
        let text = self.text(path)?.ok_or_else(|| {
            refuse(path, "the commit has no such file")
                .hint("commit the file, or take it out of `version.files`")
        })?;
        let new = match &file.format {
            VersionFormat::Pattern(pattern) => by_pattern(&text, pattern.compiled(), &self.version)
                .map_err(|why| refuse(path, &why))?,
            VersionFormat::Cargo => return self.cargo(path, &text),
            VersionFormat::Npm => return self.npm(path, &text),
            VersionFormat::Python => {
                cargo::python(&text, &self.version).map_err(|why| refuse(path, &why))?
            }
            VersionFormat::Chart => by_pattern(&text, &CHART, &self.version)
                .map_err(|_| refuse(path, "it has no line `version:`"))?,
            VersionFormat::Whole => whole(&text, &self.version),
        };
        self.texts.insert(path.to_owned(), new);
        Ok(())
    }

    /// The text as the edits so far have left it.
    fn text(&self, path: &str) -> Result<Option<String>> {
        match self.texts.get(path) {
            Some(text) => Ok(Some(text.clone())),
            None => (self.read)(path),
        }
    }

    /// The manifest, and its workspace's lock file, so that `--locked` still builds.
    fn cargo(&mut self, path: &str, text: &str) -> Result<()> {
        let made = cargo::manifest(text, &self.version).map_err(|why| refuse(path, &why))?;
        self.texts.insert(path.to_owned(), made.text);
        for lock in beside_or_above(path, "Cargo.lock") {
            if let Some(text) = self.text(&lock)? {
                let new = cargo::lock(&text, &made.packages, &made.old, &self.version)
                    .map_err(|why| refuse(&lock, &why))?;
                self.texts.insert(lock, new);
                break;
            }
        }
        Ok(())
    }

    fn npm(&mut self, path: &str, text: &str) -> Result<()> {
        let new = json::package(text, &self.version).map_err(|why| refuse(path, &why))?;
        self.texts.insert(path.to_owned(), new);
        for name in ["package-lock.json", "npm-shrinkwrap.json"] {
            let lock = beside(path, name);
            if let Some(text) = self.text(&lock)? {
                let new = json::lock(&text, &self.version).map_err(|why| refuse(&lock, &why))?;
                self.texts.insert(lock, new);
            }
        }
        Ok(())
    }
}

fn refuse(path: &str, why: &str) -> Error {
    Error::refused(format!("cannot write the version into `{path}`"))
        .cause(why)
        .state("nothing was built or moved")
}

/// A Helm chart's own version and that of what it deploys.
static CHART: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?m)^(?:version|appVersion):[ \t]*["']?([^"'\s#]+)"#)
        .expect("a pattern that is tested")
});

/// The first group of each match becomes `version`.
fn by_pattern(text: &str, pattern: &Regex, version: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for found in pattern.captures_iter(text) {
        let Some(group) = found.get(1) else { continue };
        out.push_str(&text[done..group.start()]);
        out.push_str(version);
        done = group.end();
    }
    if done == 0 {
        return Err(format!("`{pattern}` matches nothing in it"));
    }
    out.push_str(&text[done..]);
    Ok(out)
}

/// A file that holds the version and nothing else; its last line break stays as it is.
fn whole(text: &str, version: &str) -> String {
    let end = text.len() - text.trim_end().len();
    format!("{version}{}", &text[text.len() - end..])
}

fn beside(path: &str, name: &str) -> String {
    match path.rsplit_once('/') {
        Some((directory, _)) => format!("{directory}/{name}"),
        None => name.to_owned(),
    }
}

/// `name` in the file's directory and in each one above it, nearest first.
fn beside_or_above(path: &str, name: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut at = path;
    while let Some((directory, _)) = at.rsplit_once('/') {
        all.push(format!("{directory}/{name}"));
        at = directory;
    }
    all.push(name.to_owned());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, pattern: Option<&str>) -> VersionFile {
        let path = path.parse().expect("a path");
        let format = match pattern {
            Some(pattern) => VersionFormat::Pattern(pattern.parse().expect("a pattern")),
            None => VersionFormat::of(&path).expect("a name with a format"),
        };
        VersionFile { path, format }
    }

    /// Writes 1.3.0 into `path` of a commit that has `tree`.
    fn write(tree: &[(&str, &str)], path: &str, pattern: Option<&str>) -> Result<Texts> {
        let read = |path: &str| {
            let found = tree.iter().find(|(name, _)| *name == path);
            Ok(found.map(|(_, text)| (*text).to_owned()))
        };
        written(&[file(path, pattern)], &Version::new(1, 3, 0), &read)
    }

    #[track_caller]
    fn check(path: &str, before: &str, after: &str) {
        let texts = write(&[(path, before)], path, None).expect("it is written");
        assert_eq!(texts.get(path).map(String::as_str), Some(after));
    }

    #[test]
    fn each_format_keeps_all_but_the_version() {
        check(
            "Cargo.toml",
            "# a\n[package]\nname = \"x\"   # b\nversion = '1.2.3' # c\n\n[dependencies]\nversion = \"1.2.3\"\n",
            "# a\n[package]\nname = \"x\"   # b\nversion = \"1.3.0\" # c\n\n[dependencies]\nversion = \"1.2.3\"\n",
        );
        check(
            "package.json",
            "{\r\n\t\"name\": \"x\",\r\n\t\"dependencies\": {\"version\": \"1.2.3\"},\r\n\t\"version\" : \"1.2.3\"\r\n}\r\n",
            "{\r\n\t\"name\": \"x\",\r\n\t\"dependencies\": {\"version\": \"1.2.3\"},\r\n\t\"version\" : \"1.3.0\"\r\n}\r\n",
        );
        check(
            "py/pyproject.toml",
            "[project]\nname = \"x\"\nversion = \"1.2.3\"\n",
            "[project]\nname = \"x\"\nversion = \"1.3.0\"\n",
        );
        check(
            "pyproject.toml",
            "[tool.poetry]\nversion = \"1.2.3\" # here\n",
            "[tool.poetry]\nversion = \"1.3.0\" # here\n",
        );
        check(
            "charts/x/Chart.yaml",
            "name: x\nversion: 1.2.3 # chart\nappVersion: \"1.2.3\"\ndependencies:\n  - version: 9.9.9\n",
            "name: x\nversion: 1.3.0 # chart\nappVersion: \"1.3.0\"\ndependencies:\n  - version: 9.9.9\n",
        );
        check("VERSION", "1.2.3\n", "1.3.0\n");
        check("version.txt", "1.2.3", "1.3.0");
    }

    #[test]
    fn a_higher_version_that_is_written_over_is_found() {
        let version = Version::new(1, 3, 0);
        let manifest = |text: &str| format!("[package]\nname = \"x\"\nversion = \"{text}\" # a\n");
        let new = manifest("1.3.0");
        for (old, higher) in [
            ("1.4.0-rc.1", Some("1.4.0-rc.1")),
            ("10.0.0", Some("10.0.0")),
            ("1.3.0-rc.1", None),
            ("1.2.9", None),
            ("1.3.0", None),
            ("0.0.0-dev", None),
            ("x", None),
        ] {
            let found = lowered(&manifest(old), &new, &version).map(|found| found.to_string());
            assert_eq!(found.as_deref(), higher, "{old}");
        }
        assert_eq!(
            lowered("2.0.0\n", "1.3.0\n", &version),
            Some(Version::new(2, 0, 0))
        );
    }

    #[test]
    fn any_file_by_pattern() {
        let text = "v = 1.2.3\nw = 1.2.3\nx = 1.2.3\n";
        let texts =
            write(&[("a.py", text)], "a.py", Some(r"(?m)^[vx] = (\S+)$")).expect("it is written");
        assert_eq!(texts["a.py"], "v = 1.3.0\nw = 1.2.3\nx = 1.3.0\n");
        let error = write(&[("a.py", text)], "a.py", Some("z = (.*)")).expect_err("it is refused");
        assert!(format!("{error:#}").contains("matches nothing"), "{error}");
    }

    #[test]
    fn lock_files_follow() {
        let manifest = "[package]\nname = \"x\"\nversion = \"1.2.3\"\n";
        let lock = "version = 4\n\n[[package]]\nname = \"x\"\nversion = \"0.1.0\"\nsource = \"registry\"\n\n[[package]]\nname = \"x\"\nversion = \"1.2.3\"\ndependencies = [\n \"y\",\n]\n";
        let texts = write(
            &[("a/b/Cargo.toml", manifest), ("a/Cargo.lock", lock)],
            "a/b/Cargo.toml",
            None,
        )
        .expect("it is written");
        let expected = lock.replace("version = \"1.2.3\"", "version = \"1.3.0\"");
        assert_eq!(texts["a/Cargo.lock"], expected);

        let lock = "{\n  \"name\": \"x\",\n  \"version\": \"1.2.3\",\n  \"packages\": {\n    \"\": { \"version\": \"1.2.3\" },\n    \"node_modules/y\": { \"version\": \"1.2.3\" }\n  }\n}\n";
        let texts = write(
            &[
                ("package.json", "{\"version\":\"1.2.3\"}"),
                ("package-lock.json", lock),
            ],
            "package.json",
            None,
        )
        .expect("it is written");
        assert_eq!(
            texts["package-lock.json"],
            lock.replacen("\"1.2.3\"", "\"1.3.0\"", 2)
        );
    }

    #[test]
    fn a_workspace_has_one_version() {
        let manifest = "[workspace]\nmembers = [\"a\"]\n\n[workspace.package]\nversion = \"1.2.3\"\n\n[workspace.dependencies]\na = { path = \"a\", version = \"=1.2.3\" }\nb = { path = \"../b\", version = \"1.0.0\" }\nserde = \"1.2.3\"\n";
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.2.3\"\n\n[[package]]\nname = \"b\"\nversion = \"1.0.0\"\n";
        let tree = [("Cargo.toml", manifest), ("Cargo.lock", lock)];
        let texts = write(&tree, "Cargo.toml", None).expect("it is written");
        assert_eq!(
            texts["Cargo.toml"],
            manifest
                .replace(
                    "[workspace.package]\nversion = \"1.2.3\"",
                    "[workspace.package]\nversion = \"1.3.0\""
                )
                .replace("\"=1.2.3\"", "\"=1.3.0\"")
        );
        assert_eq!(texts["Cargo.lock"], lock.replace("1.2.3", "1.3.0"));
    }

    #[test]
    fn what_says_it_already_is_no_change_and_what_is_missing_is_refused() {
        assert!(
            write(&[("VERSION", "1.3.0\n")], "VERSION", None)
                .expect("it is written")
                .is_empty()
        );
        for (tree, path, words) in [
            (&[][..], "VERSION", "no such file"),
            (&[("Cargo.toml", "[lib]\n")], "Cargo.toml", "version"),
            (
                &[("Cargo.toml", "[package]\nversion.workspace = true\n")],
                "Cargo.toml",
                "workspace",
            ),
            (&[("Cargo.toml", "[package")], "Cargo.toml", "TOML"),
            (&[("package.json", "[1]")], "package.json", "object"),
            (&[("package.json", "{")], "package.json", "JSON"),
            (&[("package.json", "{\"a\":1}")], "package.json", "version"),
            (
                &[("pyproject.toml", "[project]\n")],
                "pyproject.toml",
                "version",
            ),
            (&[("Chart.yaml", "name: x\n")], "Chart.yaml", "version"),
        ] {
            let error = write(tree, path, None).expect_err("it is refused");
            assert!(format!("{error:#}").contains(words), "{path}: {error}");
        }
    }

    #[test]
    fn release_commits_are_known_by_their_subject() {
        assert!(is_subject(&subject(
            &"1.3.0-rc.1".parse().expect("a version")
        )));
        for other in ["chore(release): notes", "chore: 1.3.0", "feat: 1.3.0"] {
            assert!(!is_subject(other), "{other}");
        }
    }
}
