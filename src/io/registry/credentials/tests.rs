use std::{fs, path::Path};

use tempfile::TempDir;

use super::*;
use crate::oci::Repository;

fn repository(name: &str) -> Repository {
    name.parse().expect("a good name")
}

fn registry(host: &str) -> Registry {
    repository(&format!("{host}/a/b")).registry().clone()
}

fn password(username: &str, password: &str) -> Option<Credential> {
    Some(Credential::Password {
        username: username.into(),
        password: password.into(),
    })
}

/// What is found for a repository, or the words of the error.
async fn found(
    variables: &[(&str, &str)],
    name: &str,
    pair: UnnamedPair,
) -> Result<Option<Credential>, String> {
    let environment: Environment = variables.iter().copied().collect();
    let repository = repository(name);
    let target = CredentialTarget {
        registry: repository.registry(),
        path: Some(repository.path()),
    };
    let found = find(&environment, target, pair).await;
    found.map_err(|error| error.to_string())
}

const PAIR: [(&str, &str); 2] = [(USERNAME, "u"), (PASSWORD, "p")];

fn pair_with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [&PAIR[..], more].concat()
}

#[tokio::test]
async fn the_pair_without_a_host_is_for_the_only_registry_of_what_publishes() {
    for (pair, expected) in [
        (UnnamedPair::Here, password("u", "p")),
        (UnnamedPair::OnlyLooking, None),
        (UnnamedPair::SeveralRegistries, None),
        (UnnamedPair::ForeignRegistry, None),
    ] {
        assert_eq!(
            found(&PAIR, "ghcr.io/a/b", pair).await,
            Ok(expected),
            "{pair:?}"
        );
    }
}

#[tokio::test]
async fn the_pair_goes_to_the_host_that_is_named_and_to_no_other() {
    use UnnamedPair::{ForeignRegistry, Here, OnlyLooking, SeveralRegistries};
    for host in [
        "ghcr.io",
        "GHCR.io",
        " ghcr.io ",
        "ghcr.io:443",
        "https://ghcr.io",
        "https://ghcr.io/v2/",
        "ghcr.io/a",
    ] {
        let variables = pair_with(&[(HOST, host)]);
        for pair in [Here, OnlyLooking, SeveralRegistries, ForeignRegistry] {
            let same = found(&variables, "ghcr.io/a/b", pair).await;
            assert_eq!(same, Ok(password("u", "p")), "{host} {pair:?}");
            for other in [
                "ghcr.io.evil.test/a/b",
                "evil.test/ghcr.io/b",
                "acme/api",
                "ghcr.io:80/a/b",
            ] {
                assert_eq!(
                    found(&variables, other, pair).await,
                    Ok(None),
                    "{host} {other}"
                );
            }
        }
    }
    for host in [
        "docker.io",
        "index.docker.io",
        "https://index.docker.io/v1/",
        "registry-1.docker.io",
    ] {
        let variables = pair_with(&[(HOST, host)]);
        assert_eq!(
            found(&variables, "acme/api", OnlyLooking).await,
            Ok(password("u", "p"))
        );
    }
    // Empty is as if it were not set.
    let variables = pair_with(&[(HOST, "")]);
    assert_eq!(
        found(&variables, "ghcr.io/a/b", OnlyLooking).await,
        Ok(None)
    );
    for (wrong, shown) in [
        ("acme/api", "acme/api"),
        ("a b", "a b"),
        ("ghcr.io,quay.io", "ghcr.io,quay.io"),
        ("x\u{1b}[2J", "x\\u{1b}[2J"),
    ] {
        let variables = pair_with(&[(HOST, wrong)]);
        let error = format!("`HOIST_REGISTRY_HOST`: `{shown}` is not the host of a registry");
        assert_eq!(found(&variables, "ghcr.io/a/b", Here).await, Err(error));
        assert_eq!(found(&[(HOST, wrong)], "ghcr.io/a/b", Here).await, Ok(None));
    }
}

