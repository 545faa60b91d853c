//! What engines report when they fail, and the hints that help.

use std::error::Error as StdError;

use tonic::Status;

use crate::{
    build::engine::host::EngineAddress,
    error::{Error, ErrorCode},
    text::sanitize_line,
};

/// The longest message of an engine that is shown, in characters. A failed step quotes its command.
const MAX: usize = 2_000;

/// A cause that is longer than this, in characters, loses its middle.
const LONG: usize = 300;
/// How much of a long cause stands before what it loses.
const HEAD: usize = 120;

/// Parts of an engine's message, and the hint that helps when one of them occurs.
const HINTS: &[(&[&str], &str)] = &[
    (
        &[
            "target stage",
            "could not be found",
            "failed to reach build target",
        ],
        "`image.build.target` names a stage of the Dockerfile: `FROM … AS NAME`",
    ),
    (
        &[
            "pull access denied",
            "no basic auth credentials",
            "unauthorized",
            "401 Unauthorized",
            "insufficient_scope",
        ],
        "log in to the base image's registry: docker login HOST",
    ),
    (
        &["empty export"],
        "this engine cannot hand over an image without layers: `COPY` something into it, let `image.build.builder` say `classic`, or let another builder write `image.build.layout`",
    ),
    (
        &[
            "no matching manifest",
            "no match for platform",
            "exec format error",
            "does not match the specified platform",
        ],
        "the engine cannot build for this platform; `image.build.platforms` says which it is, and an emulator (binfmt) adds others",
    ),
    (
        &["manifest unknown", "manifest for", "not found: manifest"],
        "the base image does not exist under this name",
    ),
    (
        &["is not allowed by build daemon configuration"],
        "the builder has to allow it, too: for an engine `{\"builder\": {\"Entitlements\": {\"security-insecure\": true, \"network-host\": true}}}` in /etc/docker/daemon.json, for BuildKit `buildkitd --allow-insecure-entitlement NAME`",
    ),
    (
        &["network.host is not allowed"],
        "a step asks for the network of the machine which builds: image.build.allow = [\"network.host\"]",
    ),
    (
        &["security.insecure is not allowed"],
        "a step asks for the rights of root on the machine which builds: image.build.allow = [\"security.insecure\"]",
    ),
    (
        &["unknown flag: --security"],
        "this BuildKit does not read `RUN --security` by itself: `# syntax=docker/dockerfile:1` at the head of the Dockerfile (1.20 or newer), and image.build.allow = [\"security.insecure\"]",
    ),
    (
        &["no space left on device"],
        "docker system df; docker builder prune",
    ),
    (
        &["secret", "not found"],
        "`image.build.secrets` gives a secret to the build: { id = \"…\", env = \"…\" }",
    ),
    (
        &[
            "the --mount option requires BuildKit",
            "Unknown flag: mount",
        ],
        "the Dockerfile needs BuildKit; `image.build.builder` must not say `classic`, and Podman has none",
    ),
];

/// The engine could not be reached at all.
pub(crate) fn unreachable(
    host: &EngineAddress,
    error: &(impl std::fmt::Display + ?Sized),
) -> Error {
    let text = sanitize_line(&error.to_string(), MAX);
    let refused = [
        "Connection refused",
        "No such file",
        "not found",
        "os error 2)",
    ];
    let error = no_answer("the engine", host, &text);
    if text.contains("Permission denied") {
        return error
            .hint("`sudo usermod -aG docker $USER`, then log in again; or use rootless Docker");
    }
    if matches!(host, EngineAddress::Unix(_)) && refused.iter().any(|part| text.contains(part)) {
        return error.hint("start Docker with `sudo systemctl start docker`, or name another engine with `DOCKER_HOST`, or bring an image: `image.build.layout`");
    }
    error.hint("docker version")
}

/// A BuildKit daemon could not be reached at all.
pub(crate) fn daemon_unreachable(
    host: &EngineAddress,
    error: &(impl std::fmt::Display + ?Sized),
) -> Error {
    let text = sanitize_line(&error.to_string(), MAX);
    let error = no_answer("BuildKit", host, &text).hint(
        "start the daemon that `image.build.builder` names, or leave the key out to build with Docker's engine",
    );
    match host {
        EngineAddress::Tcp { address, tls: None } => error.hint(format!(
            "if it wants certificates: image.build.builder = {{ address = \"tcp://{address}\", ca = \"ca.pem\", cert = \"cert.pem\", key = \"key.pem\" }}"
        )),
        _ => error,
    }
}

