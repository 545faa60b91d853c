//! The policy file of a project: whether a commit holds what it says, and what it lacks.

use crate::{
    error::{Error, ErrorCode, Result},
    oci::Repository,
    plan::release::preconditions::{PolicyChange, UncommittedPolicy},
    policy::Policy,
    project::{
        location::{POLICY_FILE, stand_in},
        open::Project,
    },
    regular_file,
    text::{sanitize_line, shell_word},
};

/// Policies in other folders that an error names.
const NAMED: usize = 3;

impl Project {
    /// How the policy in use differs from HEAD's; `None` where both say the same, or the file lies
    /// outside of the repository. Comments and order do not count.
    pub(crate) fn uncommitted_policy(&self) -> Option<UncommittedPolicy> {
        let path = self.policy_path()?;
        let committed = self.git().text_of_head(path);
        let (change, destinations) = match (committed, self.policy_file()) {
            (None, None) => return None,
            (None, Some(_)) => (PolicyChange::Untracked, None),
            (Some(_), None) => (PolicyChange::Deleted, None),
            (Some(text), Some(_)) => {
                let mut committed = Policy::parse(&text, path).ok();
                if let Some(policy) = &mut committed {
                    stand_in(policy, self.images());
                }
                if committed.as_ref().map(Policy::identity) == Some(self.policy().identity()) {
                    return None;
                }
                let then = committed.map(|policy| policy.repositories());
                let now = self.policy().repositories();
                let differ = then.filter(|then| *then != now && !now.is_empty());
                let named = differ.map(|then| (names(&then), names(&now)));
                (PolicyChange::Changed, named)
            }
        };
        Some(UncommittedPolicy {
            file: path.to_owned(),
            pathspec: self.pathspec(path),
            change,
            destinations,
        })
    }

    /// A policy that no repository has as its own, where one is in use.
    pub(crate) fn policy_from_elsewhere(&self) -> Option<String> {
        let is_elsewhere = self.policy_path().is_none() && self.policy_file().is_some();
        let file = self.policy_file()?.display().to_string();
        is_elsewhere.then(|| {
            format!("the policy `{file}` is outside of this repository, so that no commit holds it")
        })
    }

    /// Nothing says where a release goes: what was read, and what helps.
    pub(crate) fn without_repository(&self) -> Error {
        let image = self.likely_image();
        let once = format!("for once: the same command with `--image {image}`");
        let Some(file) = self.policy_file() else {
            return self.without_policy().hint(once);
        };
        let name = self
            .policy_path()
            .map_or_else(|| file.display().to_string(), str::to_owned);
        let text = regular_file::read_found_text(file).unwrap_or_default();
        let (cause, place) = lacking(&text);
        Error::usage(format!("`{name}` does not say where the image goes"))
            .with_code(ErrorCode::NoRepository)
            .cause(cause)
            .hint(format!(
                "write `repository = \"{image}\"` {place} of `{name}`"
            ))
            .hint(once)
    }

    /// No policy is in use here, and other folders have one: each is an image of its own, with versions of its
    /// own.
    ///
    /// # Errors
    /// Usage (exit 2), with the ways on.
    pub(crate) fn refuse_without_policy(&self) -> Result<()> {
        let is_named = self.policy_file().is_some() || !self.images().is_empty();
        let tracked = self.git().tracked(POLICY_FILE).unwrap_or_default();
        let own = tracked.iter().any(|file| file.path == POLICY_FILE);
        if is_named || own || tracked.is_empty() {
            return Ok(());
        }
        let names = tracked
            .iter()
            .take(NAMED)
            .map(|file| format!("`{}`", file.path));
        let first = shell_word(&self.path_from_here(&tracked[0].path));
        Err(Error::usage(
            "which image is meant: there is no policy here, and other folders have one",
        )
        .with_code(ErrorCode::NoRepository)
        .cause(format!(
            "policies: {}",
            names.collect::<Vec<_>>().join(", ")
        ))
        .state("nothing was changed")
        .hint("`hoist next --all` answers for each")
        .hint(format!("`hoist --config {first} next` answers for one")))
    }

