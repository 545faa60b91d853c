//! Stand-ins for GitHub and GitLab over HTTP: they keep releases, and refuse what those refuse, in their words.
//!
//! What a request may say is written down from the forges' own descriptions (GitHub's OpenAPI document,
//! GitLab's reference): a field that is not there is refused.

use std::{
    io::Write as _,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex, MutexGuard},
};

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use super::web::{Answer, Asked, WebServer};

/// A token that may do everything.
pub const TOKEN: &str = "t0ken-of-the-forge";

/// A running forge with the project `acme/api`.
pub struct TestForge {
    server: WebServer,
    state: Arc<Mutex<ForgeState>>,
}

/// What requests change, and how they are refused.
pub struct ForgeState {
    pub is_gitlab: bool,
    pub releases: Vec<Value>,
    /// Files of packages: version, name, content.
    pub packages: Vec<(String, String, Vec<u8>)>,
    /// Versions that packages have had, each by its number, and when they were made.
    package_numbers: Vec<(String, String)>,
    /// How far the forge's clock is ahead of this machine's.
    pub ahead: TimeDelta,
    /// Whether a list says where its next page is.
    pub links_pages: bool,
    /// The git repository whose tags the forge knows.
    pub tags_of: Option<PathBuf>,
    /// Tags that the forge made by itself.
    pub made_tags: Vec<String>,
    /// Answers that come instead, to requests whose line contains the text: so often.
    pub faults: Vec<(&'static str, usize, Answer)>,
    /// Requests that are carried out and not answered, by a part of their line: so often.
    pub lost: Vec<(&'static str, usize)>,
    /// From the first request on whose line contains this, the token is refused.
    pub refuses_after: Option<&'static str>,
    is_refusing: bool,
    /// Tag names that immutable releases have had.
    pub used_names: Vec<String>,
    /// Nothing of a public release can be changed.
    pub immutable: bool,
    last: u64,
}

impl TestForge {
    pub fn github() -> Self {
        Self::start(false)
    }

    pub fn gitlab() -> Self {
        Self::start(true)
    }

    /// GitLab behind TLS, with a certificate of an authority of its own.
    pub fn gitlab_behind_tls() -> Self {
        Self::start_with(true, true)
    }

    fn start(is_gitlab: bool) -> Self {
        Self::start_with(is_gitlab, false)
    }

    fn start_with(is_gitlab: bool, has_tls: bool) -> Self {
        let state = Arc::new(Mutex::new(ForgeState {
            is_gitlab,
            releases: Vec::new(),
            packages: Vec::new(),
            package_numbers: Vec::new(),
            ahead: TimeDelta::zero(),
            links_pages: true,
            tags_of: None,
            made_tags: Vec::new(),
            faults: Vec::new(),
            lost: Vec::new(),
            refuses_after: None,
            is_refusing: false,
            used_names: Vec::new(),
            immutable: false,
            last: 100,
        }));
        let shared = state.clone();
        let answer = move |asked: &Asked| shared.lock().unwrap().answer(asked);
        let server = match has_tls {
            true => WebServer::start_tls(answer),
            false => WebServer::start(answer),
        };
        Self { server, state }
    }

    pub fn state(&self) -> MutexGuard<'_, ForgeState> {
        self.state.lock().unwrap()
    }

    /// The state for what happens on other threads.
    pub fn shared(&self) -> Arc<Mutex<ForgeState>> {
        self.state.clone()
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn host(&self) -> String {
        let url = self.url();
        url.split("://").nth(1).unwrap_or_default().to_owned()
    }

    pub fn log(&self) -> Vec<Asked> {
        self.server.log()
    }

    /// Requests whose line contains `what` are answered so, so often.
    pub fn fault(&self, what: &'static str, times: usize, answer: Answer) {
        self.state().faults.push((what, times, answer));
    }

    /// The releases, each as its tag and whether it is a draft.
    pub fn releases(&self) -> Vec<(String, bool)> {
        let state = self.state();
        let one = |it: &Value| {
            let tag = it["tag_name"].as_str().unwrap().to_owned();
            (tag, it["draft"] == json!(true))
        };
        state.releases.iter().map(one).collect()
    }
}

/// With `HOIST_FORGE_LOG` the requests are added to that file, a JSON line each, to be held against the forges'
/// own descriptions by hand.
impl Drop for TestForge {
    fn drop(&mut self) {
        let Ok(path) = std::env::var("HOIST_FORGE_LOG") else {
            return;
        };
        let lines = self.log().into_iter().map(|asked| {
            let body = asked.json();
            let is_gitlab = asked.target.contains("/api/v4/");
            let line = json!({ "gitlab": is_gitlab, "method": asked.method,
                               "target": asked.target, "body": body });
            format!("{line}\n")
        });
        let text: String = lines.collect();
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path);
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }
}

/// The page of a list that was asked for; `links`: with the address of the next one.
fn page(asked: &Asked, all: &[Value], links: bool) -> Answer {
    let query = asked.target.split('?').nth(1).unwrap_or_default();
    let number = |key: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let found = pairs.find(|(name, _)| *name == key);
        found.and_then(|(_, value)| value.parse::<usize>().ok())
    };
    let size = number("per_page").unwrap_or(30);
    let from = size * (number("page").unwrap_or(1) - 1);
    let page: Vec<&Value> = all.iter().skip(from).take(size).collect();
    let answer = Answer::json(200, &json!(page));
    match links {
        true if from + size < all.len() => answer.with(
            "link",
            "<https://h/?page=2>; rel=\"next\", <https://h/?page=9>; rel=\"last\"",
        ),
        true if from > 0 => answer.with("link", "<https://h/?page=1>; rel=\"first\""),
        _ => answer,
    }
}