fn no_answer(who: &str, host: &EngineAddress, why: &str) -> Error {
    Error::failed(format!("{who} at `{host}` does not answer"))
        .with_code(ErrorCode::EngineUnreachable)
        .cause(why)
        .state("nothing was built or published")
}

/// A call failed; the cause is the engine's own message.
pub(crate) fn failed(what: &str, error: &(dyn StdError + 'static)) -> Error {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    with_hint(Error::failed(what).cause(sanitize_line(&text, MAX)), &text)
}

/// The connection to BuildKit broke in the middle of its work.
pub(crate) fn broken(status: &Status) -> Error {
    let text = innermost(status.message(), status.source());
    Error::failed("the connection to BuildKit broke")
        .with_code(ErrorCode::EngineUnreachable)
        .cause(sanitize_line(&text, MAX))
        .state("nothing was published")
}

/// What a failure of the transport comes from: what lies above it says only that there was one. `text`, where
/// nothing lies below.
pub(crate) fn innermost(text: &str, source: Option<&(dyn StdError + 'static)>) -> String {
    let mut found = text.to_owned();
    let mut next = source;
    while let Some(inner) = next {
        found = inner.to_string();
        next = inner.source();
    }
    found
}

/// The build itself failed.
pub(crate) fn build_failed(message: &str) -> Error {
    let error = Error::failed("the build failed")
        .with_code(ErrorCode::BuildFailed)
        .cause(shortened(&sanitize_line(message, MAX)));
    with_hint(error, message).state("nothing was published")
}

/// Without the middle of a long command, which the lines of the Dockerfile show.
fn shortened(message: &str) -> String {
    let count = message.chars().count();
    if count <= LONG {
        return message.to_owned();
    }
    let head: String = message.chars().take(HEAD).collect();
    let tail: String = message.chars().skip(count - (LONG - HEAD)).collect();
    format!("{head} … {tail}")
}

fn with_hint(error: Error, text: &str) -> Error {
    // `secret … not found` needs both parts; of the other hints any one part is enough.
    let found = HINTS.iter().find(|(parts, _)| match *parts {
        ["secret", rest @ ..] => {
            text.contains("secret") && rest.iter().all(|part| text.contains(part))
        }
        parts => parts.iter().any(|part| text.contains(part)),
    });
    match found {
        Some((_, hint)) => error.hint(*hint),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use crate::build::engine::error::*;

    #[test]
    fn an_engine_that_is_not_there_is_named_with_what_helps() {
        let host = EngineAddress::Unix("/x.sock".into());
        let hint = |error: io::Error| unreachable(&host, &error).hints().join("");
        assert!(hint(io::Error::from_raw_os_error(2)).contains("start Docker"));
        assert!(hint(io::Error::from_raw_os_error(111)).contains("start Docker"));
        assert!(hint(io::Error::from_raw_os_error(13)).contains("usermod"));
        let daemon = daemon_unreachable(&host, &"gone");
        assert_eq!(
            daemon.message(),
            "BuildKit at `unix:///x.sock` does not answer"
        );
        assert!(daemon.hints().join("").contains("image.build.builder"));
    }

    #[test]
    fn known_messages_come_with_what_helps() {
        for (message, hint) in [
            (
                "target stage \"x\" could not be found",
                "image.build.target",
            ),
            ("pull access denied for acme/base", "docker login"),
            (
                "no matching manifest for linux/s390x",
                "image.build.platforms",
            ),
            ("secret npm not found: not found", "image.build.secrets"),
            (
                "failed to load LLB: network.host is not allowed",
                "image.build.allow = [\"network.host\"]",
            ),
            (
                "granting entitlement network.host is not allowed by build daemon configuration",
                "\"network-host\": true",
            ),
            ("unknown flag: --security", "# syntax=docker/dockerfile:1"),
        ] {
            let error = build_failed(message);
            assert!(
                error.first_hint().is_some_and(|text| text.contains(hint)),
                "{message}"
            );
        }
        assert_eq!(build_failed("exit code: 1").first_hint(), None);
        let long = format!(
            "process \"{}\" did not complete: exit code: 101",
            "x".repeat(900)
        );
        let cause = build_failed(&long).causes()[0].to_owned();
        assert!(cause.starts_with("process \"x") && cause.ends_with("exit code: 101"));
        assert_eq!(cause.chars().count(), LONG + 3);
    }
}
