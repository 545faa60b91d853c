//! `schema/release.json` accepts what hoist accepts, and rejects each kind of mistake at the line
//! where hoist does.

use std::{fs, path::Path};

use hoist::policy::Policy;
use serde_json::Value;

use super::documents;

/// What a schema says of documents.
pub struct Validator {
    schemas: boon::Schemas,
    index: boon::SchemaIndex,
}

impl Validator {
    pub fn new(schema: Value) -> Self {
        let mut schemas = boon::Schemas::new();
        let mut compiler = boon::Compiler::new();
        let place = "https://example.org/schema.json";
        compiler.add_resource(place, schema).unwrap();
        let index = compiler.compile(place, &mut schemas).unwrap();
        Self { schemas, index }
    }

    /// What is wrong, if anything is.
    pub fn check(&self, document: &Value) -> Result<(), String> {
        let valid = self.schemas.validate(document, self.index);
        valid.map_err(|error| format!("{error:#}"))
    }
}

fn schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/release.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn json(text: &str) -> Option<Value> {
    serde_json::to_value(text.parse::<toml::Table>().ok()?).ok()
}

/// A place in the file where a text can stand: the lines before it, and the line with `@` for it.
struct Place {
    head: String,
    line: String,
}

impl Place {
    /// The file with `value` there. The line of the value is the last one.
    fn file(&self, value: &str) -> String {
        format!("{}{}\n", self.head, self.line.replace('@', value))
    }
}

/// A key: its table's name, its rule, and what stands before it in a file.
struct Key<'a> {
    head: String,
    name: &'a str,
    rule: &'a Value,
}

/// All keys of all tables, found in the schema.
fn keys<'a>(schema: &'a Value, table: &str, found: &mut Vec<Key<'a>>) {
    for (name, rule) in schema["properties"].as_object().unwrap() {
        let inside = match table {
            "" => name.clone(),
            table => format!("{table}.{name}"),
        };
        if inside == "sign" {
            // Its keys need each other: they have places of their own.
        } else if rule["properties"].is_object() {
            keys(rule, &inside, found);
        } else if rule["additionalProperties"]["properties"].is_object() {
            keys(
                &rule["additionalProperties"],
                &format!("{inside}.one"),
                found,
            );
        } else {
            let image = "[image]\nrepository = \"acme/api\"\n";
            let head = match table {
                "" => "image.repository = \"acme/api\"\n".to_owned(),
                "image" => image.to_owned(),
                table => format!("{image}\n[{table}]\n"),
            };
            // One of the two that name repositories is enough.
            let head = match (&**name, table) {
                ("repository" | "repositories", "image") => "[image]\n".to_owned(),
                ("repository" | "repositories", _) => head,
                (_, "images.one") => format!("{head}repository = \"acme/one\"\n"),
                _ => head,
            };
            found.push(Key { head, name, rule });
        }
    }
}

fn all_keys(schema: &Value) -> Vec<Key<'_>> {
    let mut found = Vec::new();
    keys(schema, "", &mut found);
    assert!(found.len() > 55, "only {} keys were found", found.len());
    found
}

/// Every place for a text.
fn places(keys: &[Key<'_>]) -> Vec<Place> {
    let mut places = Vec::new();
    for Key { head, name, rule } in keys {
        let mut add = |line: String| {
            let head = head.clone();
            places.push(Place { head, line });
        };
        match rule["type"].as_str() {
            Some("string") => add(format!("{name} = @")),
            Some("array") if rule["items"]["type"] == "string" => add(format!("{name} = [@]")),
            Some("object") => add(format!("{name} = {{ a = @ }}")),
            _ => {}
        }
    }
    for (head, line) in [
        ("version", "rules = [{ bump = \"patch\", type = @ }]"),
        ("version", "rules = [{ bump = \"patch\", scope = @ }]"),
        ("version", "rules = [{ bump = \"patch\", match = @ }]"),
        ("version", "files = [{ path = @ }]"),
        ("version", "files = [{ path = \"a\", pattern = @ }]"),
        ("image.build", "secrets = [{ id = \"a\", env = @ }]"),
        ("branches", "prerelease = { @ = \"rc\" }"),
    ] {
        let head = format!("[image]\nrepository = \"acme/api\"\n\n[{head}]\n");
        let line = line.to_owned();
        places.push(Place { head, line });
    }
    for line in [
        "sign = { with = @ }",
        "sign = { with = \"cosign\", key = @ }",
        "sign = { with = \"cosign\", timeout = @ }",
        "sign = { with = \"cosign\", tlog = @ }",
        "sign = { run = [\"x\", \"{image}\"], verify = @ }",
        "attach = [{ type = \"a/b\", file = @ }]",
        "attach = [{ file = \"a\", type = @ }]",
        "attach = [{ file = \"a\", type = \"a/b\", platform = @ }]",
    ] {
        let head = "image.repository = \"acme/api\"\n".to_owned();
        let line = line.to_owned();
        places.push(Place { head, line });
    }
    places
}

/// Values of other types than the rule's.
fn of_other_types(rule: &Value) -> &'static [&'static str] {
    match rule["type"].as_str() {
        Some("boolean") => &["\"true\"", "1"],
        Some("integer") => &["\"1\"", "[1]", "-1"],
        Some("array") if rule["items"]["type"] == "string" => &["\"x\"", "[1]"],
        Some("array") => &["\"x\"", "[\"x\"]"],
        Some("object") => &["\"x\"", "{ a = 1 }"],
        _ if rule["oneOf"].is_array() => &["\"xyzzy\"", "true"],
        _ => &["1", "[\"x\"]"],
    }
}

