//! Where the pages of a git remote are: host and path, without user names, passwords and SSH's port.

/// The pages behind a remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebAddress {
    /// `https`, or `http` where the remote is spoken to like that.
    pub scheme: &'static str,
    /// The host, with a port that pages have.
    pub host: String,
    /// The project, without slashes around it and without `.git`.
    pub path: String,
}

impl WebAddress {
    /// The pages behind a remote's address: `https://…`, `ssh://…` and `user@host:path`. `None`: it is a
    /// path, or no host with a project.
    #[must_use]
    pub fn of(remote: &str) -> Option<Self> {
        let (scheme, rest) = match remote.split_once("://") {
            Some(("http", rest)) => ("http", rest),
            Some(("https" | "ssh" | "git", rest)) => ("https", rest),
            Some(_) => return None,
            // `user@host:path`, as scp writes it.
            None => ("https", remote),
        };
        let is_web = remote.starts_with("http");
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) if remote.contains("://") => (authority, path),
            _ if !remote.contains("://") => rest.split_once(':')?,
            _ => return None,
        };
        let host = authority.rsplit('@').next().unwrap_or_default();
        // The port of SSH is not the one of the pages.
        let host = if is_web {
            host
        } else {
            host.split(':').next().unwrap_or_default()
        };
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let plain = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._~/:".contains(&b))
        };
        if !plain(host) || !plain(path) || !path.contains('/') {
            return None;
        }
        Some(Self {
            scheme,
            host: host.to_owned(),
            path: path.to_owned(),
        })
    }

    /// `https://host/owner/project`
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}/{}", self.scheme, self.host, self.path)
    }

    /// Whether a word stands alone in the host's name, as in `gitlab.example.org`.
    #[must_use]
    pub fn has_word(&self, word: &str) -> bool {
        let host = self.host.to_ascii_lowercase();
        host.split(['.', '-', ':']).any(|part| part == word)
    }
}