#[tokio::test]
async fn a_host_of_its_own_comes_first() {
    let host = "127.0.0.1:5000/a/b";
    let mut variables = pair_with(&[("HOIST_REGISTRY_USERNAME_127_0_0_1_5000", "me")]);
    assert_eq!(
        found(&variables, host, UnnamedPair::SeveralRegistries).await,
        Err("`HOIST_REGISTRY_USERNAME_127_0_0_1_5000` is set, but `HOIST_REGISTRY_PASSWORD_127_0_0_1_5000` is not".into())
    );
    variables.push(("HOIST_REGISTRY_PASSWORD_127_0_0_1_5000", "mine"));
    for pair in [UnnamedPair::Here, UnnamedPair::ForeignRegistry] {
        assert_eq!(
            found(&variables, host, pair).await,
            Ok(password("me", "mine"))
        );
    }
    assert_eq!(
        found(&variables, "ghcr.io/a/b", UnnamedPair::Here).await,
        Ok(password("u", "p"))
    );
}

#[test]
fn two_hosts_never_share_a_variable() {
    let name = |host: &str| variable("PASSWORD", &registry(host));
    for (host, suffix) in [
        ("ghcr.io", "GHCR_IO"),
        ("docker.io", "DOCKER_IO"),
        ("127.0.0.1:5000", "127_0_0_1_5000"),
        ("[::1]:5000", "___1__5000"),
        ("registry.example.org", "REGISTRY_EXAMPLE_ORG"),
        ("registry-example.org", "REGISTRY__EXAMPLE_ORG"),
        ("us--x.pkg.dev", "US____X_PKG_DEV"),
    ] {
        assert_eq!(name(host), format!("HOIST_REGISTRY_PASSWORD_{suffix}"));
    }
}

#[tokio::test]
async fn a_line_break_at_the_end_of_a_variable_is_left_out() {
    for (variables, expected) in [
        (
            [(USERNAME, "u\n"), (PASSWORD, "p\r\n")],
            Ok(password("u", "p")),
        ),
        (
            [(USERNAME, "u"), (PASSWORD, " p ")],
            Ok(password("u", " p ")),
        ),
        (
            [(USERNAME, "u"), (PASSWORD, "p\nq")],
            Ok(password("u", "p\nq")),
        ),
        (
            [(USERNAME, "<token>"), (PASSWORD, "t\n")],
            Ok(Some(Credential::IdentityToken("t".into()))),
        ),
        (
            [(USERNAME, "u"), (PASSWORD, "\n")],
            Err(
                "`HOIST_REGISTRY_USERNAME` is set, but `HOIST_REGISTRY_PASSWORD` is not".to_owned(),
            ),
        ),
        (
            [(USERNAME, ""), (PASSWORD, "p")],
            Err(
                "`HOIST_REGISTRY_PASSWORD` is set, but `HOIST_REGISTRY_USERNAME` is not".to_owned(),
            ),
        ),
        ([(USERNAME, ""), (PASSWORD, "\n")], Ok(None)),
    ] {
        let found = found(&variables, "ghcr.io/a/b", UnnamedPair::Here).await;
        assert_eq!(found, expected, "{variables:?}");
    }
}

/// A home with the files that the cases below name.
fn home() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn write(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("it has a folder")).expect("a folder");
    fs::write(&path, content).expect("a file");
    path.display().to_string()
}

