//! Which proxy a request goes through: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in
//! upper or lower case.
//!
//! The rules are those that most tools share: a variable in upper case wins, a proxy without a scheme
//! is spoken to in HTTP, and this machine is never reached through a proxy. `HTTP_PROXY` does not
//! count inside of a CGI program, where a client can set it. A value that cannot be used is an error
//! for whoever would use it; going round the proxy instead could leave the network that the user chose.

use std::{fmt, net::IpAddr};

use url::{Host, Url};

use crate::{io::environment::Environment, text::sanitize_line};

/// The user's proxies.
#[derive(Debug, Clone, Default)]
pub(super) struct Proxies {
    http: Option<Variable>,
    https: Option<Variable>,
    all: Option<Variable>,
    direct: Vec<Direct>,
}

/// A variable that names a proxy.
#[derive(Debug, Clone)]
struct Variable {
    name: &'static str,
    proxy: Result<Url, ProxyError>,
}

/// A proxy, and the variable that names it. Shown without the user name and the password.
#[derive(Debug, Clone, Copy)]
pub(super) struct Proxy<'a> {
    variable: &'static str,
    pub(super) url: &'a Url,
}

/// A proxy variable that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProxyError {
    #[error("`{0}` is not a valid URL of a proxy")]
    NotAUrl(&'static str),
    #[error("`{variable}` names a `{scheme}` proxy: only `http` and `https` proxies are supported")]
    Scheme {
        variable: &'static str,
        scheme: String,
    },
}

/// One entry of `NO_PROXY`: hosts that are asked directly.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Direct {
    hosts: Hosts,
    /// `None`: every port.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    /// A name, and every name below it.
    Domain(String),
    /// A text in which `*` stands for any characters.
    Pattern(String),
    /// The addresses whose first bits are those of this one.
    Network { address: IpAddr, bits: u8 },
}

impl fmt::Display for Proxy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        write!(f, "the proxy `{}://{host}", self.url.scheme())?;
        if let Some(port) = self.url.port() {
            write!(f, ":{port}")?;
        }
        write!(f, "` of `{}`", self.variable)
    }
}

impl Proxies {
    /// As these variables say.
    pub(super) fn new(environment: &Environment) -> Self {
        let is_cgi = environment.get("REQUEST_METHOD").is_some();
        let http = if is_cgi {
            &["http_proxy"][..]
        } else {
            &["HTTP_PROXY", "http_proxy"]
        };
        let no_proxy = ["NO_PROXY", "no_proxy"]
            .into_iter()
            .find_map(|name| environment.get(name));
        Self {
            http: variable(environment, http),
            https: variable(environment, &["HTTPS_PROXY", "https_proxy"]),
            all: variable(environment, &["ALL_PROXY", "all_proxy"]),
            direct: no_proxy.map(entries).unwrap_or_default(),
        }
    }

    /// The proxy for requests to `url`; `None`: they go to its host.
    pub(super) fn of(&self, url: &Url) -> Result<Option<Proxy<'_>>, ProxyError> {
        let own = match url.scheme() {
            "http" => &self.http,
            "https" => &self.https,
            _ => &None,
        };
        let Some(variable) = own.as_ref().or(self.all.as_ref()) else {
            return Ok(None);
        };
        if is_loopback(url) || self.direct.iter().any(|direct| direct.holds(url)) {
            return Ok(None);
        }
        match &variable.proxy {
            Ok(url) => Ok(Some(Proxy {
                variable: variable.name,
                url,
            })),
            Err(error) => Err(error.clone()),
        }
    }
}

fn variable(environment: &Environment, names: &[&'static str]) -> Option<Variable> {
    names.iter().find_map(|name| {
        let value = environment.get(name)?.trim();
        (!value.is_empty()).then(|| Variable {
            name,
            proxy: parse(name, value),
        })
    })
}

fn parse(variable: &'static str, value: &str) -> Result<Url, ProxyError> {
    let url = if value.contains("://") {
        Url::parse(value)
    } else {
        Url::parse(&format!("http://{value}"))
    };
    let url = url.map_err(|_| ProxyError::NotAUrl(variable))?;
    match url.scheme() {
        _ if url.host_str().is_none_or(str::is_empty) => Err(ProxyError::NotAUrl(variable)),
        "http" | "https" => Ok(url),
        scheme => Err(ProxyError::Scheme {
            variable,
            scheme: sanitize_line(scheme, 40),
        }),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(v4)) => v4.is_loopback(),
        Some(Host::Ipv6(v6)) => v6.to_canonical().is_loopback(),
        None => false,
    }
}

