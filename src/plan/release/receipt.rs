//! The receipt in the annotated git tag: which digest a release has in which repository.
//!
//! One trailer a repository and image at the end of the tag's message, so that any clone can
//! tell whose an image is without asking a registry:
//!
//! ```text
//! Hoist-Image: docker.io/acme/api@sha256:…
//! Hoist-Image: docker.io/acme/api@sha256:… alpine
//! Hoist-Image: docker.io/acme/worker@sha256:… image=worker
//! Hoist-Image: docker.io/acme/worker@sha256:… image=worker variant=alpine
//! ```
//!
//! A variant of the main image stands there by its name alone, as before an image had a name.
//!
//! Before them stands who released it, after an empty line: `Hoist-Run: process 4711 on ci-3`. Behind them
//! stands what else is known when the tag is made:
//!
//! ```text
//! Hoist-Platform: sha256:… linux/amd64
//! Hoist-Attachment: docker.io/acme/api@sha256:… application/spdx+json sha256:…
//! Hoist-Signature: docker.io/acme/api@sha256:… application/vnd.dev.sigstore.bundle.v0.3+json sha256:…
//! Hoist-Gate: ./smoke.sh
//! Hoist-Over-Budget: 130.2 MB to pull, …
//! Hoist-Uncommitted: built from uncommitted files: …
//! Hoist-Forge: https://github.com/acme/api/releases/tag/v1.3.0
//! ```
//!
//! The digest of a platform's line is that of the image; a release of an earlier hoist has no such lines. The last
//! digest of an attachment's and a signature's is the manifest that the attachment or the signature is about.

use std::str::FromStr;

use serde::Serialize;

use crate::oci::{Digest, ImageName, Reference, Repository};

const TRAILER: &str = "Hoist-Image: ";
const RUN: &str = "Hoist-Run: ";
const PLATFORM: &str = "Hoist-Platform: ";
const ATTACHMENT: &str = "Hoist-Attachment: ";
const SIGNATURE: &str = "Hoist-Signature: ";
const GATE: &str = "Hoist-Gate: ";
const OVER_BUDGET: &str = "Hoist-Over-Budget: ";
const UNCOMMITTED: &str = "Hoist-Uncommitted: ";
const FORGE: &str = "Hoist-Forge: ";
/// What ends the line about the run where hooks were left out.
const WITHOUT_HOOKS: &str = ", without hooks";
/// The signatures that git knows: OpenPGP in two forms, SSH, X.509.
const SIGNATURES: [&str; 4] = [
    "PGP SIGNATURE",
    "PGP MESSAGE",
    "SSH SIGNATURE",
    "SIGNED MESSAGE",
];
/// What no line of the notes may start with.
const RESERVED: [&str; 3] = ["Hoist-", "-----BEGIN", "-----END"];
const LINE_ENDS: [char; 2] = ['\n', '\r'];

/// One line of the receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The repository that the image was published to.
    pub repository: Repository,
    /// The manifest or index that was published there.
    pub digest: Digest,
    /// Which image of the release it is.
    pub image: ImageName,
}

/// A platform that an image of the release is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformReceipt {
    /// The manifest or index of the image.
    pub digest: Digest,
    /// The platform with all that tells it apart from others.
    pub platform: String,
}

/// One manifest that is about an image of the release: an attachment or a signature.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ReferrerReceipt {
    /// The repository that holds it.
    pub repository: Repository,
    /// Its own manifest.
    pub digest: Digest,
    /// The type of the artifact.
    pub artifact_type: String,
    /// The manifest that it is about.
    pub subject: Digest,
}

/// All that a release records in its git tag.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReceiptRecord {
    /// Who released it.
    pub run: String,
    /// Whether the hooks of the policy were left out.
    pub without_hooks: bool,
    /// Which image is in which repository.
    pub images: Vec<Receipt>,
    /// What the images are for; empty in what an earlier hoist has recorded.
    pub platforms: Vec<PlatformReceipt>,
    /// What was attached to the images.
    pub attachments: Vec<ReferrerReceipt>,
    /// The signatures that were made of them.
    pub signatures: Vec<ReferrerReceipt>,
    /// The programs of the gate that have passed the images, a line each.
    pub gate: Vec<String>,
    /// Where the images were over the budget and were released all the same, a line each.
    pub over_budget: Vec<String>,
    /// What no commit holds and was released all the same, a line each.
    pub uncommitted: Vec<String>,
    /// The page of the release on the forge that is made public when the git tag is out.
    pub forge: Option<String>,
}