fn message(status: u16, text: &str) -> Answer {
    Answer::json(status, &json!({ "message": text }))
}

fn invalid(resource: &str, field: &str, code: &str, text: Option<&str>) -> Answer {
    let mut error = json!({ "resource": resource, "code": code, "field": field });
    if let Some(text) = text {
        error["message"] = json!(text);
    }
    let body = json!({ "message": "Validation Failed", "errors": [error] });
    Answer::json(422, &body)
}

/// Whether a document has only these fields, each of this type.
fn check_fields(body: &Value, fields: &[(&str, &str)]) -> Option<String> {
    for (name, value) in body.as_object()? {
        let Some((_, kind)) = fields.iter().find(|(own, _)| own == name) else {
            return Some(format!("{name} is not a permitted key."));
        };
        let fits = match *kind {
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "object" => value.is_object(),
            choices => choices.split('|').any(|choice| value == choice),
        };
        if !fits {
            return Some(format!("For '{name}', {value} is not a {kind}."));
        }
    }
    None
}

/// "Create a release" and "Update a release" of GitHub's description.
const GITHUB_FIELDS: [(&str, &str); 8] = [
    ("tag_name", "string"),
    ("target_commitish", "string"),
    ("name", "string"),
    ("body", "string"),
    ("draft", "boolean"),
    ("prerelease", "boolean"),
    ("discussion_category_name", "string"),
    ("make_latest", "true|false|legacy"),
];

/// "Create a release" of GitLab's reference, without what needs a higher tier.
const GITLAB_FIELDS: [(&str, &str); 6] = [
    ("tag_name", "string"),
    ("name", "string"),
    ("description", "string"),
    ("ref", "string"),
    ("released_at", "string"),
    ("assets", "object"),
];

impl ForgeState {
    fn answer(&mut self, asked: &Asked) -> Answer {
        let line = format!("{} {}", asked.method, asked.target);
        for (what, times, answer) in &mut self.faults {
            if *times > 0 && line.contains(*what) {
                *times -= 1;
                return answer.clone();
            }
        }
        if self.is_refusing && self.refuses_after.is_some() {
            return message(401, "Bad credentials");
        }
        self.is_refusing = self.refuses_after.is_some_and(|what| line.contains(what));
        let answer = match self.is_gitlab {
            true => self.gitlab(asked),
            false => self.github(asked),
        };
        let mut lost = self.lost.iter_mut();
        let lost = lost.find(|(what, times)| *times > 0 && line.contains(*what));
        let is_lost = lost.map(|(_, times)| *times -= 1).is_some();
        let answer = Answer { is_lost, ..answer };
        let now = Utc::now() + self.ahead;
        answer.with("date", now.format("%a, %d %b %Y %H:%M:%S GMT"))
    }

