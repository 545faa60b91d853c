//! `[sign]`: the program that signs the images before they get a name.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::policy::{program_line::ProgramLine, publish::some_time};

/// What stands for the image in an argument: its repository and digest.
const IMAGE: &str = "{image}";

/// `[sign]`: how images are signed, and how a signature is proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("oneOf" = [{ "required": ["run"] }, { "required": ["with"] }])))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SignPolicy {
    /// The program that signs `{image}`; without a shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<ProgramLine>,
    /// A program that hoist knows how to call, instead of `run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<Signer>,
    /// The private key for `with`: a path, or what the program takes for one, such as `awskms://…` or
    /// `env://NAME`. Unset: without a key of one's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The public key for `with`; unset: the private key's name with `.pub`, or the same `…://…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// Without a key: the identity that the signer's certificate must name. `verify --signatures` asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// Without a key: the address of the login service that must have confirmed the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Whether signatures of a key are written to the public transparency log.
    #[serde(default = "yes")]
    pub tlog: bool,
    /// The program that proves the signature of `{image}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<ProgramLine>,
    /// How long one call of a program may take.
    #[serde(with = "some_time", default = "ten_minutes")]
    #[cfg_attr(test, schemars(with = "String", extend("pattern" = "^0{0,19}[1-9][0-9]{0,19}(ms|s|m|h)$")))]
    pub timeout: Duration,
}

/// A program for signatures that hoist knows how to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Signer {
    /// cosign 3.
    Cosign,
}

impl SignPolicy {
    /// The program that signs `image`.
    #[must_use]
    pub fn signing(&self, image: &str) -> ProgramLine {
        match (&self.run, self.with) {
            (Some(run), _) => filled(run, image),
            (None, Some(Signer::Cosign) | None) => self.cosign("sign", image),
        }
    }

    /// The program that proves the signature of `image`; `None`: nothing says who may have signed.
    #[must_use]
    pub fn proving(&self, image: &str) -> Option<ProgramLine> {
        if let Some(verify) = &self.verify {
            return Some(filled(verify, image));
        }
        self.with?;
        let can_prove = self.key.is_some() || (self.identity.is_some() && self.issuer.is_some());
        can_prove.then(|| self.cosign("verify", image))
    }

    /// Keys that are files, seen from the top of the repository: the private one, and the public one.
    #[must_use]
    pub fn key_files(&self) -> Vec<&str> {
        let keys = [self.key.as_deref(), self.public_key.as_deref()];
        let files = keys.into_iter().flatten();
        files.filter(|key| !key.contains("://")).collect()
    }

    fn cosign(&self, verb: &str, image: &str) -> ProgramLine {
        let is_signing = verb == "sign";
        let mut args = vec![verb.to_owned()];
        let mut push = |words: &[&str]| args.extend(words.iter().map(|&word| word.to_owned()));
        if is_signing {
            push(&["--yes"]);
        }
        match (&self.key, is_signing) {
            (Some(key), true) => push(&["--key", key]),
            (Some(key), false) => push(&["--key", &self.public_key_of(key)]),
            (None, true) => {}
            (None, false) => {
                let identity = self.identity.as_deref().unwrap_or_default();
                let issuer = self.issuer.as_deref().unwrap_or_default();
                push(&["--certificate-identity", identity]);
                push(&["--certificate-oidc-issuer", issuer]);
            }
        }
        match (self.tlog, is_signing) {
            (true, _) => {}
            // cosign 3 refuses the second without the first.
            (false, true) => push(&["--use-signing-config=false", "--tlog-upload=false"]),
            (false, false) => push(&["--insecure-ignore-tlog=true"]),
        }
        push(&[image]);
        ProgramLine {
            program: "cosign".to_owned(),
            args,
        }
    }

    fn public_key_of(&self, key: &str) -> String {
        match &self.public_key {
            Some(public) => public.clone(),
            None if key.contains("://") => key.to_owned(),
            None => format!("{}.pub", key.strip_suffix(".key").unwrap_or(key)),
        }
    }

