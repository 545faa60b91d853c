//! Content digests: `sha256:<64 hex>`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The identity of a blob or manifest: `sha256:` and 64 lower-case hex digits.
///
/// Other algorithms are refused by name: no registry in use answers with another one, and a digest
/// that hoist cannot check must not be trusted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("pattern" = "^sha256:[0-9a-f]{64}$")))]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ParseDigestError(String);

impl fmt::Display for ParseDigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match other_algorithm(&self.0) {
            Some(algorithm) => write!(
                f,
                "`{}` is a digest of the algorithm {algorithm}, and hoist reads sha256 alone",
                self.0
            ),
            None => write!(
                f,
                "`{}` is not a valid digest: expected `sha256:` and 64 lower-case hex digits",
                self.0
            ),
        }
    }
}

/// The algorithm of a text that is a digest by the OCI grammar (`algorithm:encoded`), but for
/// sha256.
fn other_algorithm(text: &str) -> Option<&str> {
    let (algorithm, encoded) = text.split_once(':')?;
    let legal = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'.' | b'_' | b'-');
    let digest = !encoded.is_empty()
        && encoded
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'=' | b'_' | b'-'));
    let named = !algorithm.is_empty() && algorithm.bytes().all(legal) && algorithm != "sha256";
    (named && digest && encoded.len() >= 32).then_some(algorithm)
}

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    /// `sha256:…` in full.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 64 hex digits without the algorithm.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }

    /// The first 12 hex digits, for messages in which nobody needs to copy the digest.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.hex()[..12]
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = text.strip_prefix("sha256:").is_some_and(|hex| {
            hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        });
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseDigestError(text.chars().take(100).collect()))
        }
    }
}

impl TryFrom<String> for Digest {
    type Error = ParseDigestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A running digest, for data that is read in pieces.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Adds the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all pieces.
    #[must_use]
    pub fn finish(self) -> Digest {
        use fmt::Write as _;
        let mut text = String::with_capacity(71);
        text.push_str("sha256:");
        for byte in self.0.finalize() {
            write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        }
        Digest(text)
    }
}

impl std::io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_nothing_is_the_well_known_one() {
        assert_eq!(
            Digest::of(b"").as_str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn a_digest_is_sha256_with_64_lower_case_hex_digits() {
        let good = format!("sha256:{}", "a".repeat(64));
        assert!(good.parse::<Digest>().is_ok());
        for bad in [
            "",
            "sha256:",
            &good[..70],
            &format!("{good}a"),
            &good.to_uppercase(),
            &good.replace("sha256", "sha512"),
            &format!("sha256:{}", "g".repeat(64)),
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn another_algorithm_is_refused_by_its_name() {
        let hex = "0123456789abcdef".repeat(8);
        for (text, says) in [
            (format!("sha512:{hex}"), "the algorithm sha512"),
            (format!("sha384:{}", &hex[..96]), "the algorithm sha384"),
            (format!("blake3:{}", &hex[..64]), "the algorithm blake3"),
            (
                format!("multihash+base58:{}", "Qm".repeat(22)),
                "the algorithm multihash+base58",
            ),
            (format!("sha256:{}", &hex[..63]), "expected `sha256:`"),
            ("sha512:12".to_owned(), "expected `sha256:`"),
            ("latest".to_owned(), "expected `sha256:`"),
        ] {
            let error = text.parse::<Digest>().expect_err("not sha256").to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
