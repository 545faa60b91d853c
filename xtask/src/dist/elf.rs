//! What a program or library for 64-bit Linux asks of the machine it runs on: its loader and the
//! libraries that it names ("System V ABI", program headers and dynamic section).

use crate::Result;

/// What is needed before a file can run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The loader; a static program has none.
    pub loader: Option<String>,
    /// The names of libraries.
    pub libraries: Vec<String>,
}

const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;
const INTERPRETER: u32 = 3;
const END: u64 = 0;
const NEEDED: u64 = 1;
const STRINGS: u64 = 5;

/// `None` where the bytes are no such file.
///
/// # Errors
/// It is one, and its tables lead out of it.
pub fn needs(file: &[u8]) -> Result<Option<Needs>> {
    // 64 bits, little-endian.
    if !file.starts_with(b"\x7fELF\x02\x01") {
        return Ok(None);
    }
    read(file)
        .map(Some)
        .ok_or_else(|| "an ELF file is damaged".into())
}

struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

fn read(file: &[u8]) -> Option<Needs> {
    let table = number(file, 32, 8)?;
    let size = number(file, 54, 2)?;
    let count = number(file, 56, 2)?;
    let mut segments = Vec::new();
    for index in 0..count {
        let at = table.checked_add(index.checked_mul(size)?)?;
        segments.push(Segment {
            kind: u32::try_from(number(file, at, 4)?).ok()?,
            offset: number(file, at + 8, 8)?,
            address: number(file, at + 16, 8)?,
            size: number(file, at + 32, 8)?,
        });
    }
    let of = |kind: u32| segments.iter().find(|one| one.kind == kind);
    let mut needs = Needs::default();
    if let Some(loader) = of(INTERPRETER) {
        needs.loader = Some(text(file, loader.offset)?);
    }
    let Some(dynamic) = of(DYNAMIC) else {
        return Some(needs);
    };
    let mut strings = None;
    let mut names = Vec::new();
    for at in (dynamic.offset..dynamic.offset.checked_add(dynamic.size)?).step_by(16) {
        match (number(file, at, 8)?, number(file, at + 8, 8)?) {
            (END, _) => break,
            (NEEDED, name) => names.push(name),
            (STRINGS, address) => strings = Some(address),
            _ => {}
        }
    }
    if names.is_empty() {
        return Some(needs);
    }
    let address = strings?;
    let held = |one: &&Segment| {
        one.kind == LOAD && (one.address..one.address + one.size).contains(&address)
    };
    let segment = segments.iter().find(held)?;
    let strings = segment.offset + (address - segment.address);
    for name in names {
        needs.libraries.push(text(file, strings + name)?);
    }
    Some(needs)
}

fn number(file: &[u8], at: u64, length: usize) -> Option<u64> {
    let at = usize::try_from(at).ok()?;
    let bytes = file.get(at..at.checked_add(length)?)?;
    let shift = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    Some(bytes.iter().rev().fold(0, shift))
}

fn text(file: &[u8], at: u64) -> Option<String> {
    let rest = file.get(usize::try_from(at).ok()?..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    String::from_utf8(rest[..end].to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_needs_a_loader_and_a_library() {
        let own = std::fs::read("/proc/self/exe").expect("the kernel shows it");
        let needs = needs(&own).expect("it runs").expect("an ELF file");
        assert!(needs.loader.is_some_and(|loader| loader.contains("ld-")));
        assert!(needs.libraries.iter().any(|name| name.starts_with("libc.")));
        assert_eq!(super::needs(b"#!/bin/sh\n").expect("a script"), None);
    }

    #[test]
    fn a_file_that_ends_early_is_an_error() {
        let own = std::fs::read("/proc/self/exe").expect("the kernel shows it");
        for length in [6, 40, 64, 100, 200] {
            assert!(needs(&own[..length]).is_err(), "{length}");
        }
    }
}
