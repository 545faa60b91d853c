//! One project on a forge: what every request about its releases has in common.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

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
/// How long reading all pages of a list may take.
const LIST_PATIENCE: Duration = Duration::from_secs(600);

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

    /// What `read` makes of each entry of a list, page by page to its end; `Some(None)`: the entry is not looked for.
    /// An entry that cannot be read is an error: it could be the one that is looked for. So is a list without an end.
    pub(super) async fn list<T>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        read: impl Fn(&Value) -> Option<Option<T>>,
    ) -> Result<Vec<T>, ForgeError> {
        self.list_first(usize::MAX, path, query, read).await
    }

    /// The same of a list of which the forge shows so many entries at most.
    pub(super) async fn list_first<T>(
        &self,
        most: usize,
        path: &str,
        query: &[(&str, &str)],
        read: impl Fn(&Value) -> Option<Option<T>>,
    ) -> Result<Vec<T>, ForgeError> {
        let end = Instant::now() + LIST_PATIENCE;
        let (mut found, mut before) = (Vec::new(), Vec::new());
        let mut count = 0;
        for page in 1.. {
            let (size, page) = (PAGE.to_string(), page.to_string());
            let query = [query, &[("per_page", &*size), ("page", &*page)]].concat();
            let answer = self.get(path, &query, &[]).await?;
            let Value::Array(entries) = answer.json()? else {
                return Err(answer.lacks("list"));
            };
            for entry in &entries {
                let read = read(entry);
                found.extend(read.ok_or_else(|| answer.is_not("a list of what was asked for"))?);
            }
            count += entries.len();
            // Entries that are hidden from the token can make a page shorter.
            let has_more = answer.has_more.unwrap_or(entries.len() >= PAGE);
            if !has_more || entries.is_empty() || count >= most {
                break;
            }
            if entries == before {
                return Err(answer.is_false("the next page is the same again"));
            }
            if Instant::now() >= end {
                let minutes = LIST_PATIENCE.as_secs() / 60;
                let why = format!("the list is not at its end after {minutes} minutes");
                return Err(answer.is_false(&why));
            }
            before = entries;
        }
        Ok(found)
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
