//! Releases of GitLab (REST API, version 4): there are no drafts. Files go to the project's registry of
//! generic packages, and the release that links them is made at the end, for a tag that is there.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::{
    io::{
        forge::{
            FileHolder, ForgeApi, ForgeError, ForgeErrorKind, ForgeRelease, KeptFile,
            PublicRelease, ReleaseFile, ReleaseText,
            address::part,
            client::{Again, ForgeContent, ForgeRequest},
            project::ForgeProject,
        },
        http::Method,
        lease::Permit,
    },
    policy::ForgePlace,
};

/// The name of the package that holds the files of releases.
pub(super) const PACKAGE: &str = "hoist-release";

/// The package with the files of a version.
enum Package {
    There(u64),
    None,
    /// The token may not see packages.
    Unseen,
}

pub(super) struct GitLab(pub(super) ForgeProject);

impl GitLab {
    fn file_path(version: &str, name: &str) -> String {
        format!(
            "packages/generic/{PACKAGE}/{}/{}",
            part(version),
            part(name)
        )
    }

    /// The package with the files of a version. A job's token may not list packages: then it is not known.
    async fn package(&self, version: &str) -> Result<Package, ForgeError> {
        let query = [
            ("package_type", "generic"),
            ("package_name", PACKAGE),
            ("package_version", version),
        ];
        let listed = match self.0.list("packages", &query).await {
            Err(error)
                if error.kind == ForgeErrorKind::Denied && self.0.client.token().is_of_job() =>
            {
                return Ok(Package::Unseen);
            }
            listed => listed?,
        };
        // The name is searched for, and so longer ones come, too.
        let is_it = |one: &&Value| one["name"] == PACKAGE && one["version"] == version;
        let mut packages = listed.iter();
        let found = packages.find(is_it).and_then(|one| one["id"].as_u64());
        Ok(found.map_or(Package::None, Package::There))
    }
}

#[async_trait]
impl ForgeApi for GitLab {
    fn place(&self) -> &ForgePlace {
        &self.0.place
    }

    async fn check(&self) -> Result<Option<String>, ForgeError> {
        if self.0.client.token().is_of_job() {
            return Ok(Some(
                "`CI_JOB_TOKEN` makes releases, and usually cannot push the git tag and the lock: git needs a credential of its own"
                    .to_owned(),
            ));
        }
        let answer = self.0.get("", &[], &[]).await;
        let project = answer
            .map_err(|error| {
                error.remedy_of_token(
                    "the token needs the scope `api`, and the role Developer or a higher one",
                )
            })?
            .json()?;
        let access = ["project_access", "group_access"].into_iter();
        let level = access.filter_map(|key| project["permissions"][key]["access_level"].as_u64());
        // 30 is a developer; where nothing is told, nothing is known.
        if level.max().is_some_and(|level| level < 30) {
            return Err(ForgeError::new(
                ForgeErrorKind::Denied,
                self.0.place.page(),
                "the token's role is below Developer",
            )
            .remedy("the token needs the scope `api`, and the role Developer or a higher one"));
        }
        Ok(None)
    }

    async fn releases(&self, tag: &str) -> Result<Vec<ForgeRelease>, ForgeError> {
        let path = format!("releases/{}", part(tag));
        let answer = self.0.get(&path, &[], &[404]).await?;
        if answer.status == 404 {
            return Ok(Vec::new());
        }
        let document = answer.json()?;
        Ok(vec![ForgeRelease {
            id: None,
            is_public: true,
            text: document["description"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        }])
    }

    async fn create_draft(&self, _text: &ReleaseText) -> Result<u64, ForgeError> {
        Err(without_drafts())
    }

    async fn change_draft(&self, _id: u64, _text: &ReleaseText) -> Result<(), ForgeError> {
        Err(without_drafts())
    }

    async fn files(&self, holder: &FileHolder) -> Result<Option<Vec<KeptFile>>, ForgeError> {
        let package = match self.package(&holder.version).await? {
            Package::Unseen => return Ok(None),
            Package::None => return Ok(Some(Vec::new())),
            Package::There(package) => package,
        };
        let path = format!("packages/{package}/package_files");
        let listed = self.0.list(&path, &[]).await?;
        let file = |one: &Value| {
            Some(KeptFile {
                id: one["id"].as_u64()?,
                name: one["file_name"].as_str()?.to_owned(),
                size: one["size"].as_u64()?,
                sha256: one["file_sha256"].as_str().map(str::to_owned),
                is_whole: true,
            })
        };
        Ok(Some(listed.iter().filter_map(file).collect()))
    }

    fn file_url(&self, holder: &FileHolder, name: &str) -> Option<String> {
        let path = Self::file_path(&holder.version, name);
        Some(format!("{}/{}/{path}", self.0.place.api(), self.0.root))
    }

    async fn keep_file(&self, holder: &FileHolder, file: &ReleaseFile) -> Result<(), ForgeError> {
        let path = Self::file_path(&holder.version, &file.name);
        let asked = ForgeRequest {
            content: ForgeContent::File(file),
            again: Again::Never,
            ..self.0.request(Method::PUT, &path, &[])?
        };
        self.0.client.send(asked).await.map(drop)
    }

    async fn drop_file(&self, holder: &FileHolder, file: &KeptFile) -> Result<(), ForgeError> {
        let Package::There(package) = self.package(&holder.version).await? else {
            return Ok(());
        };
        let path = format!("packages/{package}/package_files/{}", file.id);
        self.0.delete(&path).await
    }

    async fn make_public(&self, public: &PublicRelease, permit: &Permit) -> Result<(), ForgeError> {
        // Without `ref` GitLab makes no tag by itself.
        let links = public.links.iter();
        let link = |(name, url): &(String, String)| json!({ "name": name, "url": url, "link_type": "package" });
        let body = json!({
            "tag_name": public.text.tag,
            "name": public.text.title,
            "description": public.text.text,
            "assets": { "links": links.map(link).collect::<Vec<_>>() },
        });
        let asked = ForgeRequest {
            content: ForgeContent::Json(body),
            again: Again::Permitted(permit),
            ..self.0.request(Method::POST, "releases", &[])?
        };
        match self.0.client.send(asked).await {
            // A tag that was pushed a moment ago may not be known yet.
            Err(error) if error.detail.contains("Ref is not specified") => Err(ForgeError {
                kind: ForgeErrorKind::Later(None),
                ..error
            }),
            sent => sent.map(drop),
        }
    }

    async fn discard(&self, holder: &FileHolder) -> Result<(), ForgeError> {
        let Package::There(package) = self.package(&holder.version).await? else {
            return Ok(());
        };
        self.0.delete(&format!("packages/{package}")).await
    }
}

fn without_drafts() -> ForgeError {
    ForgeError::new(ForgeErrorKind::Setup, "GitLab", "it has no drafts")
}
