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
        let id = |one: &Value| one["id"].as_u64();
        let listed = match self.0.list("packages", &query, id).await {
            Err(error)
                if error.kind == ForgeErrorKind::Denied && self.0.client.token().is_of_job() =>
            {
                return Ok(Package::Unseen);
            }
            listed => listed?,
        };
        // The name is searched for, and so longer ones come, too.
        let mut packages = listed.into_iter();
        let found = packages.find(|(one, _)| one["name"] == PACKAGE && one["version"] == version);
        Ok(found.map_or(Package::None, |(_, id)| Package::There(id)))
    }

    async fn package_files(&self, package: u64) -> Result<Vec<KeptFile>, ForgeError> {
        let path = format!("packages/{package}/package_files");
        let listed = self.0.list(&path, &[], package_file).await?;
        Ok(listed.into_iter().map(|(_, file)| file).collect())
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
        let answer = answer.map_err(|error| {
            error.remedy_of_token(
                "the token needs the scope `api`, and the role Developer or a higher one",
            )
        })?;
        let project = answer.json()?;
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
        match project["id"].is_u64() {
            true => Ok(None),
            false => Err(answer.is_not("the project")),
        }
    }

    async fn releases(&self, tag: &str) -> Result<Vec<ForgeRelease>, ForgeError> {
        let path = format!("releases/{}", part(tag));
        let answer = self.0.get(&path, &[], &[404]).await?;
        if answer.status == 404 {
            return Ok(Vec::new());
        }
        let document = answer.json()?;
        if document["tag_name"] != tag {
            return Err(answer.is_not(&format!("the release of `{tag}`")));
        }
        Ok(vec![ForgeRelease {
            id: None,
            is_public: true,
            text: document["description"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        }])
    }

    async fn drafts(&self) -> Result<Vec<(String, ForgeRelease)>, ForgeError> {
        Ok(Vec::new())
    }

    async fn create_draft(&self, _text: &ReleaseText) -> Result<u64, ForgeError> {
        Err(without_drafts())
    }

    async fn change_draft(&self, _id: u64, _text: &ReleaseText) -> Result<(), ForgeError> {
        Err(without_drafts())
    }

    async fn files(&self, holder: &FileHolder) -> Result<Option<Vec<KeptFile>>, ForgeError> {
        let package = match self.package(&holder.package).await? {
            Package::Unseen => return Ok(None),
            Package::None => return Ok(Some(Vec::new())),
            Package::There(package) => package,
        };
        self.package_files(package).await.map(Some)
    }

    fn file_url(&self, holder: &FileHolder, name: &str) -> Option<String> {
        let path = Self::file_path(&holder.package, name);
        Some(format!("{}/{}/{path}", self.0.place.api(), self.0.root))
    }

    async fn keep_file(&self, holder: &FileHolder, file: &ReleaseFile) -> Result<(), ForgeError> {
        let path = Self::file_path(&holder.package, &file.name);
        let asked = ForgeRequest {
            content: ForgeContent::File(file),
            again: Again::Never,
            ..self
                .0
                .request(Method::PUT, &path, &[("select", "package_file")])?
        };
        let answer = self.0.client.send(asked).await?;
        let document = answer.json()?;
        let is_it = match package_file(&document) {
            Some(kept) => kept.is(file),
            // What GitLab says where it does not know the choice.
            None => answer.status == 201 && document["message"] == "201 Created",
        };
        match is_it {
            true => Ok(()),
            false => Err(answer.is_not(&format!("the file `{}`, whole", file.name))),
        }
    }

    async fn drop_file(&self, holder: &FileHolder, file: &KeptFile) -> Result<(), ForgeError> {
        let Package::There(package) = self.package(&holder.package).await? else {
            return Ok(());
        };
        let path = format!("packages/{package}/package_files/{}", file.id);
        let answer = self.0.ask_to_delete(&path).await?;
        let left = self.package_files(package).await?;
        match left.iter().any(|one| one.id == file.id) {
            false => Ok(()),
            true => Err(answer.is_false(&format!("the file `{}` is still there", file.name))),
        }
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
            sent => {
                let (answer, tag) = (sent?, &public.text.tag);
                let document = answer.json()?;
                let shown = document["assets"]["links"].as_array();
                let is_shown = |(name, _): &(String, String)| {
                    shown.is_some_and(|links| links.iter().any(|link| link["name"] == **name))
                };
                let is_whole = public.links.iter().all(is_shown);
                match document["tag_name"] == **tag && is_whole {
                    true => Ok(()),
                    false => Err(answer.is_not(&format!("the release of `{tag}` and its files"))),
                }
            }
        }
    }

    async fn discard(&self, holder: &FileHolder) -> Result<(), ForgeError> {
        match self.package(&holder.package).await? {
            Package::There(package) => self.0.delete(&format!("packages/{package}")).await,
            Package::None => Ok(()),
            Package::Unseen => Err(ForgeError::new(
                ForgeErrorKind::Denied,
                self.0.place.page(),
                format!(
                    "`CI_JOB_TOKEN` may not delete the package `{PACKAGE}` {}",
                    holder.package
                ),
            )),
        }
    }
}

fn package_file(document: &Value) -> Option<KeptFile> {
    Some(KeptFile {
        id: document["id"].as_u64()?,
        name: document["file_name"].as_str()?.to_owned(),
        size: document["size"].as_u64()?,
        sha256: document["file_sha256"].as_str().map(str::to_owned),
        is_whole: true,
    })
}

fn without_drafts() -> ForgeError {
    ForgeError::new(ForgeErrorKind::Setup, "GitLab", "it has no drafts")
}
