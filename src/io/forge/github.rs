//! Releases of GitHub (REST API, version 2022-11-28): a draft with its files, which is made public at the
//! end.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    io::{
        forge::{
            FileHolder, ForgeApi, ForgeError, ForgeErrorKind, ForgeRelease, KeptFile, KeptPackage,
            PublicRelease, ReleaseFile, ReleaseText,
            address::{address, part},
            answer::ForgeAnswer,
            client::{Again, ForgeContent, ForgeRequest},
            project::ForgeProject,
        },
        http::Method,
        lease::Permit,
    },
    policy::ForgePlace,
};

/// So many releases GitHub lists, the newest first, and refuses every page behind them.
const LISTED: usize = 10_000;

pub(super) struct GitHub(pub(super) ForgeProject);

impl GitHub {
    fn draft(holder: &FileHolder) -> Result<u64, ForgeError> {
        holder.draft.ok_or_else(without_draft)
    }
}

fn without_draft() -> ForgeError {
    let detail = "files belong to a draft, and there is none";
    ForgeError::new(ForgeErrorKind::Setup, "GitHub", detail)
}

/// What every request about a release says: GitHub would take the rest from the draft, and it is what the
/// lock's journal says that counts.
fn fields(text: &ReleaseText) -> Value {
    let mut fields = json!({
        "tag_name": text.tag,
        "target_commitish": text.commit,
        "prerelease": text.prerelease,
    });
    if let Some(title) = &text.title {
        fields["name"] = json!(title);
    }
    fields
}

fn release(document: &Value) -> Option<ForgeRelease> {
    Some(ForgeRelease {
        id: Some(document["id"].as_u64()?),
        is_public: !document["draft"].as_bool()?,
        text: document["body"].as_str().unwrap_or_default().to_owned(),
        title: document["name"].as_str().map(str::to_owned),
        target: document["target_commitish"].as_str().map(str::to_owned),
        prerelease: document["prerelease"].as_bool().unwrap_or_default(),
    })
}

fn asset(document: &Value) -> Option<KeptFile> {
    let digest = document["digest"].as_str();
    Some(KeptFile {
        id: document["id"].as_u64()?,
        name: document["name"].as_str()?.to_owned(),
        size: document["size"].as_u64()?,
        sha256: digest
            .and_then(|it| it.strip_prefix("sha256:"))
            .map(str::to_owned),
        is_whole: document["state"] == "uploaded",
    })
}

/// The number of the release that an answer shows, where that is the one that was asked for: any proxy can say 200.
fn shown(
    answer: &ForgeAnswer,
    (tag, id): (&str, Option<u64>),
    is_public: bool,
) -> Result<u64, ForgeError> {
    let document = answer.json()?;
    let shown = release(&document).filter(|_| document["tag_name"] == tag);
    let shown = shown.and_then(|it| Some((it.id?, it.is_public)));
    match shown.filter(|(shown, _)| id.is_none_or(|id| id == *shown)) {
        None => Err(answer.is_not(&format!("the release of `{tag}`"))),
        Some((id, now)) if now == is_public => Ok(id),
        Some((id, true)) => Err(answer.is_false(&format!("the release {id} is public"))),
        Some((id, false)) => Err(answer.is_false(&format!("the release {id} is a draft still"))),
    }
}

#[async_trait]
impl ForgeApi for GitHub {
    fn place(&self) -> &ForgePlace {
        &self.0.place
    }

    async fn check(&self) -> Result<Option<String>, ForgeError> {
        let answer = self.0.get("", &[], &[]).await;
        let answer = answer.map_err(|error| {
            error.remedy_of_token("the token needs the right `contents: write` on this project")
        })?;
        let project = answer.json()?;
        if project["permissions"]["push"] == json!(false) {
            return Err(ForgeError::new(
                ForgeErrorKind::Denied,
                self.0.place.page(),
                format!(
                    "the token of `{}` may only read",
                    self.0.client.token().variable
                ),
            )
            .remedy("the token needs the right `contents: write` on this project"));
        }
        match project["full_name"].is_string() {
            true => Ok(None),
            false => Err(answer.is_not("the project")),
        }
    }

    async fn releases(&self, tag: &str) -> Result<Vec<ForgeRelease>, ForgeError> {
        let mut found = Vec::new();
        let path = format!("releases/tags/{}", part(tag));
        let answer = self.0.get(&path, &[], &[404]).await?;
        if answer.status != 404 {
            let document = answer.json()?;
            let of_tag = release(&document).filter(|_| document["tag_name"] == tag);
            let public = of_tag.ok_or_else(|| answer.is_not(&format!("the release of `{tag}`")))?;
            // A draft is listed below.
            found.extend(Some(public).filter(|one| one.is_public));
        }
        // A draft is found by listing alone: it has no tag yet.
        let draft = |one: &Value| {
            let is_it = |draft: &ForgeRelease| one["tag_name"] == tag && !draft.is_public;
            Some(Some(release(one)?).filter(is_it))
        };
        let listed = self.0.list_first(LISTED, "releases", &[], draft).await?;
        found.extend(listed);
        Ok(found)
    }

