//! What a journal may name. It can come from a lock on the remote, which others may write, and its
//! names become arguments of `git`: none may be read as an option.

use crate::publish::protocol::journal::Prepared;

/// Every object id is one, and every ref is a ref of its kind.
pub(in crate::publish) fn is_legal(prepared: &Prepared) -> bool {
    let tag = prepared.git_tag.as_ref();
    let branch = prepared.branch.as_ref();
    is_object(&prepared.commit)
        && prepared.lock_refs.iter().all(|name| is_ref(name, "refs/"))
        && tag.is_none_or(|tag| {
            is_object(&tag.id) && is_ref(&format!("refs/tags/{}", tag.name), "refs/tags/")
        })
        && branch
            .is_none_or(|branch| is_object(&branch.before) && is_ref(&branch.name, "refs/heads/"))
}

/// A SHA-1 or SHA-256 in full.
fn is_object(id: &str) -> bool {
    matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// As `git check-ref-format`, below `prefix`.
fn is_ref(name: &str, prefix: &str) -> bool {
    let Some(rest) = name.strip_prefix(prefix) else {
        return false;
    };
    let special = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    !name.contains(special)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && rest.split('/').all(|part| {
            !part.is_empty() && !part.starts_with(['.', '-']) && !part.ends_with(".lock")
        })
}

#[cfg(test)]
mod tests {
    use crate::publish::protocol::journal::names::*;

    #[test]
    fn a_ref_is_below_its_prefix_and_no_option() {
        for good in [
            "refs/heads/main",
            "refs/heads/release/1.x",
            "refs/heads/a.b",
        ] {
            assert!(is_ref(good, "refs/heads/"), "{good}");
        }
        for bad in [
            "--upload-pack=touch x",
            "refs/heads/",
            "refs/heads//a",
            "refs/heads/../tags/a",
            "refs/heads/a b",
            "refs/heads/a*",
            "refs/heads/a:b",
            "refs/heads/-a",
            "refs/heads/a.lock",
            "refs/heads/a\n",
            "refs/tags/a",
        ] {
            assert!(!is_ref(bad, "refs/heads/"), "{bad}");
        }
    }

    #[test]
    fn an_object_is_a_whole_hash() {
        assert!(is_object(&"a".repeat(40)) && is_object(&"0".repeat(64)));
        for bad in ["", "abc", "--receive-pack=touch-xxxxxxxxxxxxxxxxxxxxx"] {
            assert!(!is_object(bad), "{bad}");
        }
    }
}
