//! Releases of GitHub (REST API, version 2022-11-28): a draft with its files, which is made public at the
//! end.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::{
    io::{
        forge::{
            FileHolder, ForgeApi, ForgeError, ForgeErrorKind, ForgeRelease, KeptFile,
            PublicRelease, ReleaseFile, ReleaseText,
            address::{address, part},
            client::{Again, ForgeContent, ForgeRequest},
            project::ForgeProject,
        },
        http::Method,
        lease::Permit,
    },
    policy::ForgePlace,
};

pub(super) struct GitHub(pub(super) ForgeProject);

impl GitHub {
    fn draft(holder: &FileHolder) -> Result<u64, ForgeError> {
        holder.draft.ok_or_else(|| {
            ForgeError::new(
                ForgeErrorKind::Setup,
                "GitHub",
                "files belong to a draft, and there is none",
            )
        })
    }
}

/// What every request about a release says: GitHub would take the rest from the draft, and it is what the
/// lock's journal says that counts.
fn fields(text: &ReleaseText) -> Value {
    json!({
        "tag_name": text.tag,
        "target_commitish": text.commit,
        "name": text.title,
        "prerelease": text.prerelease,
    })
}

fn release(document: &Value) -> Option<ForgeRelease> {
    Some(ForgeRelease {
        id: Some(document["id"].as_u64()?),
        is_public: !document["draft"].as_bool()?,
        text: document["body"].as_str().unwrap_or_default().to_owned(),
    })
}

#[async_trait]
impl ForgeApi for GitHub {
    fn place(&self) -> &ForgePlace {
        &self.0.place
    }

    async fn check(&self) -> Result<Option<String>, ForgeError> {
        let answer = self.0.get("", &[], &[]).await;
        let project = answer
            .map_err(|error| {
                error.remedy_of_token("the token needs the right `contents: write` on this project")
            })?
            .json()?;
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
        Ok(None)
    }

    async fn releases(&self, tag: &str) -> Result<Vec<ForgeRelease>, ForgeError> {
        let mut found = Vec::new();
        let path = format!("releases/tags/{}", part(tag));
        let answer = self.0.get(&path, &[], &[404]).await?;
        if answer.status != 404 {
            found.extend(release(&answer.json()?));
        }
        // A draft is found by listing alone: it has no tag yet.
        let listed = self.0.list("releases", &[]).await?;
        let of_tag = listed.iter().filter(|one| one["tag_name"] == tag);
        let drafts = of_tag.filter(|one| one["draft"] == json!(true));
        found.extend(drafts.filter_map(release));
        Ok(found)
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
        let answer = self.0.client.send(asked).await?;
        answer.json()?["id"]
            .as_u64()
            .ok_or_else(|| answer.lacks("number"))
    }

    async fn change_draft(&self, id: u64, text: &ReleaseText) -> Result<(), ForgeError> {
        let mut body = fields(text);
        body["body"] = json!(text.text);
        body["draft"] = json!(true);
        let asked = ForgeRequest {
            content: ForgeContent::Json(body),
            ..self
                .0
                .request(Method::PATCH, &format!("releases/{id}"), &[])?
        };
        self.0.client.send(asked).await.map(drop)
    }

    async fn files(&self, holder: &FileHolder) -> Result<Option<Vec<KeptFile>>, ForgeError> {
        let id = Self::draft(holder)?;
        let path = format!("releases/{id}/assets");
        let listed = self.0.list(&path, &[]).await?;
        let file = |one: &Value| {
            let digest = one["digest"].as_str();
            Some(KeptFile {
                id: one["id"].as_u64()?,
                name: one["name"].as_str()?.to_owned(),
                size: one["size"].as_u64()?,
                sha256: digest
                    .and_then(|it| it.strip_prefix("sha256:"))
                    .map(str::to_owned),
                is_whole: one["state"] == "uploaded",
            })
        };
        Ok(Some(listed.iter().filter_map(file).collect()))
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
        self.0.client.send(asked).await.map(drop)
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
        self.0.client.send(asked).await.map(drop)
    }

    async fn discard(&self, holder: &FileHolder) -> Result<(), ForgeError> {
        let Some(id) = holder.draft else {
            return Ok(());
        };
        self.0.delete(&format!("releases/{id}")).await
    }
}