    /// The number of the package of a version, which is made where there is none.
    fn package_number(&mut self, version: &str) -> usize {
        let numbers = &mut self.package_numbers;
        let found = numbers.iter().position(|(own, _)| own == version);
        let at = found.unwrap_or_else(|| {
            let now = Utc::now() + self.ahead;
            numbers.push((version.to_owned(), now.to_rfc3339()));
            numbers.len() - 1
        });
        at + 7
    }

    /// Somebody has made a package with one file at this time.
    pub fn add_package(&mut self, version: &str, made: &str) {
        let number = self.package_number(version);
        self.package_numbers[number - 7].1 = made.to_owned();
        let file = (version.to_owned(), "api.txt".to_owned(), b"x".to_vec());
        self.packages.push(file);
    }

    /// The version of a package by its number, where it has files.
    fn package_version(&self, number: &str) -> Option<String> {
        let at = number.parse::<usize>().ok()?.checked_sub(7)?;
        let (version, _) = self.package_numbers.get(at)?;
        let is_there = self.packages.iter().any(|(own, ..)| own == version);
        is_there.then(|| version.clone())
    }

    fn has_tag(&self, tag: &str) -> bool {
        let Some(path) = &self.tags_of else {
            return true;
        };
        let shown = Command::new("git")
            .args(["show-ref", "--verify", "--quiet"])
            .arg(format!("refs/tags/{tag}"))
            .current_dir(path)
            .status();
        shown.unwrap().success()
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn release(&mut self, id: &str) -> Option<&mut Value> {
        let id: u64 = id.parse().ok()?;
        self.releases.iter_mut().find(|one| one["id"] == json!(id))
    }

    fn github(&mut self, asked: &Asked) -> Answer {
        if asked.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            return message(401, "Bad credentials");
        }
        let path = asked.path();
        let (is_upload, path) = match path.strip_prefix("/api/uploads/") {
            Some(path) => (true, path),
            None => (false, path.strip_prefix("/api/v3/").unwrap_or_default()),
        };
        let Some(rest) = path.strip_prefix("repos/acme/api") else {
            return message(404, "Not Found");
        };
        let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
        match (&*asked.method, &*parts, is_upload) {
            ("GET", [], false) => {
                let body = json!({ "full_name": "acme/api", "permissions": { "push": true } });
                Answer::json(200, &body)
            }
            ("GET", ["releases", "tags", tag], false) => {
                let mut all = self.releases.iter();
                let found = all.find(|it| it["tag_name"] == *tag && it["draft"] == json!(false));
                found.map_or_else(|| message(404, "Not Found"), |it| Answer::json(200, it))
            }
            ("GET", ["releases"], false) => page(asked, &self.releases, self.links_pages),
            ("GET", ["releases", "assets", id], false) => {
                let id: u64 = id.parse().unwrap();
                let mut assets = self.releases.iter().flat_map(|it| it["assets"].as_array());
                let found = assets.find_map(|all| all.iter().find(|it| it["id"] == json!(id)));
                found.map_or_else(|| message(404, "Not Found"), |it| Answer::json(200, it))
            }
            ("GET", ["releases", id], false) => match self.release(id) {
                Some(release) => Answer::json(200, release),
                None => message(404, "Not Found"),
            },
            ("POST", ["releases"], false) => self.create(&asked.json()),
            ("PATCH", ["releases", id], false) => self.change(id, &asked.json()),
            ("DELETE", ["releases", "assets", id], false) => {
                let id: u64 = id.parse().unwrap();
                for release in &mut self.releases {
                    let assets = release["assets"].as_array_mut().unwrap();
                    assets.retain(|it| it["id"] != json!(id));
                }
                Answer::text(204, "")
            }
            ("DELETE", ["releases", id], false) => {
                if self.release(id).is_none() {
                    return message(404, "Not Found");
                }
                let id: u64 = id.parse().unwrap();
                self.releases.retain(|it| it["id"] != json!(id));
                Answer::text(204, "")
            }
            ("GET", ["releases", id, "assets"], false) => match self.release(id) {
                Some(release) => page(asked, release["assets"].as_array().unwrap(), false),
                None => message(404, "Not Found"),
            },
            ("POST", ["releases", id, "assets"], true) => self.upload(id, asked),
            _ => message(404, "Not Found"),
        }
    }

