//! What the policy and the working directory have to do with a build that failed.

use std::path::{Component, Path};

use crate::{
    build::{engine::progress::Progress, failed_step, request::BuildRequest},
    error::{Error, ErrorCode},
    policy::SourceFiles,
    text::sanitize_line,
};

/// Parts of the messages of engines that cannot read the Dockerfile; they begin like those about a base image.
const WRONG_DOCKERFILE: &[&str] = &[
    "ockerfile parse error",
    "cannot be empty",
    "no build stage",
    "should not be blank",
    "failed to parse stage name",
    "could not be found",
    "circular dependency",
];

/// Parts of the messages of engines that did not get a base image.
const NO_BASE: &[&str] = &[
    "pull access denied",
    "insufficient_scope",
    "authorization failed",
    "manifest unknown",
    "manifest for",
    "failed to resolve source metadata",
    "failed to create LLB definition",
    "failed to do request",
    "error getting credentials",
    "no such host",
    "connection refused",
    "Client.Timeout exceeded",
    "net/http:",
];

/// The error of a build with the step that failed, its lines of the `dockerfile`, the end of its output, and the
/// hints that help with this request.
pub(crate) fn told(
    error: Error,
    progress: &mut Progress,
    dockerfile: &str,
    request: &BuildRequest,
) -> Error {
    let error = match progress.failed_step() {
        Some(step) if error.code() == ErrorCode::BuildFailed => {
            let path = request.policy.dockerfile.as_str();
            failed_step::show(error, step, path, dockerfile)
        }
        Some(_) | None => error,
    };
    explain(error, request)
}

/// Adds the hints that help with this request.
fn explain(error: Error, request: &BuildRequest) -> Error {
    let causes: Vec<String> = error
        .causes()
        .iter()
        .map(|cause| (*cause).to_owned())
        .collect();
    let mut error = error;
    if let Some(path) = causes.iter().find_map(|cause| missing(cause, request)) {
        error = error.hint(format!(
            "`{path}` is in the working directory, but not in what the builder gets, which is the commit without what `.dockerignore` keeps out: commit the file, or set `image.build.source = \"worktree\"`"
        ));
    }
    if request.policy.pull && causes.iter().any(|cause| is_without_base(cause)) {
        error = error.hint(
            "`image.build.pull = false` builds on the base image that the engine has, without asking its registry",
        );
    }
    error
}

/// Whether an engine's message says that it did not get a base image.
fn is_without_base(cause: &str) -> bool {
    let is_any = |parts: &[&str]| parts.iter().any(|part| cause.contains(part));
    is_any(NO_BASE) && !is_any(WRONG_DOCKERFILE)
}

/// The path that a step of the build did not find, where the working directory has it.
fn missing(cause: &str, request: &BuildRequest) -> Option<String> {
    if request.policy.files == SourceFiles::Worktree {
        return None;
    }
    let path = not_found(cause)?.trim_start_matches('/');
    let inside = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let context = request.repository.join(request.policy.context.as_str());
    (inside && !path.is_empty() && context.join(path).exists()).then(|| sanitize_line(path, 200))
}

/// The path in an engine's message: `"/src/x": not found`, or `stat src/x: file does not exist`.
fn not_found(message: &str) -> Option<&str> {
    if message.contains("not found") && !message.contains("secret") {
        let quoted = message.split('"').skip(1).step_by(2);
        if let Some(path) = quoted.filter(|text| text.starts_with('/')).last() {
            return Some(path);
        }
    }
    let (_, rest) = message.rsplit_once("stat ")?;
    let (path, _) = rest.split_once(": file does not exist")?;
    Some(path)
}

#[cfg(test)]
mod tests {
    use crate::build::engine::explain::{is_without_base, not_found};

    #[test]
    fn the_path_is_found_in_the_messages_of_each_builder() {
        for message in [
            "failed to compute cache key: \"/src/x\" not found: not found",
            "failed to solve: failed to calculate checksum of ref moby::a: \"/src/x\": not found",
            "COPY failed: file not found in build context or excluded by .dockerignore: stat src/x: file does not exist",
        ] {
            let path = not_found(message).expect(message);
            assert_eq!(path.trim_start_matches('/'), "src/x");
        }
        assert_eq!(not_found("secret \"/a\" not found: not found"), None);
        assert_eq!(not_found("exit code: 1"), None);
    }

    #[test]
    fn a_wrong_dockerfile_is_no_missing_base_image() {
        let llb = "failed to solve with frontend dockerfile.v0: failed to create LLB definition: ";
        for (message, is_base) in [
            ("registry/nobase:1: not found", true),
            (
                "dockerfile parse error line 1: unknown instruction: FRM",
                false,
            ),
            ("target stage runtme could not be found", false),
        ] {
            assert_eq!(
                is_without_base(&format!("{llb}{message}")),
                is_base,
                "{message}"
            );
        }
    }
}