fn login(user: &str) -> String {
    format!(r#"{{"auths":{{"r.test":{{"username":"{user}","password":"p"}}}}}}"#)
}

#[tokio::test]
async fn the_places_are_read_in_order_and_what_a_variable_names_comes_first() {
    let home = home();
    let at = |path: &str| home.path().join(path).display().to_string();
    let named = write(home.path(), "named.json", &login("named"));
    write(home.path(), "docker/config.json", &login("docker"));
    write(home.path(), "run/containers/auth.json", &login("runtime"));
    write(home.path(), "xdg/containers/auth.json", &login("xdg"));
    write(
        home.path(),
        ".config/containers/auth.json",
        &login("config"),
    );
    write(home.path(), ".docker/config.json", &login("home"));
    let document = login("document");
    let all = [
        ("DOCKER_AUTH_CONFIG", document.clone(), "document"),
        ("REGISTRY_AUTH_FILE", named, "named"),
        ("DOCKER_CONFIG", at("docker"), "docker"),
        ("XDG_RUNTIME_DIR", at("run"), "runtime"),
        ("XDG_CONFIG_HOME", at("xdg"), "xdg"),
        ("HOME", at(""), "home"),
    ];
    // Without the first ones the next one counts.
    for from in 0..all.len() {
        let set = all[from..].iter().map(|(name, value, _)| (*name, &**value));
        let variables: Vec<_> = set.collect();
        // Without `XDG_CONFIG_HOME`, the folder in the home stands for it.
        let expected = if all[from].0 == "HOME" {
            "config"
        } else {
            all[from].2
        };
        let found = found(&variables, "r.test/a/b", UnnamedPair::ForeignRegistry).await;
        assert_eq!(found, Ok(password(expected, "p")), "{}", all[from].0);
    }
    // A place without an entry for the registry leads to the next one.
    for empty in [
        "",
        "\n",
        "null",
        "{}",
        r#"{"auths":null}"#,
        r#"{"auths":{"r.test":{}}}"#,
        r#"{"auths":{"r.test":null}}"#,
        r#"{"auths":{"other.test":7}}"#,
    ] {
        let named = write(home.path(), "named.json", empty);
        let variables = [
            ("DOCKER_AUTH_CONFIG", empty),
            ("REGISTRY_AUTH_FILE", &*named),
            ("HOME", &at("")),
        ];
        let found = found(&variables, "r.test/a/b", UnnamedPair::ForeignRegistry).await;
        assert_eq!(found, Ok(password("config", "p")), "{empty:?}");
    }
    // So does a file that is not there.
    let (gone, home) = (at("gone.json"), at(""));
    let variables = [
        ("REGISTRY_AUTH_FILE", &*gone),
        ("DOCKER_CONFIG", &*gone),
        ("HOME", &*home),
    ];
    let found = found(&variables, "r.test/a/b", UnnamedPair::ForeignRegistry).await;
    assert_eq!(found, Ok(password("config", "p")));
}

#[tokio::test]
async fn the_longest_key_wins_and_an_empty_entry_does_not() {
    let document = r#"{"auths":{
        "r.test":{"username":"host","password":"p"},
        "r.test/acme":{"username":"acme","password":"p"},
        "r.test/acme/empty":{"auth":""},
        "r.test/acme/api/":{"username":"api","password":"p"}}}"#;
    for (name, user) in [
        ("r.test/acme/api", "api"),
        ("r.test/acme/api/sub", "api"),
        ("r.test/acme/empty", "acme"),
        ("r.test/acme/apis", "acme"),
        ("r.test/acmes/api", "host"),
    ] {
        let variables = [("DOCKER_AUTH_CONFIG", document)];
        let found = found(&variables, name, UnnamedPair::ForeignRegistry).await;
        assert_eq!(found, Ok(password(user, "p")), "{name}");
    }
}

