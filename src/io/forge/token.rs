//! The token for a forge, from the environment, and the one host that it may be sent to.
//!
//! `release.toml` can name any host, and a branch can change it. So a token is sent only to the host of the
//! git remote, to the one that the CI service says it runs on, and to the one that `HOIST_FORGE_HOST` names.

use std::fmt;

use url::Url;

use crate::{
    io::environment::Environment,
    policy::{ForgePlace, ForgeService, WebAddress},
};

/// A token, and how it is sent. Shown without the token.
#[derive(Clone, PartialEq, Eq)]
pub struct ForgeToken {
    /// The variable that it comes from.
    pub variable: &'static str,
    /// The name of the header.
    pub(super) header: &'static str,
    /// The header's value.
    pub(super) value: String,
}

impl fmt::Debug for ForgeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ForgeToken").field(&self.variable).finish()
    }
}

impl ForgeToken {
    /// Whether it is the token that GitLab gives a job, which may do less than others.
    #[must_use]
    pub fn is_of_job(&self) -> bool {
        self.variable == "CI_JOB_TOKEN"
    }
}

/// The token for the project at `place`.
///
/// # Errors
/// Why there is none, and what helps.
pub fn token(
    place: &ForgePlace,
    remote: Option<&str>,
    environment: &Environment,
) -> Result<ForgeToken, String> {
    let found = match place.service {
        ForgeService::GitHub => ["GITHUB_TOKEN", "GH_TOKEN"]
            .into_iter()
            .find_map(|name| Some((name, "authorization", environment.get(name)?)))
            .map(|(variable, header, value)| (variable, header, format!("Bearer {value}"))),
        ForgeService::GitLab => [
            ("GITLAB_TOKEN", "private-token"),
            ("CI_JOB_TOKEN", "job-token"),
        ]
        .into_iter()
        .find_map(|(name, header)| Some((name, header, environment.get(name)?.to_owned()))),
    };
    let Some((variable, header, value)) = found else {
        return Err(match place.service {
            ForgeService::GitHub => {
                "no token for GitHub: set `GITHUB_TOKEN`; in GitHub Actions the job needs `permissions: contents: write` and `env: GITHUB_TOKEN: ${{ github.token }}`"
            }
            ForgeService::GitLab => {
                "no token for GitLab: set `GITLAB_TOKEN` to one with the scope `api`; a job has `CI_JOB_TOKEN` by itself"
            }
        }
        .to_owned());
    };
    if !is_own_host(place, remote, environment) {
        return Err(format!(
            "`{variable}` is not sent to `{}`, which is neither the host of the git remote nor the one that this job runs on: where the token is meant for it, set `HOIST_FORGE_HOST={}`",
            place.host, place.host
        ));
    }
    Ok(ForgeToken {
        variable,
        header,
        value,
    })
}

fn is_own_host(place: &ForgePlace, remote: Option<&str>, environment: &Environment) -> bool {
    let own = remote.and_then(WebAddress::of).map(|own| own.host);
    let server = match place.service {
        ForgeService::GitHub => "GITHUB_SERVER_URL",
        ForgeService::GitLab => "CI_SERVER_URL",
    };
    let server = environment
        .get(server)
        .and_then(|url| Url::parse(url).ok())
        .and_then(|url| {
            let host = url.host_str()?.to_owned();
            Some(match url.port() {
                Some(port) => format!("{host}:{port}"),
                None => host,
            })
        });
    let named = environment.get("HOIST_FORGE_HOST").map(str::to_owned);
    let mut hosts = [own, server, named].into_iter().flatten();
    hosts.any(|host| host.eq_ignore_ascii_case(&place.host))
}

#[cfg(test)]
mod tests {
    use crate::io::forge::token::*;

    fn place(service: ForgeService, host: &str) -> ForgePlace {
        ForgePlace {
            service,
            origin: format!("https://{host}"),
            host: host.to_owned(),
            project: "acme/api".to_owned(),
        }
    }

    #[test]
    fn a_token_is_sent_to_its_own_host_alone() {
        let github = |host: &str| place(ForgeService::GitHub, host);
        let gitlab = |host: &str| place(ForgeService::GitLab, host);
        let hub = Some("git@github.com:acme/api.git");
        let own = Some("ssh://git@git.example.org:22/acme/api");
        for (place, remote, variables, expected) in [
            (
                github("github.com"),
                hub,
                &[("GITHUB_TOKEN", "t")][..],
                Some("GITHUB_TOKEN"),
            ),
            (
                github("github.com"),
                hub,
                &[("GH_TOKEN", "t")],
                Some("GH_TOKEN"),
            ),
            (github("github.com"), hub, &[("GITLAB_TOKEN", "t")], None),
            // A branch has written another host into `forge.url`.
            (github("evil.example"), hub, &[("GITHUB_TOKEN", "t")], None),
            (
                github("ghe.example"),
                None,
                &[
                    ("GITHUB_TOKEN", "t"),
                    ("GITHUB_SERVER_URL", "https://ghe.example"),
                ],
                Some("GITHUB_TOKEN"),
            ),
            (
                github("127.0.0.1:8080"),
                None,
                &[
                    ("GITHUB_TOKEN", "t"),
                    ("HOIST_FORGE_HOST", "127.0.0.1:8080"),
                ],
                Some("GITHUB_TOKEN"),
            ),
            (
                github("127.0.0.1:8080"),
                None,
                &[("GITHUB_TOKEN", "t"), ("HOIST_FORGE_HOST", "127.0.0.1")],
                None,
            ),
            (
                gitlab("git.example.org"),
                own,
                &[("CI_JOB_TOKEN", "t")],
                Some("CI_JOB_TOKEN"),
            ),
            (
                gitlab("git.example.org"),
                own,
                &[("CI_JOB_TOKEN", "t"), ("GITLAB_TOKEN", "u")],
                Some("GITLAB_TOKEN"),
            ),
            (
                gitlab("other.example.org"),
                own,
                &[
                    ("GITLAB_TOKEN", "u"),
                    ("CI_SERVER_URL", "https://git.example.org"),
                ],
                None,
            ),
        ] {
            let environment: Environment = variables.iter().copied().collect();
            let found = token(&place, remote, &environment);
            let name = found.as_ref().map(|found| found.variable).ok();
            assert_eq!(name, expected, "{place:?} {variables:?}");
            // It is in no error and in no `Debug`.
            let shown = format!("{found:?}");
            assert!(!shown.contains("Bearer"), "{shown}");
        }
    }
}
