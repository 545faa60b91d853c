//! GitHub's side: files of outputs and commands in the log.

use super::report::{RunReport, json_of_all};
use crate::{error::Error, oci::Digest};

/// The outputs of a step, as lines for `GITHUB_OUTPUT`: those of the one image, or `releases` for
/// several.
pub(super) fn outputs(reports: &[RunReport<'_>]) -> String {
    match reports {
        [one] if one.label.config().is_none() => {
            let outputs = one.outputs().into_iter();
            outputs.map(|(name, value)| output(name, &value)).collect()
        }
        several => output("releases", &json_of_all(several)),
    }
}

/// One output. Its delimiter is made from the text, so the text cannot hold it.
fn output(name: &str, value: &str) -> String {
    if value.contains(['\n', '\r']) {
        let end = format!("end_{}", Digest::of(value.as_bytes()).short());
        return format!("{name}<<{end}\n{value}\n{end}\n");
    }
    format!("{name}={value}\n")
}

/// What failed, what is true now and what helps; the causes are in the log.
pub(super) fn error(error: &Error) -> String {
    let mut text = error.message().to_owned();
    for (name, more) in [("state", error.state_now()), ("hint", error.first_hint())] {
        if let Some(more) = more {
            text += &format!("\n{name}: {more}");
        }
    }
    command("error", &text)
}

/// A command in the log. A line that follows would be another command, so a text is one line.
pub(super) fn command(name: &str, text: &str) -> String {
    let text = text
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A");
    format!("::{name} title=hoist::{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_become_another_command() {
        let error = Error::failed("100% of\n::add-mask::x")
            .state("nothing moved")
            .hint("`hoist check`");
        assert_eq!(
            super::error(&error),
            "::error title=hoist::100%25 of%0A::add-mask::x%0Astate: nothing moved%0Ahint: `hoist check`"
        );
    }

    #[test]
    fn an_output_of_several_lines_ends_with_a_word_that_it_cannot_hold() {
        assert_eq!(output("a", "b"), "a=b\n");
        let text = output("tags", "a\nb");
        let end = text.lines().last().expect("a delimiter");
        assert_eq!(text, format!("tags<<{end}\na\nb\n{end}\n"));
    }
}
