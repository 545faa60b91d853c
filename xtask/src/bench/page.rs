//! What `docs/performance.md` shows as measured: goals, and releases as drawings.

use std::{fmt::Write as _, fs};

use crate::Result;

const PAGE: &str = "docs/performance.md";
/// What is measured stands between these two lines.
const BEGIN: &str = "<!-- measured: written by cargo xtask bench -->";
const END: &str = "<!-- /measured -->";

/// Something that was aimed at.
pub struct Goal {
    pub what: &'static str,
    pub wanted: String,
    pub measured: String,
    pub met: bool,
    /// What the time goes to, where it is missed.
    pub goes_to: &'static str,
}

/// The measured part of the page.
#[derive(Default)]
pub struct Page {
    pub goals: Vec<Goal>,
    /// Title and text.
    pub drawings: Vec<(&'static str, String)>,
}

impl Page {
    /// The goals as a table.
    pub fn goals(&self) -> String {
        let mut text = String::from("| | goal | measured | met? |\n|---|---|---|---|\n");
        for goal in &self.goals {
            let met = match goal.met {
                true => "yes".to_owned(),
                false => format!("no: {}", goal.goes_to),
            };
            let (what, wanted, measured) = (goal.what, &goal.wanted, &goal.measured);
            let _ = writeln!(text, "| {what} | {wanted} | {measured} | {met} |");
        }
        text
    }

    /// Writes what was measured into the page; a run of a part leaves the page as it was.
    pub fn write(&self, on_what: &str) -> Result<()> {
        let page = fs::read_to_string(PAGE)?;
        if let Some(page) = self.put_into(&page, on_what)? {
            fs::write(PAGE, page)?;
        }
        Ok(())
    }

    fn put_into(&self, page: &str, on_what: &str) -> Result<Option<String>> {
        if self.goals.is_empty() || self.drawings.is_empty() {
            return Ok(None);
        }
        let lines = || format!("`{PAGE}` lacks the lines `{BEGIN}` and `{END}`");
        let (before, rest) = page.split_once(BEGIN).ok_or_else(lines)?;
        let (_, after) = rest.split_once(END).ok_or_else(lines)?;
        let mut text = format!("{before}{BEGIN}\n\n{on_what}\n\n{}", self.goals());
        for (title, drawing) in &self.drawings {
            let _ = write!(text, "\n### {title}\n\n```text\n{drawing}```\n");
        }
        Ok(Some(format!("{text}\n{END}{after}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_replaces_what_was_there() {
        let page = Page {
            goals: vec![Goal {
                what: "requests",
                wanted: "at most 24".to_owned(),
                measured: "25".to_owned(),
                met: false,
                goes_to: "rules",
            }],
            drawings: vec![("A release", "GET ==\n".to_owned())],
        };
        let old = format!("# P\n{BEGIN}\nold\n{END}\nrest\n");
        let new = page
            .put_into(&old, "Today.")
            .expect("both lines")
            .expect("a page");
        assert!(!new.contains("old") && new.ends_with(&format!("{END}\nrest\n")));
        assert!(new.contains("| requests | at most 24 | 25 | no: rules |\n"));
        assert!(new.contains("```text\nGET ==\n```\n"));
        let again = page.put_into(&new, "Today.").expect("both lines");
        assert_eq!(again, Some(new));
        assert!(page.put_into("# P\n", "Today.").is_err());
        let part = Page::default()
            .put_into(&old, "Today.")
            .expect("nothing to do");
        assert_eq!(part, None);
    }
}
