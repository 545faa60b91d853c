//! What Docker's `config.json` and Podman's `auth.json` hold.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Map, Value};

use crate::{
    io::{
        environment::Environment,
        registry::{
            credentials::{
                credential::{Credential, CredentialError, without_line_break},
                helper::{self, HELPER_TIMEOUT},
                helper_failure::HelperFailure,
                key::{self, CredentialTarget, Fit},
            },
            profile::RegistryProfile,
        },
    },
    text::sanitize_line,
};

/// Longest key that an error repeats, in characters.
const LONGEST_KEY: usize = 120;

/// A file, or a variable, that was read.
pub(super) struct Document {
    /// Its name for an error message.
    place: String,
    /// Credentials by key.
    auths: Map<String, Value>,
    /// The name of a helper by key.
    helpers: Map<String, Value>,
    /// The helper for all other registries.
    store: Option<String>,
}

impl Document {
    /// Reads `content`. Nothing, blanks and `null` are a document without credentials.
    pub(super) fn parse(place: String, content: &[u8]) -> Result<Self, CredentialError> {
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        let content = content.trim_ascii();
        let mut document = Self {
            place,
            auths: Map::new(),
            helpers: Map::new(),
            store: None,
        };
        if content.is_empty() {
            return Ok(document);
        }
        let all: Value = serde_json::from_slice(content).map_err(|error| {
            document.unreadable(match content.first() {
                Some(b'/' | b'.' | b'~') => {
                    "it is not JSON, but looks like the name of a file".to_owned()
                }
                _ => format!(
                    "it is not JSON (line {}, column {})",
                    error.line(),
                    error.column()
                ),
            })
        })?;
        let mut all = match all {
            Value::Null => return Ok(document),
            Value::Object(all) => all,
            _ => return Err(document.unreadable("it is not a JSON object".to_owned())),
        };
        document.auths = document.map(&mut all, "auths")?;
        document.helpers = document.map(&mut all, "credHelpers")?;
        document.store = match all.remove("credsStore") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) => Some(name).filter(|name| !name.trim().is_empty()),
            Some(_) => return Err(document.unreadable("`credsStore` is not a string".to_owned())),
        };
        Ok(document)
    }

    fn map(
        &self,
        all: &mut Map<String, Value>,
        name: &str,
    ) -> Result<Map<String, Value>, CredentialError> {
        match all.remove(name) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(map)) => Ok(map),
            Some(_) => Err(self.unreadable(format!("`{name}` is not an object"))),
        }
    }

    fn unreadable(&self, why: String) -> CredentialError {
        CredentialError::Unreadable {
            place: self.place.clone(),
            why,
        }
    }

    /// The credential for `target`, in Docker's order: the helper of its registry, the helper for all
    /// registries, the entries. An entry for a part of the registry comes before all of them.
    pub(super) async fn find(
        &self,
        environment: &Environment,
        target: CredentialTarget<'_>,
    ) -> Result<Option<Credential>, CredentialError> {
        let entries = fitting(&self.auths, target);
        let (narrow, whole): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|(fit, ..)| fit.has_path());
        if let Some(found) = self.entry(&narrow)? {
            return Ok(Some(found));
        }
        // An empty name means that the registry has no helper, not even the one for all others.
        let helpers = fitting(&self.helpers, target);
        let own = helpers.first().map(|(_, key, name)| (*key, *name));
        match own {
            Some((_, Value::String(name))) if name.trim().is_empty() => {}
            Some((_, Value::String(name))) => {
                if let Some(found) = self.ask(environment, name, target).await? {
                    return Ok(Some(found));
                }
            }
            Some((_, Value::Null)) | None => {
                return match &self.store {
                    Some(store) => self.stored(environment, store, target, &whole).await,
                    None => self.entry(&whole),
                };
            }
            Some((key, _)) => {
                let key = sanitize_line(key, LONGEST_KEY);
                return Err(self.unreadable(format!("`credHelpers` of `{key}` is not a string")));
            }
        }
        self.entry(&whole)
    }

    /// A helper that is not installed does not stand in the way of an entry.
    async fn stored(
        &self,
        environment: &Environment,
        store: &str,
        target: CredentialTarget<'_>,
        entries: &[(Fit, &str, &Value)],
    ) -> Result<Option<Credential>, CredentialError> {
        let answer = self.ask(environment, store, target).await;
        match answer {
            Ok(Some(found)) => Ok(Some(found)),
            Ok(None) => self.entry(entries),
            Err(error) => match &error {
                CredentialError::Helper {
                    failure: HelperFailure::NotInstalled { .. },
                    ..
                } => self.entry(entries)?.map(Some).ok_or(error),
                _ => Err(error),
            },
        }
    }

    async fn ask(
        &self,
        environment: &Environment,
        name: &str,
        target: CredentialTarget<'_>,
    ) -> Result<Option<Credential>, CredentialError> {
        let profile = RegistryProfile::of(target.registry);
        for server in profile.credential_keys(target.registry) {
            let found = helper::ask(environment, name.trim(), &server, HELPER_TIMEOUT).await;
            let found = found.map_err(|failure| CredentialError::Helper {
                place: self.place.clone(),
                failure,
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The first of `entries` that holds a credential.
    fn entry(
        &self,
        entries: &[(Fit, &str, &Value)],
    ) -> Result<Option<Credential>, CredentialError> {
        for (_, key, entry) in entries {
            let found = credential(entry).map_err(|why| {
                let key = sanitize_line(key, LONGEST_KEY);
                self.unreadable(format!("the entry `{key}`: {why}"))
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// The entries whose keys fit `target`, the best first.
fn fitting<'d>(
    entries: &'d Map<String, Value>,
    target: CredentialTarget<'_>,
) -> Vec<(Fit, &'d str, &'d Value)> {
    let mut found: Vec<_> = entries
        .iter()
        .filter_map(|(key, value)| Some((key::fit(key, target)?, key.as_str(), value)))
        .collect();
    found.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    found
}

/// What one entry holds. Docker Desktop and helpers leave empty entries behind.
fn credential(entry: &Value) -> Result<Option<Credential>, &'static str> {
    let entry = match entry {
        Value::Null => return Ok(None),
        Value::Object(entry) => entry,
        _ => return Err("it is not an object"),
    };
    let field = |name: &str, why: &'static str| match entry.get(name) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(without_line_break(text)),
        Some(_) => Err(why),
    };
    let identity = field("identitytoken", "`identitytoken` is not a string")?;
    if !identity.is_empty() {
        return Ok(Some(Credential::IdentityToken(identity.to_owned())));
    }
    let token = field("registrytoken", "`registrytoken` is not a string")?;
    if !token.is_empty() {
        return Ok(Some(Credential::RegistryToken(token.to_owned())));
    }
    let auth = field("auth", "`auth` is not a string")?;
    if !auth.trim().is_empty() {
        // Docker takes `auth` where there are `username` and `password`, too.
        return decode(auth);
    }
    let username = field("username", "`username` is not a string")?;
    let password = field("password", "`password` is not a string")?;
    Credential::new(username, password)
}

/// `auth` is base64 of `name:password`, with or without padding, possibly broken into lines.
fn decode(auth: &str) -> Result<Option<Credential>, &'static str> {
    const WRONG: &str = "`auth` is not base64 of `name:password`";
    let padding =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text: String = auth.split_ascii_whitespace().collect();
    let decoded = [alphabet::STANDARD, alphabet::URL_SAFE]
        .iter()
        .find_map(|letters| GeneralPurpose::new(letters, padding).decode(&text).ok())
        .ok_or(WRONG)?;
    let decoded = String::from_utf8(decoded).map_err(|_| WRONG)?;
    let (username, password) = decoded.split_once(':').ok_or(WRONG)?;
    Credential::new(username, password)
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;
    use serde_json::json;

    use super::*;

    fn password(username: &str, password: &str) -> Credential {
        Credential::Password {
            username: username.into(),
            password: password.into(),
        }
    }

    #[test]
    fn an_entry_is_read_in_every_form() {
        let encoded = |text: &str| BASE64_STANDARD.encode(text);
        let wrapped = encoded("someone:a-long-password")
            .as_bytes()
            .chunks(8)
            .map(|part| String::from_utf8_lossy(part).into_owned())
            .collect::<Vec<_>>();
        let long = password("someone", "a-long-password");
        for (entry, expected) in [
            (json!(null), None),
            (json!({}), None),
            (json!({"auth": "", "username": null, "password": ""}), None),
            (json!({"auth": " \n"}), None),
            (json!({"auth": encoded(":")}), None),
            (
                json!({"email": "a@b.c", "auth": encoded("u:p")}),
                Some(password("u", "p")),
            ),
            (
                json!({"auth": encoded("u:p").trim_end_matches('=')}),
                Some(password("u", "p")),
            ),
            (json!({"auth": wrapped.join("\n")}), Some(long.clone())),
            (
                json!({"auth": format!("{}\r\n", wrapped.join("\r\n  "))}),
                Some(long),
            ),
            (
                json!({"auth": encoded("u:p:q:r")}),
                Some(password("u", "p:q:r")),
            ),
            (json!({"auth": encoded("u:p\n")}), Some(password("u", "p"))),
            (
                json!({"auth": encoded("u\n:p\r\n")}),
                Some(password("u", "p")),
            ),
            (
                json!({"auth": encoded("u:p\0\0")}),
                Some(password("u", "p")),
            ),
            (
                json!({"auth": encoded("u: p ")}),
                Some(password("u", " p ")),
            ),
            (
                json!({"auth": encoded(":token")}),
                Some(password("", "token")),
            ),
            (
                json!({"auth": "dTo/Pz8/Pg=="}),
                Some(password("u", "????>")),
            ),
            (json!({"auth": "dTo_Pz8_Pg"}), Some(password("u", "????>"))),
            (
                json!({"username": "u", "password": "p\n"}),
                Some(password("u", "p")),
            ),
            (
                json!({"auth": encoded("u:p"), "username": "other", "password": "old"}),
                Some(password("u", "p")),
            ),
            (
                json!({"auth": encoded("0000:"), "identitytoken": "t\n"}),
                Some(Credential::IdentityToken("t".into())),
            ),
            (
                json!({"identitytoken": "", "registrytoken": "r"}),
                Some(Credential::RegistryToken("r".into())),
            ),
            (
                json!({"username": "<token>", "password": "t"}),
                Some(Credential::IdentityToken("t".into())),
            ),
            (
                json!({"auth": encoded("<token>:t")}),
                Some(Credential::IdentityToken("t".into())),
            ),
        ] {
            assert_eq!(credential(&entry), Ok(expected), "{entry}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_entry_is_said_without_its_content() {
        let encoded = |text: &str| BASE64_STANDARD.encode(text);
        for (entry, why) in [
            (json!("dTpw"), "it is not an object"),
            (json!(["dTpw"]), "it is not an object"),
            (json!({"auth": 7}), "`auth` is not a string"),
            (
                json!({"identitytoken": {}}),
                "`identitytoken` is not a string",
            ),
            (
                json!({"username": "u", "password": 1234}),
                "`password` is not a string",
            ),
            (
                json!({"auth": "!secret!"}),
                "`auth` is not base64 of `name:password`",
            ),
            (
                json!({"auth": encoded("secret")}),
                "`auth` is not base64 of `name:password`",
            ),
            (
                json!({"auth": "/////w=="}),
                "`auth` is not base64 of `name:password`",
            ),
            (
                json!({"auth": encoded("u:")}),
                "it has a user name, and its password is empty",
            ),
            (
                json!({"username": "u", "password": "\n"}),
                "it has a user name, and its password is empty",
            ),
            (
                json!({"username": "u"}),
                "it has a user name, and its password is empty",
            ),
        ] {
            assert_eq!(credential(&entry), Err(why), "{entry}");
        }
    }

    #[test]
    fn documents_without_credentials_and_documents_that_are_none() {
        for empty in [
            "",
            " \n",
            "\u{feff}",
            "\u{feff}{}",
            "null",
            "{}",
            r#"{"auths":null,"credHelpers":null,"credsStore":null}"#,
            r#"{"auths":{},"credHelpers":{},"credsStore":""}"#,
            r#"{"HttpHeaders":{},"currentContext":"x"}"#,
        ] {
            let document = Document::parse("`f`".into(), empty.as_bytes());
            let document = document.expect("it holds nothing");
            assert!(
                document.auths.is_empty() && document.store.is_none(),
                "{empty}"
            );
        }
        for (wrong, why) in [
            ("{", "it is not JSON (line 1, column 1)"),
            (
                "{\n\"auths\": secret}",
                "it is not JSON (line 2, column 10)",
            ),
            (
                "/run/secrets/config.json",
                "it is not JSON, but looks like the name of a file",
            ),
            ("[]", "it is not a JSON object"),
            ("\"secret\"", "it is not a JSON object"),
            (r#"{"auths":[]}"#, "`auths` is not an object"),
            (
                r#"{"credHelpers":"corp"}"#,
                "`credHelpers` is not an object",
            ),
            (r#"{"credsStore":["corp"]}"#, "`credsStore` is not a string"),
        ] {
            let error = Document::parse("`f`".into(), wrong.as_bytes()).err();
            let error = error.map(|error| error.to_string());
            assert_eq!(error, Some(format!("`f`: {why}")), "{wrong}");
        }
    }
}
