//! GitHub's side: files of outputs and commands in the log.

use super::report::{RunReport, json_of_all};
use crate::{error::Error, oci::Digest, text::sanitize_line};

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

/// How long a line of the annotation may be that others wrote.
const MOST: usize = 300;

/// What failed and why, the line of the output that says most, what is true now and what helps. All causes and
/// the whole excerpt are in the log.
pub(super) fn error(error: &Error) -> String {
    let mut text = error.message().to_owned();
    let cause = error
        .causes()
        .first()
        .map(|cause| sanitize_line(cause, MOST));
    let line = error
        .excerpts()
        .last()
        .and_then(|last| telling(&last.lines));
    let line = line.map(|line| sanitize_line(line, MOST));
    for (name, more) in [("caused by", cause), ("output", line)] {
        if let Some(more) = more {
            text += &format!("\n{name}: {more}");
        }
    }
    for (name, more) in [("state", error.state_now()), ("hint", error.first_hint())] {
        if let Some(more) = more {
            text += &format!("\n{name}: {more}");
        }
    }
    command("error", &text)
}

/// The last line that reads like a failure; else the last one that says anything.
fn telling(lines: &[String]) -> Option<&str> {
    const WORDS: [&str; 10] = [
        "error",
        "fatal",
        "panic",
        "cannot",
        "can't",
        "failed",
        "not found",
        "no such",
        "denied",
        "refused",
    ];
    let says = |line: &&str| line.chars().any(char::is_alphanumeric);
    let mut said = lines.iter().map(|line| line.trim()).filter(says);
    let fails = |line: &&str| {
        let line = line.to_lowercase();
        WORDS.iter().any(|word| line.contains(word))
    };
    said.clone().rfind(fails).or_else(|| said.next_back())
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
    fn a_failed_build_says_why_in_its_annotation() {
        let lines = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (output, told) in [
            (
                &[
                    "compiling",
                    "error[E0425]: no `x`",
                    "  --> src/main.rs",
                    "",
                    "bye",
                ][..],
                "%0Aoutput: error[E0425]: no `x`",
            ),
            (&["one", "  two", "--", ""], "%0Aoutput: two"),
            (&["", "---"], ""),
            (&[], ""),
        ] {
            let error = Error::failed("the build failed")
                .cause("`make image`: exit code: 101")
                .cause("a second one")
                .excerpt("the output", lines(output))
                .state("nothing was published");
            assert_eq!(
                super::error(&error),
                format!(
                    "::error title=hoist::the build failed%0Acaused by: `make image`: exit code: 101{told}%0Astate: nothing was published"
                )
            );
        }
    }

    #[test]
    fn an_output_of_several_lines_ends_with_a_word_that_it_cannot_hold() {
        assert_eq!(output("a", "b"), "a=b\n");
        let text = output("tags", "a\nb");
        let end = text.lines().last().expect("a delimiter");
        assert_eq!(text, format!("tags<<{end}\na\nb\n{end}\n"));
    }
}
