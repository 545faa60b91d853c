//! Which URLs that a registry names may be requested, and with which credentials.
//!
//! A registry names URLs in `Location`, `Link` and `realm`. A hostile one must not make this
//! program read local files, go down to plain HTTP, talk to services of this machine, or carry
//! credentials elsewhere:
//!
//! - only `https`, and `http` where the registry itself is spoken to in plain HTTP;
//! - this machine (loopback and link-local addresses) only for a registry on this machine;
//! - credentials only to the registry's own origin, and to its token service: on the same host, on
//!   a host of the same parent domain (`registry.gitlab.com` and `gitlab.com`), Docker Hub's
//!   `auth.docker.io`, or the host that `token-host` names.

use std::net::IpAddr;

use url::{Host, Url};

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
        let at_home = is_this_machine(&self.base);
        if is_this_machine(url) && !at_home {
            return Err(named(
                "services of this machine are not visited for a registry elsewhere",
            ));
        }
        if url.scheme() == "http" && !(at_home && is_this_machine(url)) {
            return Err(named("only `https` is followed to another host"));
        }
        Ok(OriginRelation::CrossOrigin)
    }

    /// The URL that a header names, relative to the one that was asked.
    pub(crate) fn resolve(&self, asked: &Url, target: &str) -> Result<Url, String> {
        let mut url = asked
            .join(target)
            .map_err(|_| "it does not lead to a valid URL".to_owned())?;
        // Registries behind a proxy that ends TLS name themselves with `http`.
        if self.base.scheme() == "https"
            && url.scheme() == "http"
            && url.host() == self.base.host()
            && matches!(url.port(), None | Some(80 | 443))
        {
            let _ = url.set_port(self.base.port());
            let _ = url.set_scheme("https");
        }
        Ok(url)
    }

    /// The token service that a challenge names, if credentials may go there.
    pub(crate) fn realm(&self, realm: &str) -> Result<Url, String> {
        let url = Url::parse(realm)
            .map_err(|_| "the token service's address is not a valid URL".to_owned())?;
        if self.relation(&url)? == OriginRelation::SameOrigin || self.is_token_host(&url) {
            return Ok(url);
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
        let allowed = self.token_host.as_deref().is_some_and(|allowed| {
            allowed.eq_ignore_ascii_case(host) || allowed.eq_ignore_ascii_case(&place(url))
        });
        let related = match (url.host(), self.base.host()) {
            (Some(Host::Domain(host)), Some(Host::Domain(own))) => are_related(host, own),
            _ => false,
        };
        allowed || related || host == own || (is_this_machine(&self.base) && is_this_machine(url))
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
    let is_local = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local() || v6.is_unspecified(),
    };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(v4)) => is_local(v4.into()),
        Some(Host::Ipv6(v6)) => is_local(v6.to_canonical()),
        None => false,
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
                    prop_assert!(!is_this_machine(&url));
                    prop_assert!(origin.realm(url.as_str()).is_err() || base.contains("example"));
                }
                Err(_) => {}
            }
        }
    }
}
