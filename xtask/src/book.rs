//! `cargo xtask book`: the pages of `docs/` as a book, built by mdBook, and a look at every link of every page.
//!
//! mdBook comes from a Debian package, unpacked below `target/sandbox`. As a crate it would be 216 others to compile.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use testkit::sandbox;

use crate::{
    Result,
    dist::{self, elf},
    succeed,
};

/// The oldest stable release of Debian that has it.
const SUITE: &str = "trixie";

pub fn run() -> Result<()> {
    let root = testkit::sandbox::checkout();
    let folder = dist::target_folder().join("book");
    let _ = fs::remove_dir_all(&folder);
    let mut build = mdbook()?;
    build.arg("build").arg(&root).arg("--dest-dir").arg(&folder);
    succeed(&mut build)?;
    let pages = pages(&folder)?;
    let (links, dead) = look(&folder, &pages);
    for link in &dead {
        eprintln!("dead link: {link}");
    }
    println!(
        "book: {} pages, {links} links, {} dead",
        pages.len(),
        dead.len()
    );
    match dead.is_empty() {
        true => Ok(()),
        false => Err("the book has dead links".into()),
    }
}

/// The program with the loader and the libraries of its own release, for this machine may have older ones.
fn mdbook() -> Result<Command> {
    let target = dist::Target::own()?;
    let root = sandbox::fetch_unpacked_from(SUITE, "mdbook", &["mdbook"], target.debian)?;
    let program = root.join("usr/bin/mdbook");
    let needs = elf::needs(&fs::read(&program)?)?.unwrap_or_default();
    let Some(loader) = needs.loader else {
        return Ok(Command::new(program));
    };
    let mut command = Command::new(root.join("usr").join(loader.trim_start_matches('/')));
    command.arg("--library-path");
    command.arg(root.join("usr/lib").join(target.gnu()));
    command.arg(program);
    Ok(command)
}

/// The pages by their names. The one for addresses that are not there is made for a server's root.
fn pages(folder: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let mut pages = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_page = path.extension().is_some_and(|end| end == "html");
        if is_page && !path.ends_with("404.html") {
            pages.insert(path.clone(), fs::read_to_string(&path)?);
        }
    }
    Ok(pages)
}

/// How many links there are, and those that lead nowhere.
fn look(folder: &Path, pages: &BTreeMap<PathBuf, String>) -> (usize, Vec<String>) {
    let (mut count, mut dead) = (0, Vec::new());
    for (page, text) in pages {
        // Styles and scripts are mdBook's own concern: Debian's has some of them elsewhere.
        for link in tags(text, "<a ", "href").chain(tags(text, "<img ", "src")) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                file => folder.join(file),
            };
            let is_there = match pages.get(&target) {
                Some(text) => place.is_empty() || attributes(text, "id").any(|id| id == place),
                None => target.is_file(),
            };
            if !is_there {
                let name = page.file_name().unwrap_or_default();
                dead.push(format!("{}: {link}", name.display()));
            }
        }
    }
    (count, dead)
}

/// The values of an attribute in tags that begin like this.
fn tags<'t>(text: &'t str, start: &str, name: &str) -> impl Iterator<Item = &'t str> {
    let parts = text.split(start).skip(1);
    parts.filter_map(move |part| {
        let tag = &part[..part.find('>').unwrap_or(part.len())];
        // The tag's name ended with the space that belongs to its first attribute.
        let value = attributes(tag, name).next();
        value.or_else(|| tag.strip_prefix(&format!("{name}=\""))?.split('"').next())
    })
}

fn attributes<'t>(text: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
    let start = format!(" {name}=\"");
    let mut rest = text;
    std::iter::from_fn(move || {
        let at = rest.find(&start)? + start.len();
        let (value, after) = rest[at..].split_once('"')?;
        rest = after;
        Some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_a_page_a_place_or_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a.svg"), "").expect("writable");
        let page = r##"<h1 id="top"></h1><a href="#top"> <a href="b.html#x"> <img src="a.svg">
            <a href="https://example.org/"> <a href="#none"> <a href="c.html"> <a href="b.html#y">"##;
        let pages = [("a.html", page), ("b.html", r#"<p id="x">"#)];
        let pages = pages.map(|(name, text)| (folder.path().join(name), text.to_owned()));
        let (count, dead) = look(folder.path(), &pages.into());
        assert_eq!(count, 6);
        assert_eq!(
            dead,
            ["a.html: #none", "a.html: c.html", "a.html: b.html#y"]
        );
    }
}