impl ReceiptRecord {
    fn lines(&self) -> Vec<String> {
        let hooks = if self.without_hooks {
            WITHOUT_HOOKS
        } else {
            ""
        };
        let mut lines = vec![format!("{RUN}{}{hooks}", one_line(&self.run))];
        for receipt in &self.images {
            let image = receipt.repository.digest(&receipt.digest);
            lines.push(format!("{TRAILER}{image}{}", image_words(&receipt.image)));
        }
        let about = |trailer: &str, one: &ReferrerReceipt| {
            let place = one.repository.digest(&one.digest);
            let kind = match one.artifact_type.split_whitespace().next() {
                Some(kind) if kind == one.artifact_type => kind,
                Some(_) | None => "unknown",
            };
            format!("{trailer}{place} {kind} {}", one.subject)
        };
        let platforms = self.platforms.iter();
        lines.extend(platforms.map(|one| {
            let platform = one_line(&one.platform);
            format!("{PLATFORM}{} {platform}", one.digest)
        }));
        let attachments = self.attachments.iter();
        lines.extend(attachments.map(|one| about(ATTACHMENT, one)));
        lines.extend(self.signatures.iter().map(|one| about(SIGNATURE, one)));
        let gate = self.gate.iter();
        lines.extend(gate.map(|line| format!("{GATE}{}", one_line(line))));
        let over = self.over_budget.iter();
        lines.extend(over.map(|line| format!("{OVER_BUDGET}{}", one_line(line))));
        let uncommitted = self.uncommitted.iter();
        lines.extend(uncommitted.map(|line| format!("{UNCOMMITTED}{}", one_line(line))));
        let forge = self.forge.iter();
        lines.extend(forge.map(|page| format!("{FORGE}{}", one_line(page))));
        lines
    }
}

/// The message of a release's tag: title, notes, and what the release records.
///
/// The notes quote commits, so a line of theirs that reads like a receipt, or like the start of a
/// signature, which git would cut the message at, is indented.
#[must_use]
pub fn message(title: &str, notes: &str, record: &ReceiptRecord) -> String {
    let mut text = format!("{}\n", one_line(title));
    let notes = notes.trim();
    if !notes.is_empty() {
        text.push('\n');
        for line in notes.replace("\r\n", "\n").split(LINE_ENDS) {
            if RESERVED.iter().any(|reserved| line.starts_with(reserved)) {
                text.push_str("    ");
            }
            text.push_str(line);
            text.push('\n');
        }
    }
    text.push('\n');
    for line in record.lines() {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// What a tag's message records; `None`: hoist has not made it.
#[must_use]
pub fn record(message: &str) -> Option<ReceiptRecord> {
    let block = ReceiptBlock::last(message)?;
    let hooks = block.run.strip_suffix(WITHOUT_HOOKS);
    let with = |trailer: &'static str| {
        let lines = block.further.iter();
        lines.filter_map(move |line| line.strip_prefix(trailer))
    };
    let texts = |trailer| with(trailer).map(str::to_owned).collect();
    Some(ReceiptRecord {
        run: hooks.unwrap_or(block.run).to_owned(),
        without_hooks: hooks.is_some(),
        images: block.images.iter().filter_map(|line| parse(line)).collect(),
        platforms: with(PLATFORM).filter_map(parse_platform).collect(),
        attachments: with(ATTACHMENT).filter_map(parse_referrer).collect(),
        signatures: with(SIGNATURE).filter_map(parse_referrer).collect(),
        gate: texts(GATE),
        over_budget: texts(OVER_BUDGET),
        uncommitted: texts(UNCOMMITTED),
        forge: texts(FORGE).into_iter().next(),
    })
}

/// The receipts in a tag's message.
#[must_use]
pub fn receipts(message: &str) -> Vec<Receipt> {
    record(message)
        .map(|record| record.images)
        .unwrap_or_default()
}

/// Who released it, by the line before the receipts.
#[must_use]
pub fn run(message: &str) -> Option<&str> {
    ReceiptBlock::last(message).map(|block| block.run)
}

/// What hoist writes at the end of a message: an empty line, who released it, a line an image, and what
/// else is recorded of the release.
struct ReceiptBlock<'m> {
    run: &'m str,
    images: Vec<&'m str>,
    further: Vec<&'m str>,
}

