//! `Cargo.toml`, `Cargo.lock` and `pyproject.toml`.

use toml_edit::{DocumentMut, Item, TableLike, Value};

/// A manifest with the new version in it.
pub(super) struct EditedManifest {
    pub(super) text: String,
    /// The version that it had.
    pub(super) old: String,
    /// The package that has the version; `None`: those of a workspace that inherit it.
    pub(super) packages: Option<String>,
}

fn parse(text: &str) -> Result<DocumentMut, String> {
    text.parse()
        .map_err(|error: toml_edit::TomlError| format!("it is not valid TOML: {}", error.message()))
}

/// Sets a string and keeps what stands around it. The value it had, where it was a string.
fn set(item: Option<&mut Item>, new: &str) -> Option<String> {
    let value = item?.as_value_mut()?;
    let old = value.as_str()?.to_owned();
    let decor = value.decor().clone();
    *value = Value::from(new);
    *value.decor_mut() = decor;
    Some(old)
}

/// A package's own version, else the one of its workspace.
pub(super) fn manifest(text: &str, version: &str) -> Result<EditedManifest, String> {
    let mut document = parse(text)?;
    let root = document.as_table_mut();
    let package = root.get_mut("package").and_then(Item::as_table_like_mut);
    let name = package
        .as_ref()
        .and_then(|package| package.get("name"))
        .and_then(Item::as_str)
        .map(str::to_owned);
    let own = package.and_then(|package| set(package.get_mut("version"), version));
    let (old, packages) = match own {
        Some(old) => (old, name),
        None => (
            shared(root, version).ok_or(
                "neither `package.version` nor `workspace.package.version` is a version in it \
                 (a member that inherits its version: name the workspace's own Cargo.toml)",
            )?,
            None,
        ),
    };
    requirements(root, packages.as_deref(), &old, version);
    Ok(EditedManifest {
        text: document.to_string(),
        old,
        packages,
    })
}

fn shared(root: &mut toml_edit::Table, version: &str) -> Option<String> {
    let workspace = root.get_mut("workspace")?.as_table_like_mut()?;
    let package = workspace.get_mut("package")?.as_table_like_mut()?;
    set(package.get_mut("version"), version)
}

/// Dependencies by path that name the old version as well go with it, or the workspace would not
/// build any more.
fn requirements(root: &mut toml_edit::Table, package: Option<&str>, old: &str, new: &str) {
    let follow = |table: Option<&mut Item>| {
        let Some(table) = table.and_then(Item::as_table_like_mut) else {
            return;
        };
        for (key, item) in table.iter_mut() {
            let Some(dependency) = item.as_table_like_mut() else {
                continue;
            };
            let named = dependency.get("package").and_then(Item::as_str);
            let named = named.unwrap_or(key.get()).to_owned();
            if dependency.contains_key("path") && package.is_none_or(|package| named == package) {
                require(dependency, old, new);
            }
        }
    };
    for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
        follow(root.get_mut(table));
    }
    let workspace = root.get_mut("workspace").and_then(Item::as_table_like_mut);
    follow(workspace.and_then(|workspace| workspace.get_mut("dependencies")));
}

fn require(dependency: &mut dyn TableLike, old: &str, new: &str) {
    let Some(required) = dependency.get("version").and_then(Item::as_str) else {
        return;
    };
    if let Some(operator) = required.strip_suffix(old)
        && matches!(operator.trim(), "" | "=" | "^" | "~")
    {
        let required = format!("{operator}{new}");
        set(dependency.get_mut("version"), &required);
    }
}

/// The workspace's own packages have no source. Without a name: all that had the old version.
pub(super) fn lock(
    text: &str,
    package: &Option<String>,
    old: &str,
    version: &str,
) -> Result<String, String> {
    let mut document = parse(text)?;
    let packages = document
        .get_mut("package")
        .and_then(Item::as_array_of_tables_mut);
    for entry in packages.into_iter().flat_map(|all| all.iter_mut()) {
        let is = |key: &str, text: &str| entry.get(key).and_then(Item::as_str) == Some(text);
        let named = package.as_deref().is_none_or(|name| is("name", name));
        if !entry.contains_key("source") && named && is("version", old) {
            set(entry.get_mut("version"), version);
        }
    }
    Ok(document.to_string())
}

/// `project.version`, else Poetry's.
pub(super) fn python(text: &str, version: &str) -> Result<String, String> {
    let mut document = parse(text)?;
    let project = document
        .get_mut("project")
        .and_then(Item::as_table_like_mut);
    let mut old = project.and_then(|project| set(project.get_mut("version"), version));
    if old.is_none() {
        let poetry = document
            .get_mut("tool")
            .and_then(Item::as_table_like_mut)
            .and_then(|tool| tool.get_mut("poetry"))
            .and_then(Item::as_table_like_mut);
        old = poetry.and_then(|poetry| set(poetry.get_mut("version"), version));
    }
    old.ok_or("neither `project.version` nor `tool.poetry.version` is in it")?;
    Ok(document.to_string())
}