    async fn drafts(&self) -> Result<Vec<(String, ForgeRelease)>, ForgeError> {
        let draft = |one: &Value| {
            let tagged = (one["tag_name"].as_str()?.to_owned(), release(one)?);
            Some(Some(tagged).filter(|(_, draft)| !draft.is_public))
        };
        self.0.list_first(LISTED, "releases", &[], draft).await
    }

    async fn unlinked_packages(&self) -> Result<Vec<KeptPackage>, ForgeError> {
        Ok(Vec::new())
    }

    fn time(&self) -> Option<DateTime<Utc>> {
        self.0.client.time()
    }

    async fn create_draft(&self, text: &ReleaseText) -> Result<u64, ForgeError> {
        let mut body = fields(text);
        body["body"] = json!(text.text);
        body["draft"] = json!(true);
        let asked = ForgeRequest {
            content: ForgeContent::Json(body),
            again: Again::Never,
            ..self.0.request(Method::POST, "releases", &[])?
        };
        let answer = self.0.client.send(asked).await;
        let answer = answer.map_err(ForgeError::remedy_of_name)?;
        shown(&answer, (&text.tag, None), false)
    }

    async fn change_text(
        &self,
        tag: &str,
        draft: &ForgeRelease,
        text: &str,
        permit: &Permit,
    ) -> Result<(), ForgeError> {
        let id = draft.id.ok_or_else(without_draft)?;
        // A word about `draft` would take back what has become public in the meantime.
        let mut body = json!({ "tag_name": tag, "body": text, "prerelease": draft.prerelease });
        if let Some(target) = &draft.target {
            body["target_commitish"] = json!(target);
        }
        if let Some(title) = &draft.title {
            body["name"] = json!(title);
        }
        let asked = ForgeRequest {
            content: ForgeContent::Json(body),
            again: Again::Permitted(permit),
            ..self
                .0
                .request(Method::PATCH, &format!("releases/{id}"), &[])?
        };
        let answer = self.0.client.send(asked).await?;
        shown(&answer, (tag, Some(id)), false).map(drop)
    }

    async fn files(&self, holder: &FileHolder) -> Result<Option<Vec<KeptFile>>, ForgeError> {
        let id = Self::draft(holder)?;
        let path = format!("releases/{id}/assets");
        let file = |one: &Value| asset(one).map(Some);
        self.0.list(&path, &[], file).await.map(Some)
    }

    fn file_url(&self, _holder: &FileHolder, _name: &str) -> Option<String> {
        None
    }

    async fn keep_file(&self, holder: &FileHolder, file: &ReleaseFile) -> Result<(), ForgeError> {
        let id = Self::draft(holder)?;
        let path = format!("{}/releases/{id}/assets", self.0.root);
        let asked = ForgeRequest {
            method: Method::POST,
            url: address(&self.0.place.uploads(), &path, &[("name", &file.name)])?,
            content: ForgeContent::File(file),
            again: Again::Never,
            allowed: &[],
        };
        let answer = self.0.client.send(asked).await?;
        // Whether it is whole, the list of files tells.
        match asset(&answer.json()?) {
            Some(kept) if kept.name == file.name => Ok(()),
            _ => Err(answer.is_not(&format!("the file `{}`", file.name))),
        }
    }

    async fn drop_file(&self, _holder: &FileHolder, file: &KeptFile) -> Result<(), ForgeError> {
        self.0.delete(&format!("releases/assets/{}", file.id)).await
    }

    async fn make_public(&self, public: &PublicRelease, permit: &Permit) -> Result<(), ForgeError> {
        let mut body = fields(&public.text);
        body["draft"] = json!(false);
        body["make_latest"] = json!(if public.latest { "true" } else { "false" });
        let (method, path) = match public.draft {
            Some(id) => (Method::PATCH, format!("releases/{id}")),
            None => {
                body["body"] = json!(public.text.text);
                (Method::POST, "releases".to_owned())
            }
        };
        let asked = ForgeRequest {
            content: ForgeContent::Json(body),
            again: Again::Permitted(permit),
            ..self.0.request(method, &path, &[])?
        };
        let answer = self.0.client.send(asked).await;
        let answer = answer.map_err(ForgeError::remedy_of_name)?;
        shown(&answer, (&public.text.tag, public.draft), true).map(drop)
    }

    async fn discard(&self, holder: &FileHolder) -> Result<(), ForgeError> {
        let Some(id) = holder.draft else {
            return Ok(());
        };
        self.0.delete(&format!("releases/{id}")).await
    }
}
