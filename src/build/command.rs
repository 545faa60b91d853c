//! `image.build.command`: a program of the project makes the image.

use std::{env, fs, os::unix::fs::PermissionsExt, path::Path};

use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::{
    build::errors::interrupted,
    error::{Error, ErrorCode, Result},
    event::{Event, Events},
    io::{
        git::OF_ANOTHER_REPOSITORY,
        user_program::{LeftoverScope, ProgramEnd, run_to_end},
    },
    policy::ProgramLine,
    text::sanitize_line,
};

const NO_SHELL: &str =
    "`image.build.command` is a program and its arguments, without a shell: [\"make\", \"image\"]";

/// Makes sure that the program of `image.build.command` can be run, as [`why_not`] looks for it.
///
/// # Errors
/// There is no such program, or it is not executable.
pub(crate) fn find(program: &str, directory: &Path, search_path: Option<&str>) -> Result<()> {
    let Some(cause) = why_not(program, directory, search_path) else {
        return Ok(());
    };
    let name = sanitize_line(program, 200);
    let error = Error::failed(format!(
        "`image.build.command` cannot run: there is no program `{name}`"
    ))
    .with_code(ErrorCode::BuildFailed)
    .cause(cause)
    .state("nothing was published");
    Err(if name.contains(char::is_whitespace) {
        error.hint(NO_SHELL)
    } else {
        error.hint("install the program, or correct `image.build.command`")
    })
}

/// Why a program cannot be run; `None`: it can. It is looked for as the system will: in `directory` where the
/// name is a path, else in the directories of `search_path`.
pub(crate) fn why_not(
    program: &str,
    directory: &Path,
    search_path: Option<&str>,
) -> Option<String> {
    let runs = |path: &Path| {
        fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    };
    let (found, cause) = if program.contains('/') {
        let path = directory.join(program);
        let cause = match fs::metadata(&path) {
            Err(error) => format!("`{}`: {error}", path.display()),
            Ok(_) => format!("`{}` is not an executable file", path.display()),
        };
        (runs(&path), cause)
    } else {
        // Without a search path the system has one of its own.
        let places = search_path.unwrap_or("/usr/local/bin:/bin:/usr/bin");
        // An entry that is empty or relative is seen from the directory in which the program runs.
        let found =
            env::split_paths(places).any(|place| runs(&directory.join(place).join(program)));
        (found, "no directory of `PATH` has it".to_owned())
    };
    (!found).then_some(cause)
}

/// Runs the program in the repository, without a shell, and emits its output as events.
///
/// The program inherits this process's environment, without what leads git to another repository, and
/// with `variables` on top.
pub(crate) async fn run(
    command: &ProgramLine,
    directory: &Path,
    variables: &[(String, String)],
    events: &Events,
    cancel: &CancellationToken,
) -> Result<()> {
    let name = sanitize_line(&command.to_string(), 200);
    let mut program = Command::new(&command.program);
    for name in OF_ANOTHER_REPOSITORY {
        program.env_remove(name);
    }
    program
        .args(&command.args)
        .current_dir(directory)
        .envs(variables.iter().map(|(name, value)| (name, value)));
    let tell = |line: &str| {
        let line = line.to_owned();
        events.emit(Event::Output { line });
    };
    let ended = run_to_end(&mut program, None, cancel, LeftoverScope::Group, tell).await;
    let (ending, last) = ended.map_err(|error| {
        Error::failed(format!("cannot run `{name}`"))
            .with_code(ErrorCode::BuildFailed)
            .because(&error)
            .hint(NO_SHELL)
    })?;
    match ending {
        ProgramEnd::Exited(status) if status.success() => Ok(()),
        ProgramEnd::Exited(status) => Err(Error::failed(format!("`{name}` failed: {status}"))
            .with_code(ErrorCode::BuildFailed)
            .excerpt(last.title("of its output"), last.into_lines())
            .state("nothing was published")),
        // It has no limit of its own.
        ProgramEnd::TimedOut | ProgramEnd::Cancelled => Err(interrupted()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use crate::build::command::*;
    use crate::error::ErrorKind;

    async fn shell(script: &str, cancel: &CancellationToken) -> (Result<()>, Vec<String>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let events = Events::new({
            let lines = lines.clone();
            move |event| {
                if let Event::Output { line } = event {
                    lines.lock().expect("a list").push(line);
                }
            }
        });
        let command = ProgramLine {
            program: "sh".to_owned(),
            args: vec!["-c".to_owned(), script.to_owned()],
        };
        let variables = [("HOIST_VERSION".to_owned(), "1.2.3".to_owned())];
        let dir = tempfile::tempdir().expect("a directory");
        let result = run(&command, dir.path(), &variables, &events, cancel).await;
        let lines = lines.lock().expect("a list").clone();
        (result, lines)
    }

    #[tokio::test]
    async fn output_is_told_and_failure_quotes_it() {
        let never = CancellationToken::new();
        let (result, lines) = shell("echo $HOIST_VERSION; printf '\\033[1mx'", &never).await;
        result.expect("it ends well");
        assert_eq!(lines, ["1.2.3", "x"]);
        let both = "echo a; echo '  b' >&2; echo; echo c; seq 60 >&2; exit 3";
        let (result, lines) = shell(both, &never).await;
        assert_eq!(lines[..3], ["a", "  b", "c"]);
        let error = result.expect_err("it fails");
        assert!(
            error.message().ends_with("failed: exit status: 3"),
            "{error}"
        );
        let excerpt = &error.excerpts()[0];
        assert_eq!(excerpt.title, "the last 50 of 64 lines of its output");
        assert_eq!(excerpt.lines.len(), 50);
        assert_eq!(excerpt.lines[49], "60");
        let none = run(
            &ProgramLine {
                program: "/nonexistent".to_owned(),
                args: Vec::new(),
            },
            Path::new("/"),
            &[],
            &Events::none(),
            &never,
        )
        .await;
        assert!(none.expect_err("no such program").first_hint().is_some());
    }

    #[test]
    fn a_program_that_is_not_there_is_said_before_the_release() {
        let dir = tempfile::tempdir().expect("a directory");
        let bin = dir.path().join("bin");
        fs::create_dir(&bin).expect("a directory");
        for (name, mode) in [("runs", 0o755), ("lies", 0o644)] {
            fs::write(bin.join(name), "").expect("it is written");
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(mode)).expect("a mode");
        }
        let path = format!("/nowhere:{}", bin.display());
        let look = |program: &str| match find(program, dir.path(), Some(&path)) {
            Ok(()) => String::new(),
            Err(error) => format!("{error:#} {}", error.hints().join(" ")),
        };
        for good in [
            "runs",
            "bin/runs",
            "./bin/runs",
            &format!("{}/runs", bin.display()),
        ] {
            assert_eq!(look(good), "", "{good}");
        }
        assert!(look("nope").contains("no directory of `PATH` has it"));
        assert!(look("lies").contains("there is no program `lies`"));
        assert!(look("bin/lies").contains("is not an executable file"));
        assert!(look("bin/none").contains("No such file"));
        assert!(look("bin").contains("there is no program"));
        assert!(look("make image").contains("without a shell"));
        assert!(find("sh", dir.path(), None).is_ok());
        assert!(find("runs", &bin, Some(".")).is_ok());
    }

    #[tokio::test]
    async fn a_cancelled_release_stops_the_command() {
        let cancel = CancellationToken::new();
        cancel.cancel();
        let (result, _) = shell("sleep 600", &cancel).await;
        assert_eq!(
            result.expect_err("it is stopped").kind(),
            ErrorKind::Interrupted
        );
    }
}
