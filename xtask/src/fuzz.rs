//! `cargo xtask fuzz [SECONDS] [TARGET…]`: every fuzz target, or those that are named, each for so
//! long.

use std::{fs, path::Path, process::Command};

use crate::{Result, succeed};

const SECONDS: u32 = 600;

pub fn run(args: &[&str]) -> Result<()> {
    let (seconds, names) = match args.split_first() {
        Some((first, rest)) if first.parse::<u32>().is_ok() => (first.parse()?, rest),
        _ => (SECONDS, args),
    };
    let directory = testkit::sandbox::checkout().join("fuzz");
    for name in chosen(&directory, names)? {
        println!("== {name}, {seconds} s");
        for folder in ["corpus", "seeds"] {
            fs::create_dir_all(directory.join(folder).join(&name))?;
        }
        let mut fuzz = Command::new("cargo");
        fuzz.current_dir(&directory).env_remove("CARGO");
        // The code has no `unsafe`, so no sanitizer is needed, and inputs run ten times as fast.
        fuzz.args(["+nightly", "fuzz", "run", "--sanitizer", "none", &name]);
        fuzz.args([format!("corpus/{name}"), format!("seeds/{name}")]);
        fuzz.arg("--");
        fuzz.args([
            &format!("-max_total_time={seconds}"),
            "-timeout=10",
            "-rss_limit_mb=1024",
            "-print_final_stats=1",
        ]);
        let words = directory.join("dictionaries").join(&name);
        if words.is_file() {
            fuzz.arg(format!("-dict={}", words.display()));
        }
        succeed(&mut fuzz).map_err(|error| {
            format!(
                "{error}\nfuzzing needs a nightly toolchain and cargo-fuzz: \
                 `rustup toolchain install nightly`, `cargo install cargo-fuzz --locked`"
            )
        })?;
    }
    Ok(())
}

/// The targets by name, all of them where none is named.
fn chosen(directory: &Path, names: &[&str]) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory.join("fuzz_targets"))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default();
        all.push(name.to_string_lossy().into_owned());
    }
    all.sort();
    if let Some(unknown) = names
        .iter()
        .find(|name| !all.iter().any(|one| one == *name))
    {
        return Err(format!("no fuzz target `{unknown}`; there are {}", all.join(", ")).into());
    }
    all.retain(|name| names.is_empty() || names.contains(&name.as_str()));
    Ok(all)
}
