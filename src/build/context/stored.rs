//! Files of a commit whose content is not the file's own, or is not in the clone.

use git2::{ObjectType, Oid, TreeWalkMode, TreeWalkResult};

use crate::{
    build::context::{
        commit::CommitTree,
        entry::{ContextEntry, EntryKind},
        forms::{STORED_FORMS, StoredForm},
        path::TreePath,
        unfit::refused,
    },
    error::{Error, Result},
};

/// Every file's content is in the clone, and is the file.
pub(super) fn check_objects(
    tree: &CommitTree,
    root: &TreePath,
    entries: &[ContextEntry],
) -> Result<()> {
    let forms = forms_in_use(tree);
    let mut found: Option<(&StoredForm, &TreePath, usize)> = None;
    for ContextEntry { path, kind } in entries {
        let id = match kind {
            EntryKind::File { id, .. } => id,
            EntryKind::Link { target } if contains(target, b".git/annex/objects/") => {
                return Err(stored_elsewhere(
                    path,
                    0,
                    "a link of git-annex",
                    "git annex get",
                ));
            }
            _ => continue,
        };
        let Ok(id) = id.parse::<Oid>() else {
            continue;
        };
        let full = root.join(path.as_bytes());
        match (stored_form(tree, &full, id, &forms)?, &mut found) {
            (None, _) => {}
            (Some(form), None) => found = Some((form, path, 0)),
            (Some(form), Some((first, _, more))) if std::ptr::eq(form, *first) => *more += 1,
            (Some(_), Some(_)) => {}
        }
    }
    match found {
        Some((form, path, more)) => Err(stored_elsewhere(path, more, form.called, form.command)),
        None => Ok(()),
    }
}

fn stored_elsewhere(path: &TreePath, more: usize, called: &str, command: &str) -> Error {
    let others = match more {
        0 => String::new(),
        1 => " (and so is 1 more file)".to_owned(),
        more => format!(" (and so are {more} more files)"),
    };
    refused(
        path,
        &format!("is {called}{others}: the image would have that in place of the file"),
    )
    .hint(format!(
        "`{command}` and `image.build.source = \"worktree\"` send the file itself; where no image needs it, name it in `.dockerignore`"
    ))
}

/// The forms that an attributes file of the commit asks for.
fn forms_in_use(tree: &CommitTree) -> Vec<&'static StoredForm> {
    let mut attributes = Vec::new();
    if let Ok(top) = tree.repository.find_tree(tree.tree) {
        // What cannot be read here is met again, and refused, when the context is listed.
        let _ = top.walk(TreeWalkMode::PreOrder, |_, entry| {
            let is_file = entry.kind() == Some(ObjectType::Blob);
            if is_file
                && entry.name_bytes() == b".gitattributes"
                && let Ok(blob) = tree.repository.find_blob(entry.id())
            {
                attributes.extend_from_slice(blob.content());
            }
            TreeWalkResult::Ok
        });
    }
    let in_use = |form: &&StoredForm| contains(&attributes, form.attribute);
    STORED_FORMS.iter().filter(in_use).collect()
}

/// The form that the file is stored in, if it is not stored as itself.
fn stored_form<'a>(
    tree: &CommitTree,
    path: &TreePath,
    id: Oid,
    forms: &[&'a StoredForm],
) -> Result<Option<&'a StoredForm>> {
    tree.in_repository_of(path, id, |repository| {
        let Ok(objects) = repository.odb() else {
            return Ok(None);
        };
        if !objects.exists(id) {
            return Err(refused(path, "has no content in this clone")
                .hint("the clone is partial (`git clone --filter`) or damaged; `git archive HEAD > /dev/null` fetches what a partial clone lacks"));
        }
        let size = objects.read_header(id).map_or(usize::MAX, |(size, _)| size);
        // Asking for the size is cheap; only small files are read.
        let mut possible = forms.iter().filter(|form| size <= form.max).peekable();
        if possible.peek().is_none() {
            return Ok(None);
        }
        let object = objects.read(id);
        let content = object.as_ref().map_or(&[][..], |object| object.data());
        Ok(possible.find(|form| content.starts_with(form.mark)).copied())
    })?
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
