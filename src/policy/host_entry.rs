//! `image.build.add-hosts`: names that the steps of a build know.

use std::{fmt, net::IpAddr, str::FromStr};

use crate::policy::text_value::text_value;

/// A host that the steps of a build know: `name:address`, or `name:host-gateway` for the machine that builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostEntry {
    /// The name.
    pub name: String,
    /// Its address, or `host-gateway`.
    pub address: String,
}

impl FromStr for HostEntry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            || format!("`{text}` is not a host: expected `name:address`, such as `db:10.0.0.7`");
        // An address of version 6 has colons, a name has none.
        let (name, address) = text.split_once([':', '=']).ok_or_else(wrong)?;
        let address = address.trim_start_matches('[').trim_end_matches(']');
        let is_name = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        if !is_name || (address != "host-gateway" && address.parse::<IpAddr>().is_err()) {
            return Err(wrong());
        }
        Ok(Self {
            name: name.to_owned(),
            address: address.to_owned(),
        })
    }
}

impl fmt::Display for HostEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.address)
    }
}

text_value!(HostEntry: "^[A-Za-z0-9._-]+[:=].+$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_a_name_and_an_address() {
        for (text, shown) in [
            ("db:10.0.0.7", "db:10.0.0.7"),
            ("db=10.0.0.7", "db:10.0.0.7"),
            ("db:::1", "db:::1"),
            ("db:[::1]", "db:::1"),
            (
                "host.docker.internal:host-gateway",
                "host.docker.internal:host-gateway",
            ),
        ] {
            let host: HostEntry = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(host.to_string(), shown);
        }
        for text in [
            "",
            "db",
            "db:",
            ":1.2.3.4",
            "db:nowhere",
            "a b:1.2.3.4",
            "db:1.2.3.4,x",
        ] {
            assert!(text.parse::<HostEntry>().is_err(), "{text}");
        }
    }
}