/// Mistakes that people make, each one line below a table.
const MISTAKES: &[(&str, &str)] = &[
    ("image", "repositories = [\"https://ghcr.io/acme/api\"]"),
    ("image", "repositories = [\"acme/api:latest\"]"),
    ("image", "repositories = [\"Acme/API\"]"),
    ("image", "repositories = [\"acme//api\"]"),
    (
        "image",
        "repositories = [\"ghcr.io/${{ github.repository }}\"]",
    ),
    ("image", "repositories = [\"$CI_REGISTRY_IMAGE\"]"),
    ("image", "labels = { a = \"{verison}\" }"),
    ("image", "labels = { a = \"{version\" }"),
    ("image", "labels = { a = \"version}\" }"),
    ("image", "labels = { a = 1 }"),
    ("image", "annotations = { a = \"{{version}\" }"),
    ("image", "tags = [\"latest\"]"),
    ("image", "name = \"api\""),
    ("image", "platforms = [\"linux/amd64\"]"),
    ("image.build", "platforms = [\"amd64\"]"),
    ("image.build", "platforms = [\"linux/x86_64\"]"),
    ("image.build", "platforms = [\"linux/amd64,linux/arm64\"]"),
    ("image.build", "platforms = \"linux/amd64\""),
    (
        "image.build",
        "platforms = [\"linux/amd64\", \"linux/amd64\"]",
    ),
    ("image.build", "platforms = [\"linux/arm64/v77\"]"),
    ("image.build", "dockerfile = \"/Dockerfile\""),
    ("image.build", "dockerfile = \"docker/\""),
    ("image.build", "context = \"..\""),
    ("image.build", "context = \"../x\""),
    ("image.build", "context = \"/\""),
    ("image.build", "context = \"\""),
    ("image.build", "args = { VERSION = \"{Version}\" }"),
    ("image.build", "args = [\"VERSION={version}\"]"),
    ("image.build", "build-args = { A = \"b\" }"),
    ("image.build", "secrets = [{ id = \"npm\" }]"),
    (
        "image.build",
        "secrets = [{ id = \"npm\", env = \"A\", file = \"b\" }]",
    ),
    ("image.build", "secrets = [{ env = \"A\" }]"),
    ("image.build", "secrets = [\"id=npm\"]"),
    ("image.build", "source = \"head\""),
    ("image.build", "builder = \"ftp://builder\""),
    ("image.build", "compression = \"zstd\""),
    ("image.build", "command = [\"make\", 3]"),
    ("image.build", "command = \"make\""),
    ("image.build", "same-image = true"),
    ("image.build", "cache_from = []"),
    ("image.budget", "max = 120"),
    ("image.budget", "max = \"120\""),
    ("image.budget", "max = \"120M\""),
    ("image.budget", "max = \"-1MB\""),
    ("image.budget", "growth = \"10\""),
    ("image.budget", "growth = \"ten%\""),
    ("image.budget", "waste = \"1,5MB\""),
    ("image.budget", "deny = [\"root\"]"),
    ("image.budget", "deny = \"root-user\""),
    ("version", "tag = \"v\""),
    ("version", "tag = \"v{version}-{version}\""),
    ("version", "tag = \"v{major}.{minor}.{patch}\""),
    ("version", "tag = \"release {version}\""),
    ("version", "tag = \"-v{version}\""),
    ("version", "tag = \"v{version}.lock\""),
    ("version", "tag = \"a..{version}\""),
    ("version", "initial = \"1.0\""),
    ("version", "initial = \"v1.0.0\""),
    ("version", "initial = \"01.0.0\""),
    ("version", "initial = 1.0"),
    ("version", "zero = \"patch\""),
    ("version", "paths = [\"src[\"]"),
    ("version", "rules = [{ type = \"perf\" }]"),
    ("version", "rules = [{ bump = \"patch\" }]"),
    ("version", "rules = [{ type = \"perf\", bump = \"fix\" }]"),
    (
        "version",
        "rules = [{ types = [\"perf\"], bump = \"patch\" }]",
    ),
    ("version", "rules = [{ type = \"a[\", bump = \"patch\" }]"),
    ("version", "files = [{ path = \"README.md\" }]"),
    ("version", "files = [\"Cargo.toml\"]"),
    ("version", "files = [{ path = \"/Cargo.toml\" }]"),
    ("version", "files = [{ path = \"../Cargo.toml\" }]"),
    ("version", "squash = \"commits\""),
    ("version", "unconventional = \"fail\""),
    ("branches", "stable = \"main\""),
    ("branches", "stable = [\"main[\"]"),
    ("branches", "maintenance = [\"1.x\"]"),
    ("branches", "maintenance = [\"{minor}.x\"]"),
    ("branches", "maintenance = [\"{major}.{patch}\"]"),
    ("branches", "prerelease = [\"next\"]"),
    ("branches", "prerelease = { next = \"1\" }"),
    ("branches", "prerelease = { next = \"rc.1\" }"),
    ("branches", "prerelease = { next = \"\" }"),
    ("tags", "fixed = [\"\"]"),
    ("tags", "fixed = [\"{version}+x\"]"),
    ("tags", "fixed = [\".{version}\"]"),
    ("tags", "fixed = [\"-{version}\"]"),
    ("tags", "fixed = [\"{sha:3}\"]"),
    ("tags", "fixed = [\"{sha:short}\"]"),
    ("tags", "fixed = [\"{{version}}\"]"),
    ("tags", "fixed = [\"{{ version }}\"]"),
    ("tags", "moving = [\"{major}.{mnior}\"]"),
    ("tags", "moving = [\"${major}\"]"),
    ("tags", "moving = [\"v{version:x}\"]"),
    ("tags", "moving = \"latest\""),
    ("tags", "date = \"\""),
    ("tags", "latest = true"),
    ("tags", "latest = \"always\""),
    ("tags", "guard = \"none\""),
    ("tags", "zero_major = true"),
    ("variants.alpine", "suffix = \"\""),
    ("variants.alpine", "suffix = \"+alpine\""),
    ("variants.alpine", "dockerfile = \"/Dockerfile\""),
    ("variants.alpine", "builder = \"classic\""),
    ("variants.alpine", "images = \"main\""),
    ("variants.alpine", "target = { main = 1 }"),
    ("variants.alpine", "dockerfile = { main = \"/Dockerfile\" }"),
    ("images.worker", "repository = \"acme/worker:1\""),
    ("images.worker", "platforms = [\"amd64\"]"),
    ("images.worker", "budget = { max = 1 }"),
    ("publish", "on-failure = \"keep\""),
    ("publish", "deadline = \"10\""),
    ("publish", "deadline = \"10 minutes\""),
    ("publish", "deadline = 600"),
    ("publish", "grace = \"1.5s\""),
    ("publish", "verify-timeout = \"1d\""),
    ("publish", "timeout = \"60s\""),
    ("hooks", "after-stage = [\"./smoke.sh\"]"),
    ("hooks", "after-stage = [{ run = [] }]"),
    ("hooks", "after-stage = [{ run = \"./smoke.sh\" }]"),
    (
        "hooks",
        "after-stage = [{ run = [\"a\"], timeout = \"10\" }]",
    ),
    ("hooks", "before-stage = []"),
    ("git", "push = \"yes\""),
    ("git", "lock-refs = \"hoist\""),
    ("git", "lock-refs = \"refs/a b\""),
    ("notes", "template = true"),
    ("notes", "changelog = \"CHANGELOG.md\""),
    ("registry.\"a.example\"", "insecure = true"),
    ("registry.\"a.example\"", "plain-http = \"true\""),
    ("sign", "key = \"a\""),
    ("docker", "image = \"a\""),
];

