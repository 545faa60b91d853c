//! What the action's expressions give outside of patterns, and what it makes of characters.

use crate::init::{
    handlebars::strftime,
    scenario::{ReleaseEvent, Scenario},
};

/// What the action's own expressions give outside of patterns.
pub(super) fn global(
    name: &str,
    argument: Option<&str>,
    scenario: &Scenario<'_>,
) -> Result<String, String> {
    let git_ref = scenario.git_ref();
    Ok(match name {
        "branch" => git_ref
            .strip_prefix("refs/heads/")
            .unwrap_or_default()
            .into(),
        "tag" => git_ref
            .strip_prefix("refs/tags/")
            .unwrap_or_default()
            .into(),
        "sha" => "{sha}".into(),
        "base_ref" if scenario.event == ReleaseEvent::TagPush => {
            return Err("`{{base_ref}}` is known to GitHub alone".into());
        }
        "base_ref" => String::new(),
        "is_default_branch" => {
            (git_ref.strip_prefix("refs/heads/") == Some(scenario.default_branch)).to_string()
        }
        "is_not_default_branch" => {
            (git_ref.strip_prefix("refs/heads/") != Some(scenario.default_branch)).to_string()
        }
        "date" | "commit_date" => {
            format!("{{{name}:{}}}", strftime(argument.unwrap_or_default())?)
        }
        _ => String::new(),
    })
}

/// What the action makes of characters that no tag can hold; placeholders stay.
pub(super) fn sanitize(name: &str) -> String {
    let mut out = String::new();
    let (mut inside, mut replaced) = (false, false);
    for c in name.chars() {
        inside |= c == '{';
        let legal = c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '}');
        if inside || legal {
            out.push(c);
            replaced = false;
        } else if !replaced {
            out.push('-');
            replaced = true;
        }
        inside &= c != '}';
    }
    out
}