impl<'m> ReceiptBlock<'m> {
    /// The last block of the message before the signature, whatever stands before or behind it: text that
    /// was added later is passed over, and an earlier block is one that the notes quote.
    fn last(message: &'m str) -> Option<Self> {
        let lines: Vec<&str> = unsigned(message).lines().map(str::trim_end).collect();
        (1..lines.len()).rev().find_map(|at| {
            let run = lines[at].strip_prefix(RUN)?;
            let images: Vec<_> = lines[at + 1..]
                .iter()
                .map_while(|line| line.strip_prefix(TRAILER))
                .collect();
            let further = lines[at + 1 + images.len()..].iter().copied();
            let further = further.take_while(|line| line.starts_with("Hoist-"));
            let whole = lines[at - 1].is_empty() && !images.is_empty();
            whole.then(|| Self {
                run,
                further: further.collect(),
                images,
            })
        })
    }
}

/// The message without the signatures that end it, each from its first line to its last. A line that starts
/// like a signature and is not closed at the end is text.
fn unsigned(message: &str) -> &str {
    let mut text = message.trim_end();
    while let Some(signature) = ending_signature(text) {
        text = text[..signature].trim_end();
    }
    text
}

/// Where the signature starts that `text` ends with.
fn ending_signature(text: &str) -> Option<usize> {
    let last = text.lines().next_back()?.trim_end();
    let kind = last.strip_prefix("-----END ")?.strip_suffix("-----")?;
    if !SIGNATURES.contains(&kind) {
        return None;
    }
    let begin = format!("-----BEGIN {kind}-----");
    let mut start = text.len();
    for line in text.split_inclusive('\n').rev() {
        start -= line.len();
        if line.trim_end() == begin {
            return Some(start);
        }
    }
    None
}

fn one_line(text: &str) -> String {
    text.split(LINE_ENDS).collect::<Vec<_>>().join(" ")
}

/// What stands behind a digest.
#[must_use]
pub fn image_words(image: &ImageName) -> String {
    match (image.is_of_main(), image.variant()) {
        (true, None) => String::new(),
        (true, Some(variant)) => format!(" {variant}"),
        (false, None) => format!(" image={}", image.name()),
        (false, Some(variant)) => format!(" image={} variant={variant}", image.name()),
    }
}

fn parse_platform(line: &str) -> Option<PlatformReceipt> {
    let (digest, platform) = line.split_once(' ')?;
    Some(PlatformReceipt {
        digest: digest.parse().ok()?,
        platform: platform.to_owned(),
    })
}

fn parse_referrer(line: &str) -> Option<ReferrerReceipt> {
    let mut words = line.split(' ');
    let place = Reference::from_str(words.next()?).ok()?;
    let artifact_type = words.next()?.to_owned();
    let subject = words.next()?.parse().ok()?;
    words.next().is_none().then_some(())?;
    Some(ReferrerReceipt {
        repository: place.repository,
        digest: place.digest?,
        artifact_type,
        subject,
    })
}

/// `None`: a later hoist says something of the image that this one does not know.
fn image_of(words: &str) -> Option<ImageName> {
    let Some(named) = words.strip_prefix("image=") else {
        return Some(match words {
            "" => ImageName::main(),
            variant => ImageName::main().with_variant(variant),
        });
    };
    match named.split_once(' ') {
        None => Some(ImageName::named(named)),
        Some((name, rest)) => {
            let variant = rest.strip_prefix("variant=")?;
            Some(ImageName::named(name).with_variant(variant))
        }
    }
}

fn parse(line: &str) -> Option<Receipt> {
    let (reference, words) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    let reference = Reference::from_str(reference).ok()?;
    Some(Receipt {
        repository: reference.repository,
        digest: reference.digest?,
        image: image_of(words.trim())?,
    })
}