    fn create(&mut self, body: &Value) -> Answer {
        let Some(tag) = body["tag_name"].as_str().map(str::to_owned) else {
            return message(422, "Invalid request.\n\n\"tag_name\" wasn't supplied.");
        };
        if let Some(why) = check_fields(body, &GITHUB_FIELDS) {
            return message(422, &format!("Invalid request.\n\n{why}"));
        }
        if body["body"].as_str().unwrap_or_default().chars().count() > 125_000 {
            return invalid(
                "Release",
                "body",
                "custom",
                Some("body is too long (maximum is 125000 characters)"),
            );
        }
        let mut all = self.releases.iter();
        if all.any(|it| it["tag_name"] == *tag && it["draft"] == json!(false)) {
            return invalid("Release", "tag_name", "already_exists", None);
        }
        let mut release = body.clone();
        release["id"] = json!(self.next());
        release["assets"] = json!([]);
        release["draft"] = json!(body["draft"] == json!(true));
        if release["draft"] == json!(false) && !self.has_tag(&tag) {
            self.made_tags.push(tag);
        }
        self.releases.push(release.clone());
        Answer::json(201, &release)
    }

    fn change(&mut self, id: &str, body: &Value) -> Answer {
        if let Some(why) = check_fields(body, &GITHUB_FIELDS) {
            return message(422, &format!("Invalid request.\n\n{why}"));
        }
        let immutable = self.immutable;
        let used = self.used_names.clone();
        let Some(release) = self.release(id) else {
            return message(404, "Not Found");
        };
        let is_used = used.iter().any(|name| release["tag_name"] == **name);
        if is_used && body["draft"] == json!(false) {
            return invalid(
                "Release",
                "tag_name",
                "custom",
                Some("tag_name was used by an immutable release"),
            );
        }
        if immutable && release["draft"] == json!(false) {
            return invalid(
                "Release",
                "tag_name",
                "custom",
                Some("Cannot edit an immutable release"),
            );
        }
        for (name, value) in body.as_object().unwrap() {
            release[name] = value.clone();
        }
        let release = release.clone();
        let tag = release["tag_name"].as_str().unwrap().to_owned();
        if release["draft"] == json!(false) && !self.has_tag(&tag) {
            self.made_tags.push(tag);
        }
        Answer::json(200, &release)
    }

    fn upload(&mut self, id: &str, asked: &Asked) -> Answer {
        let asset = self.next();
        let immutable = self.immutable;
        let Some(name) = asked.target.split("name=").nth(1).map(str::to_owned) else {
            return message(422, "Invalid name for request");
        };
        let Some(release) = self.release(id) else {
            return message(404, "Not Found");
        };
        if immutable && release["draft"] == json!(false) {
            return message(422, "Cannot upload assets to an immutable release");
        }
        if asked.body.is_empty() {
            let words = "size must be greater than or equal to 1";
            return invalid("ReleaseAsset", "size", "custom", Some(words));
        }
        let assets = release["assets"].as_array_mut().unwrap();
        if assets.iter().any(|it| it["name"] == *name) {
            return invalid("ReleaseAsset", "name", "already_exists", None);
        }
        let digest = hoist::oci::Digest::of(&asked.body).to_string();
        let made = json!({
            "id": asset,
            "name": name,
            "size": asked.body.len(),
            "state": "uploaded",
            "digest": digest,
        });
        assets.push(made.clone());
        Answer::json(201, &made)
    }

