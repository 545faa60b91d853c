//! Files that somebody else has laid down are read here, and only regular ones are: a pipe keeps its
//! reader waiting, and a device may have no end. A link is followed; where the file has to lie in the
//! repository, so has what the link leads to.

use std::{
    fs::{self, File, FileType, Metadata, OpenOptions},
    io::{Error, ErrorKind, Read as _, Result},
    os::{
        fd::AsFd as _,
        unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Component, Path, PathBuf},
};

use rustix::fs::OFlags;

use crate::text::{bytes, sanitize_line};

/// The longest text that is read, in bytes.
const LONGEST_TEXT: u64 = 32 << 20;
/// Where a shell lays the pipes that it makes for a command line.
const OF_THE_SHELL: [&str; 4] = ["/dev/fd", "/dev/stdin", "/proc/self/fd", NOTHING];
/// The file that is always empty.
const NOTHING: &str = "/dev/null";

/// What is known of a regular file without opening it.
///
/// # Errors
/// It is not there, or is not a regular file.
pub(crate) fn look(path: &Path) -> Result<Metadata> {
    let found = fs::metadata(path)?;
    match irregular(found.file_type()) {
        None => Ok(found),
        Some(kind) => Err(Error::new(
            ErrorKind::InvalidInput,
            format!("it is {kind}, not a regular file"),
        )),
    }
}

/// Whether it is what this process prints into: the shell has made it.
pub(crate) fn is_stdout(file: &Metadata) -> bool {
    let stdout = std::io::stdout().as_fd().try_clone_to_owned();
    let stdout = stdout.and_then(|stdout| File::from(stdout).metadata());
    stdout.is_ok_and(|stdout| (stdout.dev(), stdout.ino()) == (file.dev(), file.ino()))
}

/// Opens a regular file. It cannot become a pipe that hangs between the look and the opening.
///
/// # Errors
/// As [`look`]; it cannot be opened.
pub(crate) fn open(path: &Path) -> Result<File> {
    // Even to open a device may do something.
    look(path)?;
    let mut options = OpenOptions::new();
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    let file = options
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path)?;
    match irregular(file.metadata()?.file_type()) {
        None => Ok(file),
        Some(_) => Err(Error::other("it was changed while it was opened")),
    }
}

/// The content of a regular file.
///
/// # Errors
/// As [`open`]; it cannot be read, or is too long to be a text.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    to_end(open(path)?)
}

/// The same as text.
///
/// # Errors
/// As [`read`]; it is not UTF-8.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    text(read(path)?)
}

/// The content of a file that was named on the command line: a pipe is read, too, and `/dev/null` is empty.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_given(path: &Path) -> Result<Vec<u8>> {
    if path == Path::new(NOTHING) {
        return Ok(Vec::new());
    }
    match fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo()) {
        true => to_end(File::open(path)?),
        false => read(path),
    }
}

/// The same as text.
///
/// # Errors
/// As [`read_given`]; it is not UTF-8.
pub(crate) fn read_given_text(path: &Path) -> Result<String> {
    text(read_given(path)?)
}

/// The content of a file that was found, or named on the command line: a pipe is read only where the shell has
/// made it for the command line.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_found(path: &Path) -> Result<Vec<u8>> {
    match OF_THE_SHELL.iter().any(|place| path.starts_with(place)) {
        true => read_given(path),
        false => read(path),
    }
}

/// The same as text.
///
/// # Errors
/// As [`read_found`]; it is not UTF-8.
pub(crate) fn read_found_text(path: &Path) -> Result<String> {
    text(read_found(path)?)
}

/// Where the regular file `path`, seen from `top`, lies when all links are followed: in the repository, and
/// not in git's own directory.
///
/// # Errors
/// As [`look`]; it lies elsewhere.
pub(crate) fn inside(top: &Path, path: &str) -> Result<PathBuf> {
    let named = top.join(path);
    look(&named)?;
    within(top, &named)
}

/// Whether the folder `path`, seen from `top`, lies in the repository when all links are followed, as
/// [`inside`].
///
/// # Errors
/// It is not there; it lies elsewhere.
pub(crate) fn folder_inside(top: &Path, path: &str) -> Result<()> {
    within(top, &top.join(path)).map(drop)
}

/// The text of the regular file `path`, seen from `top`, that lies in the repository.
///
/// # Errors
/// As [`inside`] and [`read_text`].
pub(crate) fn read_text_inside(top: &Path, path: &str) -> Result<String> {
    read_text(&inside(top, path)?)
}

/// The text of a regular file of the policy, seen from `top`. A path that leads out of the repository by itself
/// is read there; one that does not has to lie in it.
///
/// # Errors
/// As [`read_text_inside`].
pub(crate) fn read_text_named(top: &Path, path: &str) -> Result<String> {
    let leads_out = |part: Component<'_>| matches!(part, Component::ParentDir | Component::RootDir);
    match Path::new(path).components().any(leads_out) {
        true => read_text(&top.join(path)),
        false => read_text_inside(top, path),
    }
}

/// Whether an error says that there is a file, and it is not to be read; not that there is none.
pub(crate) fn is_refusal(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidInput | ErrorKind::PermissionDenied
    )
}

fn within(top: &Path, named: &Path) -> Result<PathBuf> {
    let (top, real) = (top.canonicalize()?, named.canonicalize()?);
    let Ok(within) = real.strip_prefix(&top) else {
        let shown = sanitize_line(&real.to_string_lossy(), 200);
        return Err(Error::new(
            ErrorKind::PermissionDenied,
            format!("a link leads out of the repository, to `{shown}`"),
        ));
    };
    if within.iter().any(|part| part == ".git") {
        return Err(Error::new(
            ErrorKind::PermissionDenied,
            "it lies in git's own directory",
        ));
    }
    Ok(real)
}

