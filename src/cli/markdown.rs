//! Text from elsewhere in Markdown, where nothing in it is markup.

/// Text as it is, in a block.
pub(super) fn fenced(text: &str) -> String {
    let fence = "`".repeat((longest_run(text) + 1).max(3));
    format!("{fence}text\n{text}\n{fence}\n\n")
}

/// Text in one line, which may stand in a cell of a table.
pub(super) fn code(name: &str) -> String {
    let name = name.replace(['\n', '\r'], " ").replace('|', "\\|");
    let ticks = "`".repeat(longest_run(&name) + 1);
    // A tick at an end would belong to the fence.
    let blank = if name.starts_with('`') || name.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{ticks}{blank}{name}{blank}{ticks}")
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`');
    runs.map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_a_cell() {
        assert_eq!(code("a|b`c\nd"), "``a\\|b`c d``");
        assert_eq!(code("`a`"), "`` `a` ``");
    }
}