/// The entries of `NO_PROXY`, separated by commas or blanks. What cannot be understood is left out.
fn entries(list: &str) -> Vec<Direct> {
    list.split([',', ' ', '\t', '\n', ';'])
        .filter_map(|entry| Direct::parse(entry.trim()))
        .collect()
}

impl Direct {
    fn parse(entry: &str) -> Option<Self> {
        let entry = entry.split_once("://").map_or(entry, |(_, rest)| rest);
        if let Some((address, bits)) = entry.split_once('/')
            && let (Some(address), Ok(bits)) = (address_of(address), bits.parse::<u8>())
        {
            return Some(Self {
                hosts: Hosts::Network { address, bits },
                port: None,
            });
        }
        let entry = entry.split('/').next().unwrap_or_default();
        let (host, port) = host_and_port(entry)?;
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let hosts = match address_of(&host) {
            Some(address) => Hosts::Network {
                address,
                bits: u8::MAX,
            },
            None if host.contains('*') => Hosts::Pattern(host),
            None => Hosts::Domain(host.trim_start_matches('.').to_owned()),
        };
        (hosts != Hosts::Domain(String::new())).then_some(Self { hosts, port })
    }

    fn holds(&self, url: &Url) -> bool {
        if self
            .port
            .is_some_and(|port| url.port_or_known_default() != Some(port))
        {
            return false;
        }
        let address = match url.host() {
            Some(Host::Ipv4(v4)) => Some(IpAddr::V4(v4)),
            Some(Host::Ipv6(v6)) => Some(v6.to_canonical()),
            Some(Host::Domain(_)) | None => None,
        };
        let name = url.host_str().unwrap_or_default().trim_end_matches('.');
        match &self.hosts {
            Hosts::Network { address: net, bits } => {
                address.is_some_and(|address| shares_bits(*net, address, *bits))
            }
            Hosts::Domain(domain) => {
                let below = name.strip_suffix(domain.as_str());
                below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            Hosts::Pattern(pattern) => matches(pattern, name),
        }
    }
}

/// `host`, `host:port`, `::1`, `[::1]` or `[::1]:port`. `None`: the port is not a number.
fn host_and_port(entry: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = entry.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        return match after.strip_prefix(':') {
            Some(port) => Some((host, Some(port.parse().ok()?))),
            None => Some((host, None)),
        };
    }
    match entry.split_once(':') {
        Some((host, port)) if !port.contains(':') => Some((host, Some(port.parse().ok()?))),
        _ => Some((entry, None)),
    }
}

fn address_of(text: &str) -> Option<IpAddr> {
    let text = text.trim_start_matches('[').trim_end_matches(']');
    text.parse::<IpAddr>()
        .ok()
        .map(|address| address.to_canonical())
}

fn shares_bits(one: IpAddr, other: IpAddr, bits: u8) -> bool {
    let (one, other, width) = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (
            u128::from(one.to_bits()),
            u128::from(other.to_bits()),
            u32::BITS,
        ),
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits(), other.to_bits(), u128::BITS),
        _ => return false,
    };
    let ignored = width.saturating_sub(u32::from(bits));
    one.checked_shr(ignored).unwrap_or(0) == other.checked_shr(ignored).unwrap_or(0)
}