    fn without_policy(&self) -> Error {
        let error = Error::usage("nothing says where a release goes: there is no policy file")
            .with_code(ErrorCode::NoRepository)
            .cause(format!(
                "looked for `{POLICY_FILE}` in `{}`",
                self.top().display()
            ));
        let tracked = self.git().tracked(POLICY_FILE).unwrap_or_default();
        if self.git().text_of_head(POLICY_FILE).is_some() {
            return error
                .cause("HEAD has it, the working tree has not")
                .hint(format!(
                    "git checkout HEAD -- {}",
                    self.pathspec(POLICY_FILE)
                ));
        }
        // The repository is lent to one at a time.
        let branch = self.git().main_branch_with(POLICY_FILE);
        if let Some(branch) = branch {
            let error = error.cause(format!("`{branch}` has one"));
            let file = self.pathspec(POLICY_FILE);
            let take = format!("git checkout {} -- {file}", shell_word(branch));
            let own = self.git().checked_out();
            return match own {
                // No branch would have the commit.
                Ok(None) => error.hint(take),
                Ok(Some(_)) | Err(_) => error.hint(format!(
                    "{take} && git commit -m 'chore: release policy' -- {file}"
                )),
            };
        }
        if let Some(first) = tracked.first() {
            let names = tracked
                .iter()
                .take(NAMED)
                .map(|file| format!("`{}`", file.path));
            return error
                .cause(format!(
                    "other folders have one: {}",
                    names.collect::<Vec<_>>().join(", ")
                ))
                .hint(format!(
                    "the same command with `--config {}`, or `hoist plan --all` for every image",
                    shell_word(&self.path_from_here(&first.path))
                ));
        }
        error.hint("`hoist init` writes one")
    }

    /// A repository by the name of the git remote, for a line that a person corrects.
    fn likely_image(&self) -> String {
        let url = self.remote_url().unwrap_or_default().to_lowercase();
        let url = url.trim_end_matches('/').trim_end_matches(".git");
        let host = if url.contains("github.com") {
            "ghcr.io"
        } else {
            "docker.io"
        };
        let mut parts = url.rsplit(['/', ':']);
        let (name, owner) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        let image = format!("{host}/{owner}/{name}");
        match image.parse::<Repository>() {
            Ok(_) if !owner.is_empty() && !name.is_empty() => image,
            _ => "docker.io/acme/api".to_owned(),
        }
    }
}

fn names(repositories: &[Repository]) -> String {
    let names: Vec<String> = repositories
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    names.join(", ")
}

/// Where a policy without a repository lacks it, and where the line belongs.
fn lacking(text: &str) -> (String, String) {
    let line = |is: &dyn Fn(&str) -> bool| {
        let mut lines = text.lines().enumerate();
        lines
            .find(|(_, line)| is(line.trim()))
            .map(|(at, line)| (at + 1, line.trim()))
    };
    let commented = |line: &str| {
        let line = line
            .strip_prefix('#')
            .map(str::trim_start)
            .unwrap_or_default();
        let key = line
            .strip_prefix("repositories")
            .or(line.strip_prefix("repository"));
        key.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    if let Some((at, line)) = line(&commented) {
        let line = sanitize_line(line, 80);
        let cause = format!("line {at} is commented out: `{line}`");
        return (cause, format!("into line {at}"));
    }
    match line(&|line| line.replace(' ', "").starts_with("[image]")) {
        Some((at, _)) => {
            let cause = format!("`[image]` in line {at} has no `repository`");
            (cause, format!("below line {at}"))
        }
        None => {
            let cause = "it has no table `[image]`".to_owned();
            (cause, "below a line `[image]`, at the end".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::lacking;

    #[test]
    fn the_line_that_lacks_is_named() {
        for (text, cause, place) in [
            ("", "no table `[image]`", "below a line `[image]`"),
            (
                "[version]\nzero = \"minor\"\n",
                "no table `[image]`",
                "at the end",
            ),
            ("# note\n\n[image]\n", "`[image]` in line 3", "below line 3"),
            (
                "[image]\n# repository = \"x\"\n",
                "line 2 is commented out",
                "into line 2",
            ),
            (
                "[image]\n  #repositories = []\n",
                "line 2 is commented out",
                "into line 2",
            ),
            (
                "[image]\n# the repository is not known\n",
                "in line 1",
                "below line 1",
            ),
            ("[image.build]\n", "no table `[image]`", "below a line"),
        ] {
            let (said, where_to) = lacking(text);
            assert!(said.contains(cause), "{text:?}: {said}");
            assert!(where_to.contains(place), "{text:?}: {where_to}");
        }
    }
}