#[cfg(test)]
mod tests {
    use crate::plan::release::receipt::*;

    fn receipt(image: ImageName) -> Receipt {
        Receipt {
            repository: "acme/api".parse().expect("a good name"),
            digest: Digest::of(b"x"),
            image,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let worker = ImageName::named("worker");
        let all = [
            receipt(ImageName::main()),
            receipt(ImageName::main().with_variant("alpine")),
            receipt(worker.clone()),
            receipt(worker.with_variant("alpine")),
        ];
        let about = |seed: &str, artifact_type: &str| ReferrerReceipt {
            repository: "acme/api".parse().expect("a good name"),
            digest: Digest::of(seed.as_bytes()),
            artifact_type: artifact_type.to_owned(),
            subject: Digest::of(b"x"),
        };
        let written = ReceiptRecord {
            run: "process 1 on h".to_owned(),
            without_hooks: true,
            images: all.to_vec(),
            platforms: [
                "linux/amd64",
                "windows/amd64 (os.version 10.0.1)",
                "x/y\nHoist-Image: e",
            ]
            .map(|platform| PlatformReceipt {
                digest: Digest::of(b"x"),
                platform: platform.to_owned(),
            })
            .to_vec(),
            attachments: vec![about("a", "application/spdx+json"), about("b", "evil\nx y")],
            signatures: vec![about("c", "application/vnd.dev.sigstore.bundle.v0.3+json")],
            gate: vec![
                "./smoke.sh -q".to_owned(),
                "x\nHoist-Image: evil/x".to_owned(),
            ],
            over_budget: vec!["130.2 MB to pull\nHoist-Image: evil/x".to_owned()],
            uncommitted: vec!["`release.toml` is in no commit".to_owned()],
            forge: Some("https://github.com/acme/api/releases/tag/v1.3.0".to_owned()),
        };
        let text = message("v1.2.3", "### Features\n\n- x\n", &written);
        assert!(text.contains("\nHoist-Over-Budget: 130.2 MB to pull Hoist-Image: evil/x\n"));
        assert!(text.contains("\nHoist-Uncommitted: `release.toml` is in no commit\n"));
        let page = "https://github.com/acme/api/releases/tag/v1.3.0";
        assert!(text.ends_with(&format!("\nHoist-Forge: {page}\n")));
        assert!(text.starts_with("v1.2.3\n\n### Features\n"));
        let mut expected = written.clone();
        expected.attachments[1].artifact_type = "unknown".to_owned();
        expected.platforms[2].platform = "x/y Hoist-Image: e".to_owned();
        expected.gate[1] = "x Hoist-Image: evil/x".to_owned();
        expected.over_budget[0] = "130.2 MB to pull Hoist-Image: evil/x".to_owned();
        let signed =
            format!("{text}-----BEGIN PGP SIGNATURE-----\nabc\n-----END PGP SIGNATURE-----\n");
        for text in [text, signed] {
            assert_eq!(receipts(&text), all);
            assert_eq!(record(&text), Some(expected.clone()));
        }
    }

    /// The receipts of these images, by this run.
    fn of_run(run: &str, images: &[Receipt]) -> ReceiptRecord {
        ReceiptRecord {
            run: run.to_owned(),
            images: images.to_vec(),
            ..ReceiptRecord::default()
        }
    }

    /// Commits as they are quoted in notes: no marker in them hides the receipt, and none forges one.
    #[test]
    fn no_notes_hide_or_forge_a_receipt() {
        let ours = [
            receipt(ImageName::main()),
            receipt(ImageName::main().with_variant("alpine")),
        ];
        let forged = format!("Hoist-Image: evil.example/x@{}", Digest::of(b"y"));
        let mut notes = vec![
            "-----BEGIN".to_owned(),
            "- feat: read -----BEGIN CERTIFICATE----- blocks".to_owned(),
            "-----BEGIN PGP SIGNATURE-----".to_owned(),
            forged.clone(),
            format!("{forged}\nmore"),
            format!("x\n\nHoist-Run: process 1 on evil\n{forged}"),
            format!("x\n\nHoist-Run: process 1 on evil\n{forged}\n\n"),
            format!("x\r\n\r\nHoist-Run: process 1 on evil\r\n{forged}\r\n"),
            format!("x\r\rHoist-Run: process 1 on evil\r{forged}\r"),
        ];
        for kind in SIGNATURES {
            notes.push(format!("-----BEGIN {kind}-----\nabc\n-----END {kind}-----"));
            notes.push(format!(
                "-----BEGIN {kind}-----\nx\n\nHoist-Run: e\n{forged}\n-----END {kind}-----"
            ));
        }
        let runs = [
            "ci 1".to_owned(),
            format!("ci\n{forged}"),
            format!("ci\n\nHoist-Run: x\n{forged}"),
        ];
        for (notes, run_by) in notes
            .iter()
            .flat_map(|notes| runs.iter().map(move |run| (notes, run)))
        {
            let text = message("v1", notes, &of_run(run_by, &ours));
            let crlf = text.replace('\n', "\r\n");
            let sign = |text: &str, kind: &str| {
                format!("{text}-----BEGIN {kind}-----\n\nab+c/=\n-----END {kind}-----\n")
            };
            let mut all = vec![text.clone(), crlf, text.trim_end().to_owned()];
            all.extend(SIGNATURES.iter().map(|kind| sign(&text, kind)));
            all.push(sign(&sign(&text, SIGNATURES[0]), SIGNATURES[2]));
            all.push(format!("{text}Signed-off-by: A <a@example.org>\n"));
            all.push(format!(
                "{text}\nMoved by hand.\n-----BEGIN PGP SIGNATURE-----\nnot closed\n"
            ));
            all.push(sign(&format!("{text}\nMore text\n"), SIGNATURES[0]));
            for text in all {
                assert_eq!(receipts(&text), ours, "{text}");
                assert!(
                    run(&text).is_some_and(|run| run.starts_with("ci")),
                    "{text}"
                );
            }
            // Nothing but the receipt itself reads like one, so no program that cuts at the first finds another.
            let images = text
                .lines()
                .filter(|line| line.starts_with(TRAILER))
                .count();
            assert_eq!(
                (
                    images,
                    text.lines().filter(|line| line.starts_with(RUN)).count()
                ),
                (2, 1),
                "{text}"
            );
            assert!(
                !text.lines().any(|line| line.starts_with("-----BEGIN")),
                "{text}"
            );
        }
    }

    /// As tags of earlier versions have them: the notes were quoted as they are.
    #[test]
    fn the_last_block_counts_in_a_message_of_any_origin() {
        let digest = Digest::of(b"x");
        let block = format!("\n\nHoist-Run: ci\nHoist-Image: acme/api@{digest}\n");
        let forged = format!("\n\nHoist-Run: e\nHoist-Image: evil/x@{digest}\n");
        let ours = [receipt(ImageName::main())];
        for text in [
            format!("v1\n\n- feat: -----BEGIN PGP SIGNATURE-----{block}"),
            format!("v1\n-----BEGIN PGP SIGNATURE-----\nx{block}"),
            format!("v1{forged}{block}"),
            format!(
                "v1{forged}{block}-----BEGIN SSH SIGNATURE-----\nU1\n-----END SSH SIGNATURE-----"
            ),
        ] {
            assert_eq!(receipts(&text), ours, "{text}");
        }
        // It knows of no platforms.
        let earlier = record(&format!("v1{block}")).expect("a record");
        assert_eq!(earlier.platforms, []);
        // Lines without what hoist writes before them: a message that quotes commits by hand.
        let line = format!("Hoist-Image: evil/x@{digest}");
        for text in [
            line.clone(),
            format!("v1\n\n{line}\n"),
            format!("v1\nHoist-Run: e\n{line}\n"),
            format!("v1\n\nHoist-Run: e\n\n{line}\n"),
            format!("v1\n\n  Hoist-Run: e\n  {line}\n"),
            "v1\n\nHoist-Run: e\n".to_owned(),
            "v1\n\nno receipt\n".to_owned(),
            String::new(),
        ] {
            assert_eq!(receipts(&text), [], "{text}");
            assert_eq!(run(&text), None, "{text}");
        }
    }
}
