//! What a file or a directory is in which there is no image that hoist reads. Said so that its owner
//! knows what to do with it.

use super::error::broken;
use crate::{error::Error, text::sanitize_line};

/// How many names a refusal lists.
const SHOWN: usize = 5;

/// What a file is that is neither a tar archive nor one packed with gzip or zstd, by its first bytes.
pub(super) fn foreign_file(head: &[u8]) -> Option<Error> {
    let (what, command) = match head {
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => ("compressed with xz", Some("xz -d")),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => ("compressed with bzip2", Some("bzip2 -d")),
        [0x04, 0x22, 0x4d, 0x18, ..] => ("compressed with lz4", Some("lz4 -d")),
        [0x5d, 0, 0, ..] => ("compressed with lzma", Some("lzma -d")),
        [b'L', b'Z', b'I', b'P', ..] => ("compressed with lzip", Some("lzip -d")),
        [0x1f, 0x9d, ..] => ("compressed with compress", Some("uncompress")),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => ("a zip archive, not a tar archive", None),
        [b'7', b'z', 0xbc, 0xaf, ..] => ("a 7z archive, not a tar archive", None),
        [b'h', b's', b'q', b's', ..] => ("a squashfs file system, not a tar archive", None),
        [0x7f, b'E', b'L', b'F', ..] => ("a program, not a tar archive", None),
        [b'{' | b'[', ..] => ("a JSON document, not a tar archive", None),
        [] => ("empty, not a tar archive", None),
        _ => return None,
    };
    let error = broken(format!("it is {what}"));
    Some(match command {
        Some(command) => error
            .hint(format!(
                "decompress it first (`{command}`), or let the builder write a plain tar archive; gzip and zstd are read as well"
            )),
        None => error.hint(LAYOUT),
    })
}

/// A directory or archive that has neither `index.json` nor a `manifest.json`. `names` are those of
/// its files, and in a directory those of its folders.
pub(super) fn no_image(names: &[String]) -> Error {
    let has = |name: &str| names.iter().any(|one| one == name);
    let below = |folder: &str| {
        names
            .iter()
            .any(|one| one.split('/').next() == Some(folder))
    };
    let nested = names.iter().find_map(|name| {
        ["/index.json", "/manifest.json"]
            .iter()
            .find_map(|end| name.strip_suffix(end))
    });
    if let Some(folder) = nested {
        let folder = sanitize_line(folder, 100);
        return broken(format!("the image is not at its top, but in `{folder}`"))
            .hint(format!("name that folder in `image.build.layout`, or pack what is in it: `tar -C {folder} -cf image.tar .`"));
    }
    if names.is_empty() {
        return neither().cause("it is empty").hint(LAYOUT);
    }
    if has("oci-layout") {
        return broken(
            "it is an OCI layout without `index.json`: nothing says which image is in it",
        );
    }
    if has("repositories") {
        return broken(
            "it is what `docker save` wrote before Docker 1.10, without `manifest.json`",
        )
        .hint("load it into an engine and save it again: `docker load`, `docker save`");
    }
    let system = ["etc", "usr", "bin", "dev", "proc", "var"];
    if system.iter().filter(|folder| below(folder)).count() >= 2 {
        return broken("it is the file system of a container (as `docker export` or `--output type=local` writes it), not an image")
            .hint(LAYOUT);
    }
    if has("Dockerfile") {
        return broken("it is a build context, not an image").hint(LAYOUT);
    }
    let shown: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{}`", sanitize_line(name, 60)))
        .collect();
    neither()
        .cause(format!("it holds {}", shown.join(", ")))
        .hint(LAYOUT)
}

fn neither() -> Error {
    broken("it has neither `index.json` (an OCI layout) nor `manifest.json` (`docker save`)")
}

/// A `manifest.json` that is the image's own manifest: the transport `dir:` of skopeo.
pub(super) fn skopeo_directory() -> Error {
    broken("it is a directory of skopeo's `dir:` (podman's `docker-dir`), which is not an OCI layout")
        .hint("`skopeo copy --all dir:FROM oci:TO` makes a layout of it; name that one in `image.build.layout`")
}

const LAYOUT: &str = "`docker buildx build --output type=oci,dest=image.tar .`, `docker save`, `buildah push IMAGE oci:DIR` or `skopeo copy FROM oci:DIR` make what `image.build.layout` names";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_file_is_called_by_its_name() {
        for (head, says) in [
            (&b"\xfd7zXZ\0\0\0"[..], "xz"),
            (b"BZh91AY&SY", "bzip2"),
            (b"\x04\x22\x4d\x18", "lz4"),
            (b"PK\x03\x04", "zip"),
            (b"hsqs", "squashfs"),
            (b"{\"schemaVersion\"", "JSON"),
            (b"", "empty"),
        ] {
            let error = foreign_file(head).expect("it is known");
            assert!(format!("{error:#}").contains(says), "{says}: {error:#}");
            assert!(error.first_hint().is_some(), "{says}");
        }
        for fine in [&b"blobs/sha256/\0\0"[..], b"BZ", b"Bhome", b"index.json\0"] {
            assert!(foreign_file(fine).is_none());
        }
    }

    #[test]
    fn what_holds_no_image_is_called_by_its_name() {
        for (names, says) in [
            (&[][..], "empty"),
            (&["oci-layout", "blobs/sha256/a"], "without `index.json`"),
            (&["dist/index.json", "dist/oci-layout"], "but in `dist`"),
            (&["repositories", "a/layer.tar"], "before Docker 1.10"),
            (
                &["etc/passwd", "usr/bin/env", "x"],
                "file system of a container",
            ),
            (&["Dockerfile", "src"], "build context"),
            (&["a", "b"], "it holds `a`, `b`"),
        ] {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let error = no_image(&names);
            assert!(format!("{error:#}").contains(says), "{names:?}: {error:#}");
        }
    }
}
