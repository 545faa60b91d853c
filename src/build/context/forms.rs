//! Forms in which git keeps a file that are not the file.

use crate::{
    build::context::path::TreePath,
    error::{Error, Result},
};

/// A form in which git keeps a file that is not the file.
pub(super) struct StoredForm {
    /// The attribute that makes git keep files so.
    pub(super) attribute: &'static [u8],
    /// How the stored content begins.
    pub(super) mark: &'static [u8],
    /// The size in bytes of the largest content that is looked at.
    pub(super) max: usize,
    /// What the stored content is called.
    pub(super) called: &'static str,
    /// The command that brings the file itself into the working directory.
    pub(super) command: &'static str,
}

pub(super) const STORED_FORMS: &[StoredForm] = &[
    StoredForm {
        attribute: b"filter=lfs",
        mark: b"version https://git-lfs.github.com/spec/v1",
        max: 1024,
        called: "a Git LFS pointer",
        command: "git lfs pull",
    },
    StoredForm {
        attribute: b"filter=git-crypt",
        mark: b"\0GITCRYPT\0",
        max: 1 << 20,
        called: "encrypted by git-crypt",
        command: "git-crypt unlock",
    },
    StoredForm {
        attribute: b"filter=annex",
        mark: b"/annex/objects/",
        max: 32 << 10,
        called: "a git-annex pointer",
        command: "git annex get",
    },
];

/// Refuses a file that the build is steered by, if this is its stored form and not the file: the
/// patterns of such an ignore file would keep nothing out.
pub(super) fn check_steering(path: &TreePath, content: &[u8]) -> Result<()> {
    match STORED_FORMS.iter().find(|form| content.starts_with(form.mark)) {
        None => Ok(()),
        Some(form) => Err(Error::refused(format!("`{path}` is {}", form.called))
            .cause("the build is steered by what this file says, and its text is not here")
            .state("nothing was built or published")
            .hint(format!(
                "keep it in git as it is (`{path} -filter` in `.gitattributes`), or `{}` and `image.build.source = \"worktree\"`",
                form.command
            ))),
    }
}