#[tokio::test]
async fn a_place_that_cannot_be_read_is_named_and_not_shown() {
    let home = home();
    let folder = home.path().join("folder");
    fs::create_dir(&folder).expect("a folder");
    let at_folder = folder.display().to_string();
    let text = write(home.path(), "text.json", "hunter2");
    let large = write(home.path(), "large.json", &" ".repeat(4 * 1024 * 1024 + 1));
    for (variable, value, words) in [
        (
            "DOCKER_AUTH_CONFIG",
            r#"{"auths":{"ghcr.io":{"auth":"!hunter2!"}}}"#,
            "`DOCKER_AUTH_CONFIG`: the entry `ghcr.io`: `auth` is not base64 of `name:password`"
                .to_owned(),
        ),
        (
            "DOCKER_AUTH_CONFIG",
            &text,
            "`DOCKER_AUTH_CONFIG`: it is not JSON, but looks like the name of a file".to_owned(),
        ),
        (
            "REGISTRY_AUTH_FILE",
            &text,
            format!("`{text}`: it is not JSON (line 1, column 1)"),
        ),
        (
            "REGISTRY_AUTH_FILE",
            &at_folder,
            format!("`{at_folder}`: it is a directory"),
        ),
        (
            "REGISTRY_AUTH_FILE",
            &large,
            format!("`{large}`: it is larger than 4194304 bytes"),
        ),
    ] {
        let found = found(&[(variable, value)], "ghcr.io/a/b", UnnamedPair::Here).await;
        let error = found.expect_err(variable);
        assert_eq!(error, words);
        assert!(!error.contains("hunter2"), "{error}");
    }
    let nothing = found(
        &[("REGISTRY_AUTH_FILE", "/dev/null")],
        "ghcr.io/a/b",
        UnnamedPair::Here,
    );
    assert_eq!(nothing.await, Ok(None));
}

#[test]
fn what_was_passed_over_is_said() {
    let said = |variables: &[(&str, &str)], pair| {
        let environment: Environment = variables.iter().copied().collect();
        none_found(&environment, &registry("eu-west.r.test"), pair)
    };
    let nobody = "no credentials were found";
    for (variables, pair, words) in [
        (vec![], UnnamedPair::Here, nobody.to_owned()),
        (
            pair_with(&[]),
            UnnamedPair::SeveralRegistries,
            format!(
                "{nobody} (with several registries, `HOIST_REGISTRY_USERNAME_EU__WEST_R_TEST` is the variable for this one)"
            ),
        ),
        (
            pair_with(&[]),
            UnnamedPair::OnlyLooking,
            format!(
                "{nobody} (without `HOIST_REGISTRY_HOST`, `HOIST_REGISTRY_USERNAME` is used only by what publishes)"
            ),
        ),
        (
            pair_with(&[(HOST, "ghcr.io")]),
            UnnamedPair::Here,
            format!(
                "{nobody} (`HOIST_REGISTRY_USERNAME` is for `ghcr.io`, which `HOIST_REGISTRY_HOST` names)"
            ),
        ),
        (
            vec![("REGISTRY_AUTH_FILE", "/gone/auth.json")],
            UnnamedPair::Here,
            format!("{nobody} (there is no `/gone/auth.json`, which `REGISTRY_AUTH_FILE` names)"),
        ),
    ] {
        assert_eq!(said(&variables, pair), words);
    }
}

#[test]
fn a_credential_shows_nothing() {
    for secret in [
        password("user", "secret").expect("there is one"),
        Credential::IdentityToken("secret".into()),
        Credential::RegistryToken("secret".into()),
    ] {
        let shown = format!("{secret:?}");
        assert!(
            !shown.contains("secret") && !shown.contains("user"),
            "{shown}"
        );
    }
}

/// A folder with `docker-credential-corp`, and the variables that lead to it.
struct Helper {
    home: TempDir,
    config: String,
    path: String,
}

impl Helper {
    fn new(script: Option<&str>, config: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let home = home();
        if let Some(script) = script {
            let program = write(home.path(), "bin/docker-credential-corp", script);
            let all = fs::Permissions::from_mode(0o755);
            fs::set_permissions(program, all).expect("it is ours");
        }
        let config = write(home.path(), "config.json", config);
        let system = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{system}", home.path().join("bin").display());
        Self { home, config, path }
    }

    async fn found(&self) -> Result<Option<Credential>, String> {
        let variables = [("REGISTRY_AUTH_FILE", &*self.config), ("PATH", &*self.path)];
        let found = found(&variables, "r.test/a/b", UnnamedPair::ForeignRegistry).await;
        // The file's name is another one each time.
        found.map_err(|error| error.replace(&*self.config, "FILE"))
    }
}

const CORP: &str = r#"{"credHelpers":{"r.test":"corp"}}"#;

