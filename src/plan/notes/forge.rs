//! Links into the web pages of a remote, by the pattern of its host.

use crate::policy::WebAddress;

/// Which kind of pages a host has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ForgeKind {
    GitHub,
    GitLab,
    Gitea,
    Bitbucket,
}

/// The web pages of a project on its forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forge {
    kind: ForgeKind,
    /// `https://host/owner/project`
    base: String,
}

impl Forge {
    /// The pages behind a remote's address, where its host is of a known kind: `https://…`,
    /// `ssh://…` and `user@host:path`. User names and passwords are left out.
    #[must_use]
    pub fn of(remote: &str) -> Option<Self> {
        let address = WebAddress::of(remote)?;
        Some(Self {
            kind: kind(&address)?,
            base: address.url(),
        })
    }

    /// The page of a commit.
    #[must_use]
    pub fn commit(&self, id: &str) -> String {
        let place = match self.kind {
            ForgeKind::GitHub | ForgeKind::Gitea => "commit",
            ForgeKind::GitLab => "-/commit",
            ForgeKind::Bitbucket => "commits",
        };
        format!("{}/{place}/{id}", self.base)
    }

    /// The page of what lies between two tags.
    #[must_use]
    pub fn compare(&self, from: &str, to: &str) -> String {
        let (from, to) = (encoded(from), encoded(to));
        let base = &self.base;
        match self.kind {
            ForgeKind::GitHub | ForgeKind::Gitea => format!("{base}/compare/{from}...{to}"),
            ForgeKind::GitLab => format!("{base}/-/compare/{from}...{to}"),
            ForgeKind::Bitbucket => format!("{base}/branches/compare/{to}%0D{from}"),
        }
    }

    /// The page of `#12`. GitHub and Gitea send a number on to the pull request that has it.
    #[must_use]
    pub fn issue(&self, number: &str) -> String {
        let place = match self.kind {
            ForgeKind::GitLab => "-/issues",
            // A number in a title is a pull request there: issues are kept elsewhere.
            ForgeKind::Bitbucket => "pull-requests",
            ForgeKind::GitHub | ForgeKind::Gitea => "issues",
        };
        format!("{}/{place}/{number}", self.base)
    }

    /// The page of `!12`.
    #[must_use]
    pub fn merge_request(&self, number: &str) -> Option<String> {
        (self.kind == ForgeKind::GitLab).then(|| format!("{}/-/merge_requests/{number}", self.base))
    }
}

/// A tag's name inside an address: what a browser or markdown would take for the end is escaped.
fn encoded(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/@+=,".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn kind(address: &WebAddress) -> Option<ForgeKind> {
    let has = |word: &str| address.has_word(word);
    if has("github") {
        Some(ForgeKind::GitHub)
    } else if has("gitlab") {
        Some(ForgeKind::GitLab)
    } else if has("bitbucket") {
        Some(ForgeKind::Bitbucket)
    } else if has("gitea") || has("forgejo") || has("codeberg") {
        Some(ForgeKind::Gitea)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::notes::forge::*;

    #[test]
    fn a_remote_leads_to_its_pages() {
        let commit = |remote: &str| Forge::of(remote).map(|forge| forge.commit("abc"));
        for (remote, expected) in [
            (
                "https://github.com/acme/api.git",
                "https://github.com/acme/api/commit/abc",
            ),
            (
                "git@github.com:acme/api.git",
                "https://github.com/acme/api/commit/abc",
            ),
            (
                "https://u:secret@github.com/acme/api",
                "https://github.com/acme/api/commit/abc",
            ),
            (
                "ssh://git@gitlab.example.org:2222/a/b/c.git",
                "https://gitlab.example.org/a/b/c/-/commit/abc",
            ),
            (
                "http://gitea.local:3000/acme/api",
                "http://gitea.local:3000/acme/api/commit/abc",
            ),
            (
                "https://codeberg.org/acme/api",
                "https://codeberg.org/acme/api/commit/abc",
            ),
            (
                "git@bitbucket.org:acme/api.git",
                "https://bitbucket.org/acme/api/commits/abc",
            ),
        ] {
            assert_eq!(commit(remote).as_deref(), Some(expected), "{remote}");
        }
        for none in [
            "/srv/git/api.git",
            "../api",
            "file:///srv/api",
            "https://git.example.org/a/b",
            "https://github.com/acme",
            "https://github.com",
            "",
            "git@github.com:a b/c",
        ] {
            assert_eq!(commit(none), None, "{none}");
        }
    }

    #[test]
    fn ranges_and_numbers_have_pages() {
        let forge = |remote| Forge::of(remote).expect("a forge");
        let github = forge("https://github.com/a/b");
        assert_eq!(
            github.compare("v1", "v2"),
            "https://github.com/a/b/compare/v1...v2"
        );
        assert_eq!(
            github.compare("api@1.0.0", "r(#1)/é"),
            "https://github.com/a/b/compare/api@1.0.0...r%28%231%29/%C3%A9"
        );
        assert_eq!(github.issue("7"), "https://github.com/a/b/issues/7");
        assert_eq!(github.merge_request("7"), None);
        let gitlab = forge("https://gitlab.com/a/b");
        assert_eq!(
            gitlab.merge_request("7").as_deref(),
            Some("https://gitlab.com/a/b/-/merge_requests/7")
        );
    }
}
