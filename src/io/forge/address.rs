//! Addresses of a forge.

use url::Url;

use crate::io::forge::{ForgeError, ForgeErrorKind};

/// One part of an address's path.
pub(super) fn part(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// An address of the forge. Every part of `path` is escaped already.
pub(super) fn address(base: &str, path: &str, query: &[(&str, &str)]) -> Result<Url, ForgeError> {
    let whole = format!("{base}/{path}");
    let mut url = Url::parse(&whole)
        .map_err(|error| ForgeError::new(ForgeErrorKind::Setup, whole, error.to_string()))?;
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use crate::io::forge::address::*;

    #[test]
    fn a_tag_is_one_part_of_an_address() {
        let url = address(
            "https://h/api/v4",
            &format!("x/{}", part("api/v1#ü")),
            &[("a", "b c")],
        );
        let url = url.expect("an address");
        assert_eq!(url.as_str(), "https://h/api/v4/x/api%2Fv1%23%C3%BC?a=b+c");
    }
}
