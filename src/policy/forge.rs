//! `[forge]`: the release on GitHub or GitLab that belongs to a version.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::policy::{pattern::FileGlob, text_value::text_value, web_address::WebAddress};

/// `[forge]`: a release on the forge, made public together with the tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ForgePolicy {
    /// Which forge it is; unset: what the host's name says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ForgeService>,
    /// The address of the project's page; unset: that of the git remote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<ForgeUrl>,
    /// A further certificate authority of the forge in a PEM file, seen from the top of the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// Whether the release is made as a draft before any tag moves, where the forge has drafts.
    #[serde(default = "yes")]
    pub draft_first: bool,
    /// Files of the release, by globs seen from the top of the repository.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<FileGlob>,
    /// Whether the release is marked as a pre-release.
    #[serde(default)]
    pub prerelease: PrereleaseMark,
    /// Whether a draft of somebody else for the same tag is taken and made public.
    #[serde(default)]
    pub use_draft: bool,
}

/// A forge that hoist knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ForgeService {
    /// GitHub, and GitHub Enterprise Server.
    #[serde(rename = "github")]
    GitHub,
    /// GitLab.
    #[serde(rename = "gitlab")]
    GitLab,
}

/// When a release is marked as a pre-release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PrereleaseMark {
    /// Where its version is one.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The address of a project's page. Without TLS only this machine is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeUrl(Url);

/// A project on a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgePlace {
    /// Which forge it is.
    pub service: ForgeService,
    /// Scheme and host, such as `https://github.com`.
    pub origin: String,
    /// The host, with its port where that is not the usual one.
    pub host: String,
    /// The project, such as `acme/api`.
    pub project: String,
}

impl ForgeService {
    /// The forge's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
        }
    }
}

impl fmt::Display for ForgeService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl ForgePolicy {
    /// The project on its forge, by the policy and the git remote's address.
    ///
    /// # Errors
    /// What is not known of it.
    pub fn place(&self, remote: Option<&str>) -> Result<ForgePlace, String> {
        let own = remote.and_then(WebAddress::of);
        let (origin, host, project) = match (&self.url, &own) {
            (Some(url), own) => {
                let path = url.path();
                let project = match (path.is_empty(), own) {
                    (false, _) => path,
                    (true, Some(own)) => own.path.clone(),
                    (true, None) => {
                        return Err("`forge.url` names no project, and the git remote has none; such as `https://git.example.org/acme/api`".to_owned());
                    }
                };
                (url.origin(), url.host(), project)
            }
            (None, Some(own)) => {
                let origin = format!("{}://{}", own.scheme, own.host);
                if own.scheme != "https" {
                    return Err(format!(
                        "`{}` is spoken to without TLS; `forge.url` names the page of the project",
                        own.host
                    ));
                }
                (origin, own.host.clone(), own.path.clone())
            }
            (None, None) => {
                return Err(
                    "the git remote is on no host; `forge.url` names the page of the project"
                        .to_owned(),
                );
            }
        };
        let named = WebAddress {
            scheme: "https",
            host: host.clone(),
            path: project.clone(),
        };
        let by_name = || {
            if named.has_word("github") || host.ends_with(".ghe.com") {
                Some(ForgeService::GitHub)
            } else if named.has_word("gitlab") {
                Some(ForgeService::GitLab)
            } else {
                None
            }
        };
        let service = self.kind.or_else(by_name).ok_or_else(|| {
            format!(
                "`{host}` does not say which forge it is: `forge.kind` is \"github\" or \"gitlab\""
            )
        })?;
        if service == ForgeService::GitHub && project.split('/').count() != 2 {
            return Err(format!(
                "`{project}` is not a project of GitHub: an owner and a name are needed"
            ));
        }
        Ok(ForgePlace {
            service,
            origin,
            host,
            project,
        })
    }
}

impl ForgePlace {
    /// The page of the project.
    #[must_use]
    pub fn page(&self) -> String {
        format!("{}/{}", self.origin, self.project)
    }

    /// The page of the release with this git tag.
    #[must_use]
    pub fn release_page(&self, tag: &str) -> String {
        let place = match self.service {
            ForgeService::GitHub => "releases/tag",
            ForgeService::GitLab => "-/releases",
        };
        format!("{}/{place}/{}", self.page(), escaped(tag))
    }

    /// The address of the forge's programming interface.
    #[must_use]
    pub fn api(&self) -> String {
        match self.service {
            ForgeService::GitHub if self.host == "github.com" => {
                "https://api.github.com".to_owned()
            }
            ForgeService::GitHub if self.host.ends_with(".ghe.com") => {
                format!("https://api.{}", self.host)
            }
            ForgeService::GitHub => format!("{}/api/v3", self.origin),
            ForgeService::GitLab => format!("{}/api/v4", self.origin),
        }
    }

    /// The address that takes the files of a release.
    #[must_use]
    pub fn uploads(&self) -> String {
        match self.service {
            ForgeService::GitHub if self.host == "github.com" => {
                "https://uploads.github.com".to_owned()
            }
            ForgeService::GitHub if self.host.ends_with(".ghe.com") => {
                format!("https://uploads.{}", self.host)
            }
            ForgeService::GitHub => format!("{}/api/uploads", self.origin),
            ForgeService::GitLab => self.api(),
        }
    }
}

impl fmt::Display for ForgePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.page())
    }
}

/// A text as one part of an address's path, slashes escaped but for those of a page's tag.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~/@+".contains(&byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

impl ForgeUrl {
    fn origin(&self) -> String {
        format!("{}://{}", self.0.scheme(), self.host())
    }

    fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        match self.0.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    fn path(&self) -> String {
        let path = self.0.path().trim_matches('/');
        path.strip_suffix(".git").unwrap_or(path).to_owned()
    }
}

impl FromStr for ForgeUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let problem = |why: &str| Err(format!("`{text}` is not the page of a project: {why}"));
        let Ok(url) = Url::parse(text) else {
            return Err(
                "it is not the page of a project, such as `https://git.example.org/acme/api`"
                    .to_owned(),
            );
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it must not hold a user name or a password".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return problem("it ends with its path");
        }
        let is_here = match url.host() {
            Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return problem("it has no host"),
        };
        match url.scheme() {
            "https" => {}
            "http" if is_here => {}
            _ => return problem("it starts with `https://`"),
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        if !url.path().bytes().all(is_plain) {
            return problem("its path has a character that no project has");
        }
        Ok(Self(url))
    }
}

impl fmt::Display for ForgeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_str().trim_end_matches('/'))
    }
}

text_value!(ForgeUrl: "^https?://[^@?#]+$");

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use crate::policy::{ForgePolicy, Policy};

    fn read(keys: &str) -> Result<ForgePolicy, String> {
        let policy = Policy::parse(&format!("[forge]\n{keys}"), "release.toml");
        let policy = policy.map_err(|error| format!("{error:#}"))?;
        Ok(policy.forge.expect("the table is there"))
    }

    #[test]
    fn the_table_alone_turns_it_on() {
        let policy = Policy::parse("", "release.toml").expect("good");
        assert_eq!(policy.forge, None);
        let forge = read("").expect("good");
        assert!(forge.draft_first && !forge.use_draft && forge.assets.is_empty());
        let forge = read("assets = [\"dist/*.tar.gz\"]\nprerelease = \"never\"").expect("good");
        assert!(forge.assets[0].is_match("dist/a.tar.gz"));
        assert!(!forge.assets[0].is_match("dist/sub/a.tar.gz"));
    }

    #[test]
    fn the_project_is_found_by_the_remote_or_by_the_policy() {
        let github = "git@github.com:acme/api.git";
        for (keys, remote, page, api) in [
            (
                "",
                github,
                "https://github.com/acme/api",
                "https://api.github.com",
            ),
            (
                "",
                "ssh://git@gitlab.example.org:2222/a/b/c.git",
                "https://gitlab.example.org/a/b/c",
                "https://gitlab.example.org/api/v4",
            ),
            (
                "kind = \"github\"",
                "https://u:p@git.example.org/acme/api",
                "https://git.example.org/acme/api",
                "https://git.example.org/api/v3",
            ),
            (
                "",
                "https://acme.ghe.com/acme/api.git",
                "https://acme.ghe.com/acme/api",
                "https://api.acme.ghe.com",
            ),
            (
                "kind = \"gitlab\"\nurl = \"http://127.0.0.1:8080\"",
                github,
                "http://127.0.0.1:8080/acme/api",
                "http://127.0.0.1:8080/api/v4",
            ),
            (
                "url = \"https://github.com/acme/other/\"",
                "/srv/git/api.git",
                "https://github.com/acme/other",
                "https://api.github.com",
            ),
        ] {
            let place = read(keys).expect(keys).place(Some(remote));
            let place = place.unwrap_or_else(|why| panic!("{keys} {remote}: {why}"));
            assert_eq!((&*place.page(), &*place.api()), (page, api), "{remote}");
        }
        for (keys, remote, says) in [
            ("", Some("https://git.example.org/a/b"), "`forge.kind`"),
            ("", Some("/srv/git/api.git"), "`forge.url`"),
            ("", None, "`forge.url`"),
            ("", Some("http://github.com/a/b"), "without TLS"),
            ("url = \"https://github.com\"", None, "names no project"),
            ("", Some("https://github.com/a/b/c"), "owner and a name"),
        ] {
            let place = read(keys).expect(keys).place(remote);
            let why = place.expect_err(says);
            assert!(why.contains(says), "{remote:?}: {why}");
        }
    }

    #[test]
    fn pages_have_their_tags() {
        let page = |remote: &str, tag: &str| {
            let place = read("").expect("good").place(Some(remote));
            place.expect("a place").release_page(tag)
        };
        assert_eq!(
            page("https://github.com/a/b", "api@1.0.0#x"),
            "https://github.com/a/b/releases/tag/api@1.0.0%23x"
        );
        assert_eq!(
            page("https://gitlab.com/a/b", "v1.0.0"),
            "https://gitlab.com/a/b/-/releases/v1.0.0"
        );
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (keys, says) in [
            ("kind = \"gitea\"", "kind"),
            ("url = \"git.example.org\"", "not the page of a project"),
            ("url = \"http://git.example.org/a/b\"", "https://"),
            ("url = \"https://u:secret@h/a/b\"", "password"),
            ("url = \"https://h/a/b?x=1\"", "ends with its path"),
            ("assets = [\"../x\"]", "inside the repository"),
            ("assets = [\"a[\"]", "not a valid glob"),
            ("prerelease = true", "prerelease"),
            ("draft = true", "unknown key `draft`"),
            ("draft-first = false\nassets = [\"a\"]", "draft-first"),
        ] {
            let error = read(keys).expect_err(keys);
            assert!(error.contains(says), "{keys}: {error}");
        }
        let error = Policy::parse("[git]\npush = false\n[forge]\n", "release.toml");
        let error = error.expect_err("there is no remote").to_string();
        assert!(error.contains("git.push"), "{error}");
    }
}