/// Whether `text` is as `pattern` says, in which `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(variables: &[(&str, &str)], url: &str) -> String {
        let environment: Environment = variables.iter().copied().collect();
        let url = Url::parse(url).expect("a URL");
        match Proxies::new(&environment).of(&url) {
            Ok(Some(proxy)) => proxy.to_string(),
            Ok(None) => "direct".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_variable_of_the_scheme_wins_then_the_one_for_all() {
        let all = ("ALL_PROXY", "http://all:1");
        for (variables, url, expected) in [
            (vec![], "https://r.test/", "direct"),
            (
                vec![("HTTP_PROXY", "http://h:2"), all],
                "http://r.test/",
                "the proxy `http://h:2` of `HTTP_PROXY`",
            ),
            (
                vec![("HTTP_PROXY", "http://h:2"), all],
                "https://r.test/",
                "the proxy `http://all:1` of `ALL_PROXY`",
            ),
            (
                vec![("https_proxy", "corp.test:3128")],
                "https://r.test/",
                "the proxy `http://corp.test:3128` of `https_proxy`",
            ),
            (
                vec![
                    ("HTTPS_PROXY", "https://u:secret@p.test/"),
                    ("https_proxy", "http://low"),
                ],
                "https://r.test/",
                "the proxy `https://p.test` of `HTTPS_PROXY`",
            ),
            (
                vec![("HTTP_PROXY", ""), ("http_proxy", " ")],
                "http://r.test/",
                "direct",
            ),
            (
                vec![("HTTP_PROXY", "http://h:2"), ("REQUEST_METHOD", "GET")],
                "http://r.test/",
                "direct",
            ),
        ] {
            assert_eq!(shown(&variables, url), expected, "{variables:?} {url}");
        }
    }

    #[test]
    fn what_is_not_a_proxy_is_an_error_for_whoever_would_use_it() {
        for bad in [
            "http://[bad",
            "http://",
            "http://p:99999",
            "://x",
            "http:// x",
        ] {
            let found = shown(&[("HTTP_PROXY", bad)], "http://r.test/");
            assert_eq!(found, "`HTTP_PROXY` is not a valid URL of a proxy", "{bad}");
            for direct in ["http://127.0.0.1:5000/", "https://r.test/", "http://[::1]/"] {
                assert_eq!(shown(&[("HTTP_PROXY", bad)], direct), "direct", "{bad}");
            }
        }
        let socks = shown(
            &[("all_proxy", "socks5://u:secret@p:1080")],
            "http://r.test/",
        );
        assert!(
            socks.contains("`all_proxy` names a `socks5` proxy"),
            "{socks}"
        );
        assert!(!socks.contains("secret"), "{socks}");
    }

    #[test]
    fn no_proxy_names_hosts_ports_patterns_and_networks() {
        let direct = |no_proxy: &str, url: &str| {
            let variables = [("ALL_PROXY", "http://p:1"), ("no_proxy", no_proxy)];
            shown(&variables, url) == "direct"
        };
        for (no_proxy, url) in [
            ("*", "https://r.test/"),
            ("r.test", "https://r.test/"),
            ("other, R.TEST.", "https://r.test/"),
            ("test", "https://r.test/"),
            (".test", "https://a.r.test/"),
            (".r.test", "https://r.test/"),
            ("*.test", "https://r.test/"),
            ("r*.corp.*", "https://registry.corp.test/"),
            ("r.test:5000", "http://r.test:5000/"),
            ("r.test:443", "https://r.test/"),
            ("https://r.test/", "https://r.test/"),
            ("10.0.0.0/8", "http://10.1.2.3:5000/"),
            ("10.1.2.3", "http://10.1.2.3/"),
            ("10.1.2.3:5000", "http://10.1.2.3:5000/"),
            ("10.1.*", "http://10.1.2.3/"),
            ("0.0.0.0/0", "http://10.1.2.3/"),
            ("fd00::/8", "http://[fd12::1]:5000/"),
            ("[fd12::1]:5000", "http://[fd12::1]:5000/"),
            ("fd12::1 x", "http://[fd12::1]/"),
            ("::ffff:10.1.2.3", "http://10.1.2.3/"),
        ] {
            assert!(direct(no_proxy, url), "{no_proxy} {url}");
        }
        for (no_proxy, url) in [
            ("", "https://r.test/"),
            (",, .,", "https://r.test/"),
            ("r.test", "https://notr.test/"),
            ("a.r.test", "https://r.test/"),
            ("*.test", "https://test/"),
            ("r.test:5000", "https://r.test/"),
            ("r.test:many", "https://r.test/"),
            ("10.0.0.0/8", "http://11.1.2.3/"),
            ("10.0.0.0/8", "http://r10.test/"),
            ("10.1.2.3:5000", "http://10.1.2.3:80/"),
            ("10.0.0.0/x", "http://10.1.2.3/"),
            ("fd00::/8", "http://10.0.0.1/"),
            ("[fd12::1", "http://[fd12::1]/"),
        ] {
            assert!(!direct(no_proxy, url), "{no_proxy} {url}");
        }
    }
}
