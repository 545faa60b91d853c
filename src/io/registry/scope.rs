//! What a registry's token is asked to allow.

use std::collections::BTreeSet;

/// What a request does to a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Access {
    /// Pull, even where the run pushes to this repository later.
    PullOnly,
    Pull,
    Push,
    Delete,
}

/// What a token allows, on one repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TokenScope {
    pub path: String,
    pub access: Access,
    /// A repository to mount from: mounting needs the right to read it, even if it is public.
    pub from: Option<String>,
}

impl TokenScope {
    pub(crate) fn new(path: &str, access: Access) -> Self {
        Self {
            path: path.to_owned(),
            access,
            from: None,
        }
    }

    /// The scope that is asked for instead: where pushing follows, a token that pushes also pulls, so one token
    /// fewer is needed. `pushed` are the paths that were pushed to.
    pub(super) fn widened(&self, push_follows: bool, pushed: &mut BTreeSet<String>) -> Self {
        match self.access {
            Access::Pull if push_follows || pushed.contains(&self.path) => Self {
                access: Access::Push,
                ..self.clone()
            },
            Access::Push => {
                pushed.insert(self.path.clone());
                self.clone()
            }
            Access::PullOnly | Access::Pull | Access::Delete => self.clone(),
        }
    }

    /// The actions, each list with its repository.
    pub(super) fn rights(&self) -> Vec<(&str, &'static str)> {
        let actions = match self.access {
            Access::PullOnly | Access::Pull => "pull",
            Access::Push => "pull,push",
            Access::Delete => "pull,push,delete",
        };
        let from = self.from.as_deref().filter(|from| *from != self.path);
        let mut rights = vec![(&*self.path, actions)];
        rights.extend(from.map(|from| (from, "pull")));
        rights
    }

    /// As a token service reads it: `repository:acme/api:pull,push`, one part a repository.
    pub(super) fn parts(&self) -> Vec<String> {
        let rights = self.rights().into_iter();
        rights
            .map(|(name, actions)| format!("repository:{name}:{actions}"))
            .collect()
    }
}

impl std::fmt::Display for TokenScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.parts().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use crate::io::registry::scope::*;

    #[test]
    fn a_scope_names_what_is_to_be_done_and_where_it_mounts_from() {
        let mut scope = TokenScope::new("acme/api", Access::Push);
        assert_eq!(scope.to_string(), "repository:acme/api:pull,push");
        scope.from = Some("acme/base".into());
        assert_eq!(
            scope.to_string(),
            "repository:acme/api:pull,push repository:acme/base:pull"
        );
        scope.from = Some("acme/api".into());
        assert_eq!(scope.to_string(), "repository:acme/api:pull,push");
    }
}
