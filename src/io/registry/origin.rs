//! Which URLs that a registry names may be requested, and with which credentials.
//!
//! A registry names URLs in `Location`, `Link` and `realm`. A hostile one must not make this
//! program read local files, go down to plain HTTP, talk to services of this machine, or carry
//! credentials elsewhere:
//!
//! - only `https`; `http` only to the host of a registry that is itself spoken to in plain HTTP, and
//!   from a registry on this machine to this machine;
//! - this machine (loopback addresses) only for a registry on this machine, and link-local addresses,
//!   under which clouds hand out credentials, only where the registry itself has that address;
//! - credentials only to the registry's own origin, and to its token service: on the same host, on
//!   a host of the same parent domain (`registry.gitlab.com` and `gitlab.com`), Docker Hub's
//!   `auth.docker.io`, or the host that `token-host` names.

use std::net::IpAddr;

use url::{Host, Url};

use crate::text::sanitize_line;

/// The registry that URLs are compared with.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// Scheme, host and port of the distribution API.
    pub base: Url,
    /// A further host that may be given the credentials.
    pub token_host: Option<String>,
}

/// How a URL relates to a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OriginRelation {
    /// The registry itself: the request carries credentials.
    SameOrigin,
    /// Another host: the request carries no credentials.
    CrossOrigin,
}

impl Origin {
    /// How `url` relates to the registry, or the rule that forbids a request to it.
    pub(crate) fn relation(&self, url: &Url) -> Result<OriginRelation, String> {
        let named = |rule: &str| format!("it leads to `{}`: {rule}", place(url));
        if !matches!(url.scheme(), "https" | "http") {
            return Err(named("only `https` is followed"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(named("a URL with credentials is not followed"));
        }
        if url.origin() == self.base.origin() {
            return Ok(OriginRelation::SameOrigin);
        }
        let same_host = url.host() == self.base.host();
        if is_link_local(url) && !same_host {
            return Err(named("link-local addresses are not visited"));
        }
        let at_home = is_this_machine(&self.base);
        if is_this_machine(url) && !at_home {
            return Err(named(
                "services of this machine are not visited for a registry elsewhere",
            ));
        }
        let is_plain = self.base.scheme() == "http";
        if url.scheme() == "http" && !(is_plain && same_host || at_home && is_this_machine(url)) {
            return Err(named(
                "only `https` is followed to another host, and `http` is asked for",
            ));
        }
        Ok(OriginRelation::CrossOrigin)
    }

    /// The URL that a header names, relative to the one that was asked.
    pub(crate) fn resolve(&self, asked: &Url, target: &str) -> Result<Url, String> {
        let url = asked.join(target).map_err(|_| {
            let shown = sanitize_line(target.split(['?', '#']).next().unwrap_or_default(), 200);
            format!("it leads to `{shown}`, which is not a valid URL")
        })?;
        Ok(self.secured(url))
    }

    /// Registries behind a proxy that ends TLS name themselves with `http`.
    fn secured(&self, mut url: Url) -> Url {
        if self.base.scheme() == "https"
            && url.scheme() == "http"
            && url.host() == self.base.host()
            && (matches!(url.port(), None | Some(80 | 443)) || url.port() == self.base.port())
        {
            let _ = url.set_port(self.base.port());
            let _ = url.set_scheme("https");
        }
        url
    }

    /// The token service that a challenge names, if credentials may go there.
    pub(crate) fn realm(&self, realm: &str) -> Result<Url, String> {
        let url = Url::parse(realm).map_err(|_| {
            let shown = sanitize_line(realm, 200);
            format!("its token service `{shown}` is not a valid URL")
        })?;
        // On a port of its own the registry says nothing about where its host speaks TLS.
        let url = match self.base.port() {
            None => self.secured(url),
            Some(_) => url,
        };
        // Whoever has named the host, and speaks HTTP to the registry, has agreed to both.
        let is_named =
            self.is_named(&url) && (url.scheme() == "https" || url.scheme() == self.base.scheme());
        match self.relation(&url) {
            Ok(OriginRelation::SameOrigin) => return Ok(url),
            Ok(OriginRelation::CrossOrigin) if self.is_token_host(&url) => return Ok(url),
            Err(_) if is_named && !is_this_machine(&url) && !is_link_local(&url) => return Ok(url),
            Ok(OriginRelation::CrossOrigin) => {}
            Err(rule) => return Err(format!("its token service cannot be asked: {rule}")),
        }
        Err(format!(
            "its token service is on another host, `{}`: if that is right, name it as `token-host` \
             of this registry in `release.toml`",
            place(&url)
        ))
    }

    fn is_token_host(&self, url: &Url) -> bool {
        let (Some(host), Some(own)) = (url.host_str(), self.base.host_str()) else {
            return false;
        };
        let related = match (url.host(), self.base.host()) {
            (Some(Host::Domain(host)), Some(Host::Domain(own))) => are_related(host, own),
            _ => false,
        };
        self.is_named(url)
            || related
            || host == own
            || (is_this_machine(&self.base) && is_this_machine(url))
    }
}

impl Origin {
    /// Whether this is the host that the user has named as the token service.
    fn is_named(&self, url: &Url) -> bool {
        let (Some(named), Some(host)) = (self.token_host.as_deref(), url.host_str()) else {
            return false;
        };
        url.username().is_empty()
            && url.password().is_none()
            && (named.eq_ignore_ascii_case(host) || named.eq_ignore_ascii_case(&place(url)))
    }
}

/// Under one parent domain of at least two labels: `auth.example.org` and `registry.example.org`,
/// `gitlab.com` and `registry.gitlab.com`. Where the parent is shared by strangers (`github.io`)
/// nothing is lost: it is the registry itself, which has the credentials, that names the host.
fn are_related(host: &str, own: &str) -> bool {
    let Some((_, parent)) = own.split_once('.') else {
        return false;
    };
    parent.contains('.')
        && (host == parent
            || host
                .strip_suffix(parent)
                .is_some_and(|rest| rest.ends_with('.')))
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => {
            address(url).is_some_and(|at| at.is_loopback() || at.is_unspecified())
        }
    }
}

fn is_link_local(url: &Url) -> bool {
    match address(url) {
        Some(IpAddr::V4(v4)) => v4.is_link_local(),
        Some(IpAddr::V6(v6)) => v6.is_unicast_link_local(),
        None => false,
    }
}

fn address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(v4) => Some(v4.into()),
        Host::Ipv6(v6) => Some(v6.to_canonical()),
    }
}

