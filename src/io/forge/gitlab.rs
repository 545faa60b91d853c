//! Releases of GitLab (REST API, version 4): there are no drafts. Files go to the project's registry of
//! generic packages, and the release that links them is made at the end, for a tag that is there.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use semver::Version;
use serde_json::{Value, json};

use crate::{
    io::{
        forge::{
            FileHolder, ForgeApi, ForgeError, ForgeErrorKind, ForgeRelease, KeptFile, KeptPackage,
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

/// How many characters the nonce of a run has.
const NONCE: usize = 32;

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
        // The name is searched for, and so longer ones come, too.
        let id = |one: &Value| {
            let is_it = one["name"] == PACKAGE && one["version"] == version;
            Some(Some(one["id"].as_u64()?).filter(|_| is_it))
        };
        let listed = match self.0.list("packages", &query, id).await {
            Err(error) if self.is_unseen(&error) => return Ok(Package::Unseen),
            listed => listed?,
        };
        let found = listed.into_iter().next();
        Ok(found.map_or(Package::None, Package::There))
    }

    /// Whether the token of a job was refused, which may not list packages.
    fn is_unseen(&self, error: &ForgeError) -> bool {
        error.kind == ForgeErrorKind::Denied && self.0.client.token().is_of_job()
    }

    async fn package_files(&self, package: u64) -> Result<Vec<KeptFile>, ForgeError> {
        let path = format!("packages/{package}/package_files");
        let file = |one: &Value| package_file(one).map(Some);
        self.0.list(&path, &[], file).await
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
            title: document["name"].as_str().map(str::to_owned),
            target: None,
            prerelease: false,
        }])
    }

    async fn drafts(&self) -> Result<Vec<(String, ForgeRelease)>, ForgeError> {
        Ok(Vec::new())
    }

    async fn unlinked_packages(&self) -> Result<Vec<KeptPackage>, ForgeError> {
        let query = [("package_type", "generic"), ("package_name", PACKAGE)];
        let mut packages = match self.0.list("packages", &query, of_run).await {
            Err(error) if self.is_unseen(&error) => return Ok(Vec::new()),
            listed => listed?,
        };
        if packages.is_empty() {
            return Ok(packages);
        }
        // Policies of one project share the package's name, so the links of all releases count.
        let linked = self.0.list("releases", &[], links).await?;
        packages.retain(|one| {
            let place = format!("/{PACKAGE}/{}/", part(&one.version));
            !linked.iter().flatten().any(|url| url.contains(&place))
        });
        Ok(packages)
    }

    fn time(&self) -> Option<DateTime<Utc>> {
        self.0.client.time()
    }

    async fn create_draft(&self, _text: &ReleaseText) -> Result<u64, ForgeError> {
        Err(without_drafts())
    }

    async fn change_text(
        &self,
        _tag: &str,
        _draft: &ForgeRelease,
        _text: &str,
        _permit: &Permit,
    ) -> Result<(), ForgeError> {
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

/// A package that a run has made for itself; `Some(None)`: another one.
fn of_run(document: &Value) -> Option<Option<KeptPackage>> {
    let (name, version) = (document["name"].as_str()?, document["version"].as_str());
    let own = version.filter(|version| {
        let parts = version.rsplit_once('-');
        name == PACKAGE
            && parts.is_some_and(|(version, nonce)| {
                let is_nonce =
                    nonce.len() == NONCE && nonce.bytes().all(|it| it.is_ascii_hexdigit());
                is_nonce && version.parse::<Version>().is_ok()
            })
    });
    let made = document["created_at"].as_str();
    let made = made.and_then(|at| DateTime::parse_from_rfc3339(at).ok());
    Some(own.map(|version| KeptPackage {
        version: version.to_owned(),
        since: made.map(|at| at.to_utc()),
    }))
}

/// The addresses that a release links.
fn links(document: &Value) -> Option<Option<Vec<String>>> {
    document["tag_name"].as_str()?;
    let links = document["assets"]["links"].as_array()?.iter();
    let urls = links.map(|link| link["url"].as_str().map(str::to_owned));
    urls.collect::<Option<_>>().map(Some)
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