#[tokio::test]
async fn a_helper_that_gives_nothing_is_named_with_what_it_did() {
    let failed = "`FILE`: the credential helper `docker-credential-corp` failed";
    let succeeded = "`FILE`: the credential helper `docker-credential-corp` succeeded, but";
    for (script, expected) in [
        (
            None,
            Err("`FILE`: the credential helper `docker-credential-corp` is not installed: no such program in `PATH`".to_owned()),
        ),
        (
            Some("#!/no/such/shell\n"),
            Err("`FILE`: the credential helper `docker-credential-corp` cannot be started: the program that its first line names is not there".to_owned()),
        ),
        (
            Some("#!/bin/sh\necho 'token expired, run corp-login first' >&2; exit 1"),
            Err(format!("{failed} (exit status: 1): token expired, run corp-login first")),
        ),
        (
            Some("#!/bin/sh\nprintf 'first\\n\\033[2Jlast\\n\\n' >&2; exit 3"),
            Err(format!("{failed} (exit status: 3): \\u{{1b}}[2Jlast")),
        ),
        (Some("#!/bin/sh\nexit 2"), Err(format!("{failed} (exit status: 2)"))),
        (
            Some("#!/bin/sh\nkill -TERM $$"),
            Err(format!("{failed} (signal: 15 (SIGTERM))")),
        ),
        // What may hold the secret is not repeated.
        (
            Some("#!/bin/sh\necho '{\"Username\":\"u\",\"Secret\":\"hunter2\"}'; echo 'bad hunter2' >&2; exit 1"),
            Err(format!("{failed} (exit status: 1)")),
        ),
        (
            Some("#!/bin/sh\nset -x; : hunter2; exit 1"),
            Err(format!("{failed} (exit status: 1)")),
        ),
        (
            Some("#!/bin/sh\necho hunter2; exit 1"),
            Err(format!("{failed} (exit status: 1)")),
        ),
        (Some("#!/bin/sh\nexit 0"), Err(format!("{succeeded} it printed nothing"))),
        (
            Some("#!/bin/sh\necho hunter2"),
            Err(format!("{succeeded} what it printed is not JSON")),
        ),
        (
            Some("#!/bin/sh\necho '{\"Username\":\"u\"}'"),
            Err(format!("{succeeded} its answer lacks `Username` or `Secret`")),
        ),
        (
            Some("#!/bin/sh\necho '{\"Username\":\"u\",\"Secret\":\"\"}'"),
            Err(format!("{succeeded} its answer has a `Username`, and its `Secret` is empty")),
        ),
        (
            Some("#!/bin/sh\necho 'command not found' >&2; exit 127"),
            Err(format!("{failed} (exit status: 127): command not found")),
        ),
        (
            Some("#!/bin/sh\necho 'credentials not found in native keychain'; exit 1"),
            Ok(None),
        ),
        // It ends before it reads its input.
        (
            Some("#!/bin/sh\nexec <&-; printf '%s' '{\"ServerURL\":\"\",\"Username\":\"u\",\"Secret\":\"p\\n\"}'"),
            Ok(password("u", "p")),
        ),
        (
            Some("#!/bin/sh\nread -r host; echo \"{\\\"username\\\":\\\"$1 $host\\\",\\\"secret\\\":\\\"p\\\"}\""),
            Ok(password("get r.test", "p")),
        ),
        (
            Some("#!/bin/sh\necho '{\"Username\":\"<token>\",\"Secret\":\"t\"}'"),
            Ok(Some(Credential::IdentityToken("t".into()))),
        ),
        // An agent that it leaves behind keeps the pipes open.
        (
            Some("#!/bin/sh\nsleep 5 & echo '{\"Username\":\"u\",\"Secret\":\"p\"}'"),
            Ok(password("u", "p")),
        ),
    ] {
        let helper = Helper::new(script, CORP);
        assert_eq!(helper.found().await, expected, "{script:?}");
        drop(helper.home);
    }
}

