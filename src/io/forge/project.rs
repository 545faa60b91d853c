//! One project on a forge: what every request about its releases has in common.

use serde_json::Value;

use crate::{
    io::{
        forge::{
            ForgeError,
            address::address,
            answer::ForgeAnswer,
            client::{Again, ForgeClient, ForgeContent, ForgeRequest},
        },
        http::Method,
    },
    policy::ForgePlace,
};

/// Entries that a forge lists at once, at most.
const PAGE: usize = 100;
/// Pages that are read. The newest releases are listed first, and a release has at most 1000 files.
const PAGES: usize = 10;

/// A project, and how its forge is spoken to.
pub(super) struct ForgeProject {
    pub(super) client: ForgeClient,
    pub(super) place: ForgePlace,
    /// Where the project is below the programming interface.
    pub(super) root: String,
}

impl ForgeProject {
    /// A request about the project itself, or about what is at `path` below it.
    pub(super) fn request<'a>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<ForgeRequest<'a>, ForgeError> {
        let path = match path {
            "" => self.root.clone(),
            path => format!("{}/{path}", self.root),
        };
        Ok(ForgeRequest {
            method,
            url: address(&self.place.api(), &path, query)?,
            content: ForgeContent::Nothing,
            again: Again::Always,
            allowed: &[],
        })
    }

    /// Reads; `allowed`: answers beside 2xx that are no errors.
    pub(super) async fn get(
        &self,
        path: &str,
        query: &[(&str, &str)],
        allowed: &'static [u16],
    ) -> Result<ForgeAnswer, ForgeError> {
        let asked = self.request(Method::GET, path, query)?;
        self.client.send(ForgeRequest { allowed, ..asked }).await
    }

    /// Every entry of a list with what `read` makes of it, page by page; of a list that does not end so many as are
    /// on [`PAGES`] pages. An entry that cannot be read is an error: it could be the one that is looked for.
    pub(super) async fn list<T>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<(Value, T)>, ForgeError> {
        let mut all = Vec::new();
        for page in 1..=PAGES {
            let (size, page) = (PAGE.to_string(), page.to_string());
            let query = [query, &[("per_page", &*size), ("page", &*page)]].concat();
            let answer = self.get(path, &query, &[]).await?;
            let Value::Array(entries) = answer.json()? else {
                return Err(answer.lacks("list"));
            };
            let is_last = entries.len() < PAGE;
            for entry in entries {
                let read =
                    read(&entry).ok_or_else(|| answer.is_not("a list of what was asked for"))?;
                all.push((entry, read));
            }
            if is_last {
                break;
            }
        }
        Ok(all)
    }

    /// Deletes, and looks whether it is gone: no answer to a deletion shows that. What is gone already is as good
    /// as deleted.
    pub(super) async fn delete(&self, path: &str) -> Result<(), ForgeError> {
        let answer = self.ask_to_delete(path).await?;
        let left = self.get(path, &[], &[404]).await?;
        match left.status {
            404 => Ok(()),
            _ => Err(answer.is_false("what was to be deleted is still there")),
        }
    }

    /// The same for what cannot be asked for by itself: the caller looks.
    pub(super) async fn ask_to_delete(&self, path: &str) -> Result<ForgeAnswer, ForgeError> {
        let asked = self.request(Method::DELETE, path, &[])?;
        let asked = ForgeRequest {
            allowed: &[404],
            ..asked
        };
        self.client.send(asked).await
    }
}