fn place(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => format!("{}:", url.scheme()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn origin(base: &str) -> Origin {
        Origin {
            base: Url::parse(base).expect("a URL"),
            token_host: None,
        }
    }

    fn relation(base: &str, target: &str) -> Result<OriginRelation, String> {
        let origin = origin(base);
        origin.relation(&origin.resolve(&origin.base, target)?)
    }

    #[test]
    fn a_registry_leads_to_itself_or_to_https() {
        let at = "https://r.example.org/v2/a/blobs/uploads/";
        for same in [
            "/v2/x?y",
            "https://r.example.org/z",
            "https://r.example.org:443/",
            "http://r.example.org/z",
        ] {
            assert_eq!(relation(at, same), Ok(OriginRelation::SameOrigin), "{same}");
        }
        assert_eq!(
            relation(at, "https://s3.example.com/b?sig=1"),
            Ok(OriginRelation::CrossOrigin)
        );
        for bad in [
            "file:///etc/passwd",
            "http://other.example.org/",
            "https://u:p@r.example.org/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://[::ffff:127.0.0.1]/",
            "https://169.254.169.254/latest/meta-data",
            "https://localhost:2375/",
            "ftp://r.example.org/",
            "unix:/var/run/docker.sock",
        ] {
            assert!(relation(at, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_registry_on_this_machine_may_lead_to_this_machine() {
        let at = "http://127.0.0.1:5000/v2/";
        assert_eq!(relation(at, "/v2/a"), Ok(OriginRelation::SameOrigin));
        assert_eq!(
            relation(at, "http://127.0.0.1:5001/token"),
            Ok(OriginRelation::CrossOrigin)
        );
        assert!(relation(at, "http://example.org/").is_err());
        for cloud in [
            "http://169.254.169.254/latest",
            "http://[fe80::1]/",
            "https://169.254.1.1/",
        ] {
            assert!(relation(at, cloud).is_err(), "{cloud}");
        }
    }

    #[test]
    fn a_registry_in_plain_http_leads_to_other_ports_of_its_own_host() {
        let at = "http://r.corp.test:5000/v2/";
        for there in [
            "http://r.corp.test:9000/b",
            "http://r.corp.test/b",
            "https://s3.test/b",
        ] {
            assert_eq!(
                relation(at, there),
                Ok(OriginRelation::CrossOrigin),
                "{there}"
            );
        }
        for bad in [
            "http://minio.corp.test/b",
            "http://127.0.0.1/",
            "http://169.254.169.254/",
        ] {
            let rule = relation(at, bad).expect_err(bad);
            let host = Url::parse(bad).expect("a URL");
            assert!(rule.contains(host.host_str().expect("a host")), "{rule}");
        }
    }

    #[test]
    fn credentials_go_to_the_registrys_own_token_service_only() {
        let realm = |base: &str, realm: &str| origin(base).realm(realm).is_ok();
        assert!(realm(
            "https://registry-1.docker.io/",
            "https://auth.docker.io/token"
        ));
        assert!(realm("https://ghcr.io/", "https://ghcr.io/token"));
        assert!(realm(
            "https://registry.gitlab.com/",
            "https://gitlab.com/jwt/auth"
        ));
        assert!(realm(
            "https://r.example.org:5000/",
            "https://r.example.org/token"
        ));
        assert!(realm(
            "http://127.0.0.1:5000/",
            "http://127.0.0.1:5001/token"
        ));
        for (base, bad) in [
            ("https://ghcr.io/", "https://evil.io/token"),
            ("https://ghcr.io/", "http://ghcr.io:81/token"),
            ("https://r.example.org/", "https://notexample.org/token"),
            ("https://r.example.org/", "https://127.0.0.1/token"),
            ("https://r.example.org/", "file:///etc/passwd"),
            ("https://10.0.0.1/", "https://10.0.0.2/token"),
            ("https://r.example.org/", "token"),
            ("http://127.0.0.1:5000/", "https://example.org/token"),
        ] {
            assert!(!realm(base, bad), "{base} {bad}");
        }
        for (base, good) in [
            ("http://r.corp.test:5000/", "http://r.corp.test:5001/token"),
            ("http://r.corp.test:5000/", "http://r.corp.test/token"),
            ("http://r.corp.test:5000/", "https://auth.corp.test/token"),
            ("http://localhost:5000/", "http://127.0.0.1:5001/token"),
            ("https://r.example.org/", "http://r.example.org/token"),
        ] {
            assert!(realm(base, good), "{base} {good}");
        }
        assert!(!realm(
            "http://r.corp.test:5000/",
            "http://auth.corp.test/token"
        ));
        assert!(!realm(
            "https://r.example.org:5000/",
            "http://r.example.org/token"
        ));
        let mut plain = origin("http://r.corp.test:5000/");
        plain.token_host = Some("auth.corp.test".into());
        assert!(plain.realm("http://auth.corp.test/token").is_ok());
        assert!(plain.realm("http://u:p@auth.corp.test/token").is_err());
        let mut named = origin("https://ghcr.io/");
        named.token_host = Some("auth.example.org".into());
        assert!(named.realm("https://auth.example.org/token").is_ok());
        assert!(named.realm("http://auth.example.org/token").is_err());
    }

    proptest! {
        #[test]
        fn wherever_it_leads_the_rules_hold(
            base in prop_oneof![Just("https://r.example.org/v2/a"), Just("https://10.0.0.1:5000/v2/a")],
            target in prop_oneof![
                ".{0,60}",
                "(https?|file|ftp|unix|HTTP)://?[a-z0-9.:@\\[\\]%-]{0,30}/?[ -~]{0,20}",
                "https://(localhost|127\\.[0-9.]{1,8}|0x7f[0-9a-f]{6}|2130706433|\\[::1\\]|\\[::ffff:7f00:1\\])(:[0-9]{1,5})?/.{0,10}",
            ],
        ) {
            let origin = origin(base);
            let Ok(url) = origin.resolve(&origin.base, &target) else { return Ok(()) };
            match origin.relation(&url) {
                Ok(OriginRelation::SameOrigin) => prop_assert_eq!(url.origin(), origin.base.origin()),
                Ok(OriginRelation::CrossOrigin) => {
                    prop_assert_eq!(url.scheme(), "https");
                    prop_assert!(!is_this_machine(&url) && !is_link_local(&url));
                    prop_assert!(origin.realm(url.as_str()).is_err() || base.contains("example"));
                }
                Err(_) => {}
            }
        }
    }
}