#[tokio::test]
async fn helpers_and_entries_come_in_the_order_of_docker() {
    let works = "#!/bin/sh\necho '{\"Username\":\"helper\",\"Secret\":\"p\"}'";
    let knows_nothing = "#!/bin/sh\necho 'credentials not found in native keychain'; exit 1";
    let entry = r#""auths":{"r.test":{"username":"entry","password":"p"}}"#;
    let part = r#""auths":{"r.test/a":{"username":"part","password":"p"}}"#;
    let cases = [
        (
            works,
            r#""credHelpers":{"r.test":"corp"},"credsStore":"gone""#,
            entry,
            Ok("helper"),
        ),
        (
            works,
            r#""credHelpers":{"https://r.test/v1/":"corp"}"#,
            entry,
            Ok("helper"),
        ),
        (
            works,
            r#""credHelpers":{"other.test":"gone"},"credsStore":"corp""#,
            entry,
            Ok("helper"),
        ),
        (
            works,
            r#""credHelpers":{"r.test":null},"credsStore":"corp""#,
            entry,
            Ok("helper"),
        ),
        // An empty name takes the registry out of the store.
        (
            works,
            r#""credHelpers":{"r.test":""},"credsStore":"corp""#,
            entry,
            Ok("entry"),
        ),
        (
            works,
            r#""credHelpers":null,"credsStore":null"#,
            entry,
            Ok("entry"),
        ),
        (works, r#""credsStore":"corp""#, part, Ok("part")),
        (
            knows_nothing,
            r#""credHelpers":{"r.test":"corp"}"#,
            entry,
            Ok("entry"),
        ),
        (knows_nothing, r#""credsStore":"corp""#, entry, Ok("entry")),
        // Docker Desktop's store, on a machine without it.
        (works, r#""credsStore":"gone""#, entry, Ok("entry")),
        (
            works,
            r#""credsStore":"gone""#,
            r#""auths":{"r.test":{}}"#,
            Err("`docker-credential-gone` is not installed"),
        ),
        (
            works,
            r#""credHelpers":{"r.test":"gone"}"#,
            entry,
            Err("`docker-credential-gone` is not installed"),
        ),
        (
            works,
            r#""credHelpers":{"r.test":7}"#,
            entry,
            Err("`credHelpers` of `r.test` is not a string"),
        ),
        (
            works,
            r#""credHelpers":{"r.test":"../corp"}"#,
            entry,
            Err("cannot be started: its name is not the name of a program"),
        ),
    ];
    for (script, helpers, auths, expected) in cases {
        let helper = Helper::new(Some(script), &format!("{{{helpers},{auths}}}"));
        match (helper.found().await, expected) {
            (Ok(found), Ok(user)) => assert_eq!(found, password(user, "p"), "{helpers}"),
            (Err(error), Err(words)) => assert!(error.contains(words), "{helpers}: {error}"),
            (found, _) => panic!("{helpers}: {found:?}"),
        }
    }
}

#[tokio::test]
async fn a_helper_that_hangs_dies_with_what_it_started() {
    let home = home();
    let marks = home.path().join("pids").display().to_string();
    let script = format!("#!/bin/sh\nsleep 1000 & echo $$ $! > {marks}; wait");
    let helper = Helper::new(Some(&script), CORP);
    let environment: Environment = [("PATH", &*helper.path)].into_iter().collect();
    let limit = std::time::Duration::from_millis(1500);
    let failure = helper::ask(&environment, "corp", "r.test", limit).await;
    let failure = failure.expect_err("it hangs").to_string();
    assert!(
        failure.contains("`docker-credential-corp` did not end within"),
        "{failure}"
    );
    let pids = fs::read_to_string(marks).expect("it has started");
    for pid in pids.split_whitespace() {
        let pid: u32 = pid.parse().expect("a number");
        let mut rounds = 0;
        while crate::io::process::ProcessIdentity::runs(pid, None) && rounds < 100 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            rounds += 1;
        }
        assert!(rounds < 100, "{pid} still runs");
    }
}
