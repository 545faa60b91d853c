//! Tag lists, page by page.

use std::collections::BTreeSet;

use serde::Deserialize;
use url::Url;

use crate::{
    io::{
        http::{Method, Response},
        registry::{
            RegistryError, RegistryErrorKind, header as parse,
            origin::{Origin, OriginRelation},
            request::Client,
            response,
        },
    },
    oci::Tag,
};

/// Largest page, in bytes.
const LARGEST_PAGE: u64 = 16 * 1024 * 1024;
/// Tags per page that are asked for: some registries refuse a larger number, others lower it.
const PAGE_SIZE: &str = "1000";
/// Most pages that are read.
const MAX_PAGES: usize = 2000;
/// Most tags that are read.
const MAX_TAGS: usize = 200_000;

#[derive(Deserialize)]
struct Page {
    /// `null` where there are none, on some registries.
    tags: Option<Vec<String>>,
}

impl Client {
    /// Every tag, each once, in the registry's order. Names outside the grammar are left out: no
    /// request could name them.
    pub(super) async fn list_tags(&self) -> Result<Vec<Tag>, RegistryError> {
        let mut url = self.url("tags/list");
        url.query_pairs_mut().append_pair("n", PAGE_SIZE);
        let mut seen = BTreeSet::new();
        let mut all = Vec::new();
        for _ in 0..MAX_PAGES {
            let request = self.read(Method::GET, url);
            let name = response::describe(&request.method, &request.url);
            let answer = self.send(&request).await?;
            if answer.status() != 200 {
                let error = self.refused(&request, answer).await;
                return if is_empty_repository(&error) {
                    Ok(all)
                } else {
                    Err(error)
                };
            }
            let next = parse::next_link(answer.all("link"));
            let page = self.page(answer, &name).await?;
            let before = all.len();
            for tag in page.iter().filter_map(|tag| tag.parse::<Tag>().ok()) {
                if seen.insert(tag.clone()) {
                    all.push(tag);
                }
            }
            if all.len() > MAX_TAGS {
                return Err(response::bad(
                    name,
                    200,
                    format!("more than {MAX_TAGS} tags"),
                ));
            }
            let Some(next) = next else { return Ok(all) };
            if all.len() == before {
                return Err(response::bad(
                    name,
                    200,
                    "a page of the list leads to no new tags",
                ));
            }
            url = next_page(&self.session.origin, &request.url, &next)
                .map_err(|rule| response::bad(name, 200, rule))?;
        }
        Err(response::bad(
            response::describe(&Method::GET, &url),
            200,
            format!("more than {MAX_PAGES} pages of tags"),
        ))
    }

    async fn page(&self, answer: Response, name: &str) -> Result<Vec<String>, RegistryError> {
        let body = answer
            .bytes(LARGEST_PAGE)
            .await
            .map_err(|failure| response::failed(name.to_owned(), failure))?;
        serde_json::from_slice::<Page>(&body)
            .map(|page| page.tags.unwrap_or_default())
            .map_err(|_| response::bad(name.to_owned(), 200, "the answer is not a list of tags"))
    }
}

/// The page after the one that was `asked`, which must be on the same registry.
pub(super) fn next_page(origin: &Origin, asked: &Url, target: &str) -> Result<Url, String> {
    let url = origin.resolve(asked, target)?;
    match origin.relation(&url) {
        Ok(OriginRelation::SameOrigin) => Ok(url),
        Ok(OriginRelation::CrossOrigin) | Err(_) => {
            Err("the list's next page is on another host".to_owned())
        }
    }
}

/// Whether nothing, or nothing with a tag, was pushed to the repository yet.
fn is_empty_repository(error: &RegistryError) -> bool {
    matches!(
        error.kind,
        RegistryErrorKind::NameUnknown | RegistryErrorKind::NotFound
    )
}
