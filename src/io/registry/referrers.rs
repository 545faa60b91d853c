//! The referrers API: what a registry itself lists as being about a digest (distribution specification
//! 1.1, "Listing Referrers").

use std::collections::HashSet;

use url::Url;

use crate::{
    io::{
        http::{HeaderValue, Method, header},
        registry::{
            RegistryError, RegistryErrorKind, header as parse, listing::next_page,
            profile::Difference, request::Client, response,
        },
    },
    oci::{Descriptor, Digest, Manifest, MediaType, referrer},
};

/// Largest page, in bytes: as large as a manifest may be.
const LARGEST_PAGE: u64 = 8 * 1024 * 1024;
/// Most pages that are read.
const MAX_PAGES: usize = 100;
/// Most referrers of one digest that are read.
const MAX_REFERRERS: usize = 10_000;

impl Client {
    /// Every page of the list; `None`: the registry does not have the API, by its answer.
    pub(super) async fn list_referrers(
        &self,
        subject: &Digest,
    ) -> Result<Option<Vec<Descriptor>>, RegistryError> {
        if self.session.differences.has(Difference::NoReferrersApi) {
            return Ok(None);
        }
        let mut url = self.url(&format!("referrers/{subject}"));
        let mut all: Vec<Descriptor> = Vec::new();
        let mut visited: HashSet<Url> = HashSet::new();
        loop {
            let name = response::describe(&Method::GET, &url);
            let bad = |rule: String| response::bad(name.clone(), 200, rule);
            if !visited.insert(url.clone()) || visited.len() > MAX_PAGES {
                return Err(bad("the list of referrers does not end".to_owned()));
            }
            let Some((page, next)) = self.page_of_referrers(&url, &name).await? else {
                return match visited.len() {
                    1 => Ok(None),
                    _ => Err(response::bad(
                        name,
                        404,
                        "the next page of the list is not there",
                    )),
                };
            };
            all.extend(page);
            if all.len() > MAX_REFERRERS {
                return Err(bad(format!("more than {MAX_REFERRERS} referrers")));
            }
            let Some(next) = next else {
                return Ok(Some(all));
            };
            url = next_page(&self.session.origin, &url, &next).map_err(bad)?.0;
        }
    }

    async fn page_of_referrers(
        &self,
        url: &Url,
        name: &str,
    ) -> Result<Option<(Vec<Descriptor>, Option<String>)>, RegistryError> {
        let ask = || {
            let mut request = self.read(Method::GET, url.clone());
            let accept = HeaderValue::from_static(MediaType::OCI_INDEX);
            request.headers.push((header::ACCEPT, accept));
            request
        };
        let answer = self.follow(ask()).await?;
        match answer.status() {
            200 => {}
            // What registries answer to a path that they do not know, and to a new repository.
            400 | 404 | 405 | 501 => {
                let error = self.refused(&ask(), answer).await;
                if error.kind != RegistryErrorKind::NameUnknown {
                    let differences = &self.session.differences;
                    differences.learn(Difference::NoReferrersApi);
                }
                return Ok(None);
            }
            _ => return Err(self.refused(&ask(), answer).await),
        }
        let next = parse::next_link(answer.all("link"));
        let next = next.map_err(|rule| response::bad(name.to_owned(), 200, rule))?;
        let body = self.retry.document(answer, LARGEST_PAGE, name).await?;
        // A page for people, which some servers have for every path, is not a list.
        let page = Manifest::new(MediaType::OCI_INDEX.into(), body);
        Ok(referrer::listed(&page).ok().map(|page| (page, next)))
    }
}
