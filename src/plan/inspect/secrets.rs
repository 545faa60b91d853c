//! Files whose names or first lines say that they do not belong into an image.

use std::collections::BTreeSet;

use crate::plan::inspect::{
    merge::{HiddenFile, Merged},
    omitted::Omitted,
    report::{Report, SecretFile},
};

/// Names of files that hold passwords, tokens or keys.
const NAMES: &[&str] = &[
    ".env",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    ".npmrc",
    ".pypirc",
    ".netrc",
    "_netrc",
    ".git-credentials",
    ".pgpass",
    ".my.cnf",
    ".dockercfg",
    "terraform.tfstate",
    "application_default_credentials.json",
];
/// The last two parts of such paths.
const PLACES: &[&str] = &[
    ".docker/config.json",
    ".aws/credentials",
    ".kube/config",
    ".cargo/credentials.toml",
    ".cargo/credentials",
    ".m2/settings-security.xml",
    ".gem/credentials",
    ".composer/auth.json",
];
/// Ends of names of files that hold keys.
const ENDS: &[&str] = &[".p12", ".pfx", ".kdbx", ".ppk"];
/// `.env.example` and the like are written for everybody to read.
const SAMPLES: &[&str] = &[
    "example", "sample", "template", "dist", "defaults", "schema", "test", "tpl",
];
/// Directories with keys that everybody has: those of tests and documents of packages.
const PUBLIC: &[&str] = &[
    "test",
    "tests",
    "testdata",
    "test-data",
    "__tests__",
    "fixtures",
    "examples",
    "doc",
    "docs",
    "node_modules",
    "site-packages",
    "dist-packages",
];

/// The files that look like secrets, by path, those that can be seen first; and what the list leaves out.
pub(super) fn secrets(merged: &Merged) -> (Vec<SecretFile>, Omitted) {
    let seen = merged.paths.iter().map(|(path, &index)| {
        let file = &merged.files[index];
        let (layer, size, key) = (file.layer, file.size, file.private_key);
        (path, layer, None, size, key)
    });
    let hidden = merged.hidden.iter().map(|hidden: &HiddenFile| {
        let by = Some(hidden.by);
        (
            &hidden.path,
            hidden.layer,
            by,
            hidden.size,
            hidden.private_key,
        )
    });
    let mut known = BTreeSet::new();
    let mut all = Vec::new();
    for (path, layer, hidden_by, size, key) in seen.chain(hidden) {
        if size > 0 && is_secret(path, key) && known.insert((path, layer)) {
            let path = path.clone();
            let secret = SecretFile {
                path,
                layer,
                hidden_by,
            };
            all.push((secret, size));
        }
    }
    let omitted = Omitted::cut(&mut all, |(_, size)| *size);
    (all.into_iter().map(|(secret, _)| secret).collect(), omitted)
}

impl Report {
    /// The number of files that look like secrets.
    pub(super) fn secret_count(&self) -> usize {
        self.secrets.len() + self.omitted_secrets.count
    }
}

/// Names of any case: file systems of other machines, and programs that look there, know no difference.
fn is_secret(path: &str, private_key: bool) -> bool {
    let path = &*path.to_lowercase();
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or(path);
    let place = parts.next().map(|directory| format!("{directory}/{name}"));
    let is_public = || path.split('/').any(|part| PUBLIC.contains(&part));
    let named = NAMES.contains(&name)
        || is_environment(name)
        || place.is_some_and(|place| PLACES.contains(&&*place))
        || ENDS.iter().any(|end| name.ends_with(end));
    (named || private_key) && !is_public()
}

/// `.env.production`, and not `.env.example`.
fn is_environment(name: &str) -> bool {
    name.strip_prefix(".env.")
        .is_some_and(|kind| !kind.split('.').any(|part| SAMPLES.contains(&part)))
}
