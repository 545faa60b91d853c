//! Tag lists, page by page.

use std::collections::{BTreeSet, HashSet};

use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::{
    io::{
        http::Method,
        registry::{
            RegistryError, RegistryErrorKind, header as parse,
            origin::{Origin, OriginRelation},
            profile::Difference,
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
/// Most pages in a row without a new tag: some registries filter after they have cut the pages.
const MAX_EMPTY_PAGES: usize = 100;
/// Most tags that are read.
const MAX_TAGS: usize = 200_000;

#[derive(Deserialize)]
struct Page {
    /// `null` where there are none, on some registries.
    tags: Option<Vec<String>>,
}

/// The pages of one list.
#[derive(Default)]
struct Pages {
    seen: BTreeSet<Tag>,
    all: Vec<Tag>,
    visited: HashSet<Url>,
    /// Pages in a row without a new tag.
    empty: usize,
}

impl Client {
    /// Every tag, each once, in the registry's order; and whether the registry has answered with a
    /// list, and not that there is no such repository. Names outside the grammar are left out: no
    /// request could name them.
    pub(super) async fn list_tags(&self) -> Result<(Vec<Tag>, bool), RegistryError> {
        let mut url = self.url("tags/list");
        url.query_pairs_mut().append_pair("n", PAGE_SIZE);
        let end = Instant::now() + self.retry.policy.deadline;
        let first = url.clone();
        let mut pages = Pages::default();
        let mut knew_how = self.session.knows_how_to_log_in();
        loop {
            let name = response::describe(&Method::GET, &url);
            let bad = |rule: String| response::bad(name.clone(), 200, rule);
            pages.visit(&url).map_err(bad)?;
            let page = match timeout_at(end, self.next(&url)).await {
                Ok(page) => page?,
                Err(_) => {
                    return Err(bad(format!(
                        "the list has not ended after {} s and {} pages",
                        self.retry.policy.deadline.as_secs(),
                        pages.visited.len()
                    )));
                }
            };
            let Some((tags, next)) = page else {
                // A page that another page has named must be there.
                return match pages.visited.len() {
                    1 => {
                        self.nothing_shown().await;
                        Ok((Vec::new(), false))
                    }
                    _ => Err(response::bad(
                        name,
                        404,
                        "the next page of the list is not there",
                    )),
                };
            };
            pages.add(&tags).map_err(bad)?;
            let is_empty = pages.all.is_empty() && next.is_none();
            if is_empty
                && !knew_how
                && self
                    .must_log_in(&self.read(Method::GET, url.clone()))
                    .await?
            {
                self.session
                    .differences
                    .learn(Difference::HidesFromTheAnonymous);
                (knew_how, pages) = (true, Pages::default());
                url = first.clone();
                continue;
            }
            if is_empty {
                self.nothing_shown().await;
            }
            let Some(next) = next else {
                return Ok((pages.all, true));
            };
            if tags.is_empty() {
                self.session.differences.learn(Difference::EmptyPages);
            }
            url = self.next_page(&url, &next).map_err(bad)?;
        }
    }

    /// One page, and the link to the one after it; `None`: there is no such repository.
    async fn next(
        &self,
        url: &Url,
    ) -> Result<Option<(Vec<String>, Option<String>)>, RegistryError> {
        let request = self.read(Method::GET, url.clone());
        let name = response::describe(&request.method, &request.url);
        let answer = self.follow(request).await?;
        if answer.status() != 200 {
            let error = self
                .refused(&self.read(Method::GET, url.clone()), answer)
                .await;
            return if is_empty_repository(&error) {
                Ok(None)
            } else {
                Err(error)
            };
        }
        let bad = |rule: &str| response::bad(name.clone(), 200, rule);
        let next = parse::next_link(answer.all("link")).map_err(bad)?;
        let body = self.retry.document(answer, LARGEST_PAGE, &name).await?;
        // Each name becomes a text of its own, which takes far more memory than the page.
        if body.iter().filter(|byte| **byte == b',').count() > 2 * MAX_TAGS {
            return Err(response::bad(name, 200, too_many_tags()));
        }
        let page = serde_json::from_slice::<Page>(&body)
            .map_err(|_| response::bad(name, 200, "the answer is not a list of tags"))?;
        Ok(Some((page.tags.unwrap_or_default(), next)))
    }

    fn next_page(&self, asked: &Url, target: &str) -> Result<Url, String> {
        let (url, is_elsewhere) = next_page(&self.session.origin, asked, target)?;
        if is_elsewhere {
            self.session.differences.learn(Difference::PagesElsewhere);
        }
        Ok(url)
    }
}

impl Pages {
    fn visit(&mut self, url: &Url) -> Result<(), String> {
        if !self.visited.insert(url.clone()) {
            return Err("the list of tags leads back to a page that was read already".to_owned());
        }
        if self.visited.len() > MAX_PAGES {
            return Err(format!("more than {MAX_PAGES} pages of tags"));
        }
        Ok(())
    }

    fn add(&mut self, tags: &[String]) -> Result<(), String> {
        let before = self.all.len();
        for tag in tags.iter().filter_map(|tag| tag.parse::<Tag>().ok()) {
            if self.seen.insert(tag.clone()) {
                self.all.push(tag);
            }
        }
        if self.all.len() > MAX_TAGS {
            return Err(too_many_tags());
        }
        self.empty = if self.all.len() == before {
            self.empty + 1
        } else {
            0
        };
        if self.empty > MAX_EMPTY_PAGES {
            return Err(format!(
                "{MAX_EMPTY_PAGES} pages of the list lead to no new tags"
            ));
        }
        Ok(())
    }
}

fn too_many_tags() -> String {
    format!("more than {MAX_TAGS} tags")
}

/// The page after the one that was `asked`, on the registry itself, and whether the link named another
/// host: registries behind a proxy name themselves as they see themselves. Nothing leaves the registry
/// in any case.
pub(super) fn next_page(origin: &Origin, asked: &Url, target: &str) -> Result<(Url, bool), String> {
    let named = |rule: String| format!("the next page of the list: {rule}");
    let url = origin.resolve(asked, target).map_err(named)?;
    if origin.relation(&url) == Ok(OriginRelation::SameOrigin) {
        return Ok((url, false));
    }
    if !matches!(url.scheme(), "http" | "https") {
        let rule = origin.relation(&url).err().unwrap_or_default();
        return Err(named(rule));
    }
    let mut own = origin.base.clone();
    own.set_path(url.path());
    own.set_query(url.query());
    Ok((own, true))
}

/// Whether nothing, or nothing with a tag, was pushed to the repository yet.
fn is_empty_repository(error: &RegistryError) -> bool {
    matches!(
        error.kind,
        RegistryErrorKind::NameUnknown | RegistryErrorKind::NotFound
    )
}
