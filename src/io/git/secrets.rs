//! The secrets that git's own words can repeat: a server says what it was sent, and so do hooks and helpers.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use url::Url;

use crate::io::mask::Mask;

/// A shorter value cannot be told from ordinary words, and is not hidden.
const SHORTEST: usize = 6;

/// Parts of the names of variables that hold secrets.
const NAMES: [&str; 5] = ["TOKEN", "PASSWORD", "PASSWD", "SECRET", "API_KEY"];

/// What hides the secrets in `variables`, and in git's settings as `git config --list -z` prints them.
pub(super) fn mask(variables: impl IntoIterator<Item = (String, String)>, settings: &[u8]) -> Mask {
    let is_secret = |name: &str| {
        let name = name.to_ascii_uppercase();
        NAMES.iter().any(|part| name.contains(part))
    };
    let variables = variables.into_iter();
    let mut secrets: Vec<String> = variables
        .filter(|(name, value)| is_secret(name) && is_value(value))
        .map(|(_, value)| value.trim().to_owned())
        .collect();
    let settings = String::from_utf8_lossy(settings);
    for setting in settings.split('\0') {
        let (name, value) = setting.split_once('\n').unwrap_or((setting, ""));
        if name.to_ascii_lowercase().ends_with(".extraheader") {
            secrets.extend(of_header(value));
        }
        // `url.BASE.insteadOf` has an address in its name.
        for text in [name, value] {
            secrets.extend(of_address(text));
        }
    }
    secrets.retain(|secret| secret.len() >= SHORTEST);
    Mask::of_whole(secrets.iter().map(String::as_str))
}

/// A path or a switch is not a secret, whatever its variable is called.
fn is_value(value: &str) -> bool {
    !value.starts_with(['/', '.', '~']) && !value.contains(char::is_whitespace)
}

/// `Authorization: basic …`, as pipelines set it.
fn of_header(value: &str) -> Vec<String> {
    let Some(sent) = value.split_ascii_whitespace().next_back() else {
        return Vec::new();
    };
    let mut all = vec![sent.to_owned()];
    if let Ok(pair) = STANDARD.decode(sent) {
        let pair = String::from_utf8_lossy(&pair);
        all.extend(pair.split_once(':').map(|(_, word)| word.to_owned()));
    }
    all
}

/// The password in an address, and the user where that is all: a token can stand there.
fn of_address(text: &str) -> Option<String> {
    let at = text.find("://")?;
    let mut words = text[..at].rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '+');
    let scheme = words.next().unwrap_or_default();
    let url = Url::parse(&text[at - scheme.len()..]).ok()?;
    let secret = match url.password() {
        Some(password) => password,
        None if url.scheme().starts_with("http") => url.username(),
        None => return None,
    };
    Some(percent_decoded(secret)).filter(|secret| !secret.is_empty())
}

fn percent_decoded(text: &str) -> String {
    let pairs = format!("x={}", text.replace('+', "%2B"));
    let mut pairs = url::form_urlencoded::parse(pairs.as_bytes());
    pairs
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_variables_and_settings_are_hidden() {
        let basic = STANDARD.encode("x-access-token:ghs_fromheader");
        let settings = format!(
            "remote.origin.url\nhttps://me:p4ss%2Fw0rd@h/a.git\0http.https://h/.extraheader\nAUTHORIZATION: basic {basic}\0url.https://oauth2:glpat-base@h/.insteadof\nh:\0remote.other.url\nhttps://ghp_user@h/b\0core.bare"
        );
        let variables = [
            ("GITHUB_TOKEN", "ghp_variable"),
            ("HOIST_REGISTRY_PASSWORD_GHCR_IO", "s3cr3t-one"),
            ("TOKEN_FILE", "/run/secrets/word"),
            ("HOME", "/home/somebody"),
            ("SOME_TOKEN", "true"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mask = mask(variables, settings.as_bytes());
        for (said, shown) in [
            ("bad token ghp_variable", "bad token ***"),
            ("no to s3cr3t-one!", "no to ***!"),
            ("p4ss/w0rd or p4ss%2Fw0rd", "*** or ***"),
            ("ghs_fromheader", "***"),
            ("glpat-base, ghp_user", "***, ***"),
            (
                "/run/secrets/word of /home/somebody is true",
                "/run/secrets/word of /home/somebody is true",
            ),
        ] {
            assert_eq!(mask.hide(said), shown);
        }
        assert!(!mask.hide(&format!("sent {basic}")).contains(&basic[8..]));
    }
}