/// Files that are wrong in their last line and nowhere else.
fn wrong_files(schema: &Value) -> Vec<String> {
    let keys = all_keys(schema);
    let mut files = Vec::new();
    for Key { head, name, rule } in &keys {
        for value in of_other_types(rule) {
            files.push(format!("{head}{name} = {value}\n"));
        }
        // A letter is missing.
        let middle = name.len() / 2;
        let value = match rule["type"].as_str() {
            Some("boolean") => "true",
            Some("array") => "[]",
            Some("object") => "{}",
            _ => "\"x\"",
        };
        files.push(format!(
            "{head}{}{} = {value}\n",
            &name[..middle],
            &name[middle + 1..]
        ));
    }
    for (table, line) in MISTAKES {
        files.push(match *table {
            "image" => format!("[image]\n{line}\n"),
            table => format!("[image]\nrepository = \"acme/api\"\n\n[{table}]\n{line}\n"),
        });
    }
    files
}

#[test]
fn the_schema_rejects_what_hoist_rejects() {
    let schema = schema();
    let validator = Validator::new(schema.clone());
    let files = wrong_files(&schema);
    assert!(files.len() >= 200, "{}", files.len());
    // For other validators: each file's name says its wrong line.
    let folder = std::env::var_os("HOIST_WRONG_FILES");
    for (index, file) in files.iter().enumerate() {
        assert!(
            Policy::parse(file, "release.toml").is_err(),
            "hoist accepts {file}"
        );
        let document = json(file).expect("TOML");
        assert!(
            validator.check(&document).is_err(),
            "the schema accepts {file}"
        );
        if let Some(folder) = &folder {
            let name = format!("{index:03}-line-{}.toml", file.lines().count());
            fs::write(Path::new(folder).join(name), file).unwrap();
        }
    }
}