    fn gitlab(&mut self, asked: &Asked) -> Answer {
        let is_token = asked.header("private-token") == Some(TOKEN);
        let is_job = asked.header("job-token") == Some(TOKEN);
        if !is_token && !is_job {
            return message(401, "401 Unauthorized");
        }
        let Some(rest) = asked.path().strip_prefix("/api/v4/projects/acme%2Fapi") else {
            return message(404, "404 Project Not Found");
        };
        let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
        // What the token of a job may not ask.
        let is_closed =
            matches!(&*parts, [] | ["packages", ..]) && parts.get(1) != Some(&"generic");
        if is_job && is_closed {
            return message(403, "403 Forbidden");
        }
        match (&*asked.method, &*parts) {
            ("GET", []) => {
                let access = json!({ "project_access": { "access_level": 40 } });
                Answer::json(200, &json!({ "id": 1, "permissions": access }))
            }
            ("GET", ["releases", tag]) => {
                let mut all = self.releases.iter();
                let found = all.find(|it| it["tag_name"] == *tag);
                found.map_or_else(|| message(404, "404 Not Found"), |it| Answer::json(200, it))
            }
            ("GET", ["releases"]) => page(asked, &self.releases, self.links_pages),
            ("POST", ["releases"]) => self.create_gitlab(&asked.json()),
            ("PUT", ["packages", "generic", "hoist-release", version, name]) => {
                let file = (version.to_string(), name.to_string(), asked.body.clone());
                self.packages.push(file);
                self.package_number(version);
                if !asked.target.ends_with("?select=package_file") {
                    return message(201, "201 Created");
                }
                let digest = hoist::oci::Digest::of(&asked.body);
                let file = json!({ "id": self.packages.len() - 1, "package_id": 7, "file_name": name,
                                   "size": asked.body.len(), "file_sha256": digest.hex() });
                Answer::json(201, &file)
            }
            ("GET", ["packages"]) => {
                let numbers = self.package_numbers.iter().enumerate();
                let packages: Vec<Value> = numbers
                    .filter(|(at, _)| self.package_version(&(at + 7).to_string()).is_some())
                    .map(|(at, (version, made))| {
                        json!({ "id": at + 7, "name": "hoist-release", "version": version,
                                "created_at": made })
                    })
                    .collect();
                page(asked, &packages, self.links_pages)
            }
            (method, ["packages", number, rest @ ..]) => {
                let Some(version) = self.package_version(number) else {
                    return message(404, "404 Not Found");
                };
                match (method, rest) {
                    ("GET", []) => Answer::json(200, &json!({ "name": "hoist-release" })),
                    ("DELETE", []) => {
                        self.packages.retain(|(own, ..)| *own != version);
                        Answer::text(204, "")
                    }
                    ("GET", ["package_files"]) => {
                        let files = self.packages.iter().enumerate();
                        let files: Vec<Value> = files
                            .filter(|(_, (own, ..))| *own == version)
                            .map(|(at, (_, name, content))| {
                                let digest = hoist::oci::Digest::of(content);
                                json!({ "id": at, "file_name": name, "size": content.len(),
                                        "file_sha256": digest.hex() })
                            })
                            .collect();
                        page(asked, &files, false)
                    }
                    _ => message(404, "404 Not Found"),
                }
            }
            _ => message(404, "404 Not Found"),
        }
    }

    fn create_gitlab(&mut self, body: &Value) -> Answer {
        let tag = body["tag_name"].as_str().unwrap_or_default().to_owned();
        if let Some(why) = check_fields(body, &GITLAB_FIELDS) {
            return Answer::json(400, &json!({ "error": why }));
        }
        if self.releases.iter().any(|it| it["tag_name"] == *tag) {
            return message(409, "Release already exists");
        }
        if !self.has_tag(&tag) {
            // Without `ref` no tag is made.
            if body["ref"].is_null() {
                return message(422, "Ref is not specified");
            }
            self.made_tags.push(tag);
        }
        let mut release = body.clone();
        release["draft"] = json!(false);
        self.releases.push(release.clone());
        Answer::json(201, &release)
    }
}
