//! The receipt in the annotated git tag: which digest a release has in which repository.
//!
//! One trailer a repository and variant at the end of the tag's message, so that any clone can
//! tell whose an image is without asking a registry:
//!
//! ```text
//! Hoist-Image: docker.io/acme/api@sha256:…
//! Hoist-Image: docker.io/acme/api@sha256:… alpine
//! ```
//!
//! Before them stands who released it: `Hoist-Run: process 4711 on ci-3`.

use std::str::FromStr;

use crate::oci::{Digest, Reference, Repository, Variant};

const TRAILER: &str = "Hoist-Image: ";
const RUN: &str = "Hoist-Run: ";

/// One line of the receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The repository that the image was published to.
    pub repository: Repository,
    /// The manifest or index that was published there.
    pub digest: Digest,
    /// The variant, or [`Variant::main`].
    pub variant: Variant,
}

/// The message of a release's tag: title, notes, who released it, receipt.
#[must_use]
pub fn message(title: &str, notes: &str, run: &str, receipts: &[Receipt]) -> String {
    let mut text = format!("{title}\n");
    let notes = notes.trim();
    if !notes.is_empty() {
        text.push_str(&format!("\n{notes}\n"));
    }
    text.push_str(&format!("\n{RUN}{run}\n"));
    for receipt in receipts {
        text.push_str(TRAILER);
        text.push_str(&receipt.repository.digest(&receipt.digest));
        if let Some(variant) = receipt.variant.name() {
            text.push_str(&format!(" {variant}"));
        }
        text.push('\n');
    }
    text
}

/// The receipts in a tag's message. Only the last block of trailers counts: notes can quote one.
/// A signature behind them is passed over.
#[must_use]
pub fn receipts(message: &str) -> Vec<Receipt> {
    let message = message
        .split("-----BEGIN")
        .next()
        .unwrap_or(message)
        .trim_end();
    let mut found: Vec<Receipt> = message
        .lines()
        .rev()
        .map_while(|line| line.strip_prefix(TRAILER))
        .filter_map(parse)
        .collect();
    found.reverse();
    found
}

/// Who released it, by the line before the receipts.
#[must_use]
pub fn run(message: &str) -> Option<&str> {
    let message = message
        .split("-----BEGIN")
        .next()
        .unwrap_or(message)
        .trim_end();
    let mut lines = message
        .lines()
        .rev()
        .skip_while(|line| line.starts_with(TRAILER));
    lines.next()?.strip_prefix(RUN)
}

fn parse(line: &str) -> Option<Receipt> {
    let (reference, variant) = match line.trim().split_once(' ') {
        Some((reference, variant)) => (reference, Variant::named(variant.trim())),
        None => (line.trim(), Variant::main()),
    };
    let reference = Reference::from_str(reference).ok()?;
    Some(Receipt {
        repository: reference.repository,
        digest: reference.digest?,
        variant,
    })
}

#[cfg(test)]
mod tests {
    use crate::plan::release::receipt::*;

    fn receipt(variant: Variant) -> Receipt {
        Receipt {
            repository: "acme/api".parse().expect("a good name"),
            digest: Digest::of(b"x"),
            variant,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let all = [receipt(Variant::main()), receipt(Variant::named("alpine"))];
        let text = message("v1.2.3", "### Features\n\n- x\n", "process 1 on h", &all);
        assert!(text.starts_with("v1.2.3\n\n### Features\n"));
        assert_eq!(receipts(&text), all);
        assert_eq!(run(&text), Some("process 1 on h"));
        let signed = format!("{text}-----BEGIN PGP SIGNATURE-----\nabc\n");
        assert_eq!(receipts(&signed), all);
    }

    #[test]
    fn a_quoted_receipt_in_the_notes_does_not_count() {
        let quoted = format!("Hoist-Image: evil.example/x@{}", Digest::of(b"y"));
        let text = message(
            "v1",
            &format!("{quoted}\nmore"),
            "x",
            &[receipt(Variant::main())],
        );
        assert_eq!(receipts(&text), [receipt(Variant::main())]);
        assert_eq!(receipts("v1\n\nno receipt\n"), []);
    }
}