fn to_end(file: File) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    file.take(LONGEST_TEXT + 1).read_to_end(&mut content)?;
    match content.len() as u64 > LONGEST_TEXT {
        true => Err(Error::new(
            ErrorKind::InvalidInput,
            format!("it is longer than {}", bytes(LONGEST_TEXT)),
        )),
        false => Ok(content),
    }
}

fn text(content: Vec<u8>) -> Result<String> {
    String::from_utf8(content)
        .map_err(|_| Error::new(ErrorKind::InvalidData, "it is not text in UTF-8"))
}

/// What the thing is that is no regular file.
fn irregular(kind: FileType) -> Option<&'static str> {
    let is_device = |kind: FileType| kind.is_char_device() || kind.is_block_device();
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a directory")
    } else if kind.is_fifo() {
        Some("a pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else if is_device(kind) {
        Some("a device")
    } else {
        Some("something else")
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, process::Command};

    use super::*;

    fn fifo(path: &Path) {
        let made = Command::new("mkfifo").arg(path).status();
        assert!(made.expect("there is mkfifo").success());
    }

    #[test]
    fn only_regular_files_are_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let place = |name: &str| dir.path().join(name);
        fs::write(place("text"), "a text").expect("it is written");
        fifo(&place("pipe"));
        symlink("text", place("link")).expect("a link");
        symlink("/dev/zero", place("zero")).expect("a link");
        symlink(place("pipe"), place("to-pipe")).expect("a link");
        symlink("nowhere", place("dangling")).expect("a link");
        let _socket = std::os::unix::net::UnixListener::bind(place("socket")).expect("a socket");
        for good in ["text", "link"] {
            assert_eq!(read_text(&place(good)).expect(good), "a text");
            assert_eq!(read_given_text(&place(good)).expect(good), "a text");
        }
        for (bad, says) in [
            ("pipe", "it is a pipe, not a regular file"),
            ("to-pipe", "it is a pipe"),
            ("zero", "it is a device"),
            ("socket", "it is a socket"),
            (".", "it is a directory"),
            ("dangling", "No such file"),
        ] {
            for error in [
                look(&place(bad)).expect_err(bad),
                open(&place(bad)).expect_err(bad),
                read(&place(bad)).expect_err(bad),
                read_found(&place(bad)).expect_err(bad),
                inside(dir.path(), bad).expect_err(bad),
            ] {
                assert!(error.to_string().contains(says), "{bad}: {error}");
                assert_eq!(is_refusal(&error), bad != "dangling", "{bad}: {error}");
            }
        }
        for read in [read_given, read_found] {
            assert_eq!(read(Path::new("/dev/null")).expect("nothing"), b"");
            assert!(read(Path::new("/dev/zero")).is_err());
            assert!(read(&place("socket")).is_err());
        }
        let writer = place("pipe");
        let writer = std::thread::spawn(move || fs::write(writer, "by a pipe"));
        assert_eq!(
            read_given(&place("pipe")).expect("it is named"),
            b"by a pipe"
        );
        writer.join().expect("no panic").expect("it is written");
        fs::write(place("latin"), b"caf\xe9").expect("it is written");
        assert!(read_text(&place("latin")).is_err());
        let long = File::create(place("long")).expect("it is made");
        long.set_len(LONGEST_TEXT + 1).expect("it is sparse");
        let error = read(&place("long")).expect_err("it is too long");
        assert!(error.to_string().contains("longer than 33.6 MB"), "{error}");
    }

    #[test]
    fn links_are_followed_inside_the_repository_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let top = dir.path().join("top");
        for folder in ["top/dist", "top/.git", "top/sub/.git", "out"] {
            fs::create_dir_all(dir.path().join(folder)).expect("a directory");
        }
        for file in [
            "top/dist/a",
            "top/.git/config",
            "top/sub/.git/config",
            "out/secret",
        ] {
            fs::write(dir.path().join(file), file).expect("it is written");
        }
        for (target, link) in [
            ("dist/a", "near"),
            ("dist", "folder"),
            ("../top/dist/a", "back"),
            ("../out/secret", "far"),
            ("../out", "far-folder"),
            (".git/config", "config"),
        ] {
            symlink(target, top.join(link)).expect("a link");
        }
        for good in ["dist/a", "near", "folder/a", "back"] {
            assert_eq!(read_text_inside(&top, good).expect(good), "top/dist/a");
        }
        for (bad, says) in [
            ("far", "a link leads out of the repository, to `"),
            ("far-folder/secret", "out/secret`"),
            ("config", "git's own directory"),
            (".git/config", "git's own directory"),
            ("sub/.git/config", "git's own directory"),
        ] {
            let error = inside(&top, bad).expect_err(bad);
            assert!(error.to_string().contains(says), "{bad}: {error}");
            assert!(is_refusal(&error), "{bad}");
        }
        for (folder, good) in [
            ("dist", true),
            ("folder", true),
            ("far-folder", false),
            (".git", false),
        ] {
            assert_eq!(folder_inside(&top, folder).is_ok(), good, "{folder}");
        }
        assert!(folder_inside(&top, "").is_ok());
        let outside = dir.path().join("out/secret");
        let outside = outside.to_string_lossy();
        for named in [&*outside, "../out/secret"] {
            assert_eq!(read_text_named(&top, named).expect(named), "out/secret");
        }
        assert!(read_text_named(&top, "near").is_ok());
        assert!(read_text_named(&top, "far").is_err());
        let linked = dir.path().join("linked");
        symlink("top", &linked).expect("a link");
        assert!(inside(&linked, "dist/a").is_ok());
    }
}