/// Everything in the repository that is a policy.
fn policies() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| {
        (
            path.to_owned(),
            fs::read_to_string(root.join(path)).unwrap(),
        )
    };
    let mut all = vec![
        read("release.toml"),
        read("release.toml.example"),
        read("examples/xtask/release.toml"),
    ];
    for document in documents::documents() {
        let text = fs::read_to_string(root.join(&document)).unwrap();
        let blocks = documents::blocks(&text, "toml").into_iter();
        all.extend(blocks.map(|block| (document.clone(), block)));
    }
    for entry in fs::read_dir(root.join("fuzz/seeds/policy")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&text).into_owned();
        all.push((path.display().to_string(), text));
    }
    all
}

#[test]
fn the_schema_accepts_every_policy_of_the_repository() {
    let validator = Validator::new(schema());
    let mut count = 0;
    for (name, text) in policies() {
        if Policy::parse(&text, &name).is_ok() {
            count += 1;
            let document = json(&text).expect("TOML");
            let valid = validator.check(&document);
            assert!(valid.is_ok(), "{name}: {}\n{text}", valid.unwrap_err());
        }
    }
    assert!(count > 8, "{count}");
}

/// A schema that refused a policy which hoist takes would be worse than none.
#[test]
fn the_schema_accepts_what_hoist_accepts() {
    let schema = schema();
    let validator = Validator::new(schema.clone());
    let places = places(&all_keys(&schema));
    let pieces = [
        "{version}",
        "{major}",
        "{minor}",
        "{sha}",
        "{sha:12}",
        "{sha:007}",
        "{sha:full}",
        "{date}",
        "{date:%Y}",
        "{commit_date:%H:%M}",
        "{branch}",
        "{{",
        "}}",
        "{",
        "}",
        "[a-z]",
        "[",
        "]",
        "\\",
        "*",
        "!",
        "/",
        "./",
        "..",
        ".",
        "-",
        "_",
        ":",
        "@",
        "+",
        "=",
        " ",
        "\n",
        "é",
        "a",
        "B",
        "0",
        "7",
        "42",
        "v",
        "s",
        "ms",
        "h",
        "linux/arm",
        "/v7",
        "amd64",
        "refs/",
        "localhost",
        "a.example",
        "[::1]:5000",
        "Cargo.toml",
        "VERSION",
        "1.2.3",
        "-rc.1",
        "+b",
        ".lock",
        "(x)",
        "x|y",
    ];
    let mut random = fastrand::Rng::with_seed(1);
    let mut accepted = 0;
    for place in &places {
        for _ in 0..120 {
            let count = random.usize(0..4);
            let text: String = (0..count)
                .map(|_| pieces[random.usize(..pieces.len())])
                .collect();
            let file = place.file(&toml::Value::String(text).to_string());
            if Policy::parse(&file, "release.toml").is_ok() {
                accepted += 1;
                let valid = validator.check(&json(&file).expect("TOML"));
                assert!(valid.is_ok(), "{}\n{file}", valid.unwrap_err());
            }
        }
    }
    assert!(accepted > 500, "{accepted}");
}