    /// Which keys contradict each other, or are missing; `None`: it can be carried out.
    pub(super) fn problem(&self) -> Option<String> {
        let lines = [("run", &self.run), ("verify", &self.verify)];
        for (name, line) in lines {
            let Some(line) = line else { continue };
            if !line.args.iter().any(|arg| arg.contains(IMAGE)) {
                return Some(format!("`sign.{name}` needs `{IMAGE}` in an argument"));
            }
        }
        let of_preset = [
            ("key", self.key.is_some()),
            ("public-key", self.public_key.is_some()),
            ("identity", self.identity.is_some()),
            ("issuer", self.issuer.is_some()),
            ("tlog", !self.tlog),
        ];
        let set = of_preset.iter().find(|(_, set)| *set);
        match (&self.run, self.with) {
            (Some(_), Some(_)) => {
                return Some("`sign.run` and `sign.with` exclude each other".to_owned());
            }
            (None, None) => return Some("`sign` needs `run`, or `with = \"cosign\"`".to_owned()),
            (Some(_), None) => {
                if let Some((name, _)) = set {
                    return Some(format!(
                        "`sign.{name}` is for `sign.with`; `sign.run` has its own arguments"
                    ));
                }
            }
            (None, Some(_)) => {}
        }
        if self.key.is_none() && !self.tlog {
            return Some(
                "`sign.tlog = false` needs `sign.key`: without a key the log is the proof"
                    .to_owned(),
            );
        }
        if self.key.is_none() && self.public_key.is_some() {
            return Some("`sign.public-key` needs `sign.key`".to_owned());
        }
        if self.identity.is_some() != self.issuer.is_some() {
            return Some("`sign.identity` and `sign.issuer` go together".to_owned());
        }
        // The policy is public, and so are the arguments of a program while it runs.
        let words = lines
            .into_iter()
            .filter_map(|(_, line)| line.as_ref())
            .flat_map(|line| &line.args)
            .chain(&self.key);
        let mut words = words.map(String::as_str);
        words
            .any(|word| word.contains("PRIVATE KEY") || word.starts_with("--password"))
            .then(|| "`sign` holds a secret: name a file, or `env://NAME`".to_owned())
    }
}

fn filled(line: &ProgramLine, image: &str) -> ProgramLine {
    ProgramLine {
        program: line.program.clone(),
        args: line
            .args
            .iter()
            .map(|arg| arg.replace(IMAGE, image))
            .collect(),
    }
}

fn yes() -> bool {
    true
}

fn ten_minutes() -> Duration {
    Duration::from_secs(600)
}

#[cfg(test)]
mod tests {
    use crate::policy::Policy;

    fn read(keys: &str) -> Result<Policy, String> {
        let text = format!("[sign]\n{keys}\n");
        Policy::parse(&text, "release.toml").map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn programs_are_called_as_the_policy_says() {
        for (keys, signing, proving) in [
            (
                "run = [\"notation\", \"sign\", \"{image}\"]",
                "notation sign r/a@d",
                None,
            ),
            (
                "run = [\"x\", \"{image}\"]\nverify = [\"y\", \"--of={image}\"]",
                "x r/a@d",
                Some("y --of=r/a@d"),
            ),
            ("with = \"cosign\"", "cosign sign --yes r/a@d", None),
            (
                "with = \"cosign\"\nkey = \"cosign.key\"",
                "cosign sign --yes --key cosign.key r/a@d",
                Some("cosign verify --key cosign.pub r/a@d"),
            ),
            (
                "with = \"cosign\"\nkey = \"k\"\npublic-key = \"p\"\ntlog = false",
                "cosign sign --yes --key k --use-signing-config=false --tlog-upload=false r/a@d",
                Some("cosign verify --key p --insecure-ignore-tlog=true r/a@d"),
            ),
            (
                "with = \"cosign\"\nkey = \"awskms:///alias/a\"",
                "cosign sign --yes --key awskms:///alias/a r/a@d",
                Some("cosign verify --key awskms:///alias/a r/a@d"),
            ),
            (
                "with = \"cosign\"\nidentity = \"i\"\nissuer = \"s\"",
                "cosign sign --yes r/a@d",
                Some("cosign verify --certificate-identity i --certificate-oidc-issuer s r/a@d"),
            ),
        ] {
            let policy = read(keys).expect(keys);
            let sign = policy.sign.expect("it is set");
            assert_eq!(sign.signing("r/a@d").to_string(), signing, "{keys}");
            let line = sign.proving("r/a@d").map(|line| line.to_string());
            assert_eq!(line.as_deref(), proving, "{keys}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        for (keys, says) in [
            ("", "needs `run`"),
            ("run = [\"x\"]", "needs `{image}`"),
            ("run = [\"{image}\"]", "needs `{image}`"),
            ("with = \"gpg\"", "cosign"),
            ("with = \"cosign\"\ntimeout = \"0ms\"", "no time"),
            ("with = \"cosign\"\nrun = [\"x\", \"{image}\"]", "exclude"),
            ("run = [\"x\", \"{image}\"]\nkey = \"k\"", "sign.key"),
            (
                "run = [\"x\", \"{image}\"]\nverify = [\"y\"]",
                "sign.verify",
            ),
            ("with = \"cosign\"\ntlog = false", "needs `sign.key`"),
            ("with = \"cosign\"\npublic-key = \"p\"", "needs `sign.key`"),
            ("with = \"cosign\"\nidentity = \"i\"", "go together"),
            (
                "with = \"cosign\"\nkey = \"-----BEGIN PRIVATE KEY-----\"",
                "secret",
            ),
            ("run = [\"x\", \"--password=y\", \"{image}\"]", "secret"),
        ] {
            let error = read(keys).expect_err(keys);
            assert!(error.contains(says), "{keys}: {error}");
        }
    }
}
