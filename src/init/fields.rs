//! Inputs of Docker's actions: lines of CSV records of `key=value`.

/// The fields of a CSV record; a field in double quotes can hold commas, `""` is a quote.
pub(super) fn csv(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    // An expression of GitHub's that was not filled in stays together.
    let mut expression = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let last = fields.last_mut().expect("there is always one");
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                last.push('"');
                chars.next();
            }
            '"' if !expression && (quoted || last.trim().is_empty()) => quoted = !quoted,
            ',' if !quoted && !expression => fields.push(String::new()),
            c => {
                last.push(c);
                if last.ends_with("${{") {
                    expression = true;
                } else if last.ends_with("}}") {
                    expression = false;
                }
            }
        }
    }
    fields
}

/// `key=value` of each field, trimmed; a bare field has no key.
pub(super) fn pairs(line: &str) -> Vec<(Option<String>, String)> {
    csv(line)
        .iter()
        .map(|field| match field.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                (Some(key.trim().to_lowercase()), value.trim().to_owned())
            }
            _ => (None, field.trim().to_owned()),
        })
        .collect()
}

/// Lines that are not comments.
pub(super) fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// Records of one field each, as Docker's actions read build arguments and labels: commas stay, and
/// quotes around a whole record hold its lines together. Quotes within a record belong to its value.
pub(super) fn records(text: &str) -> Vec<String> {
    let mut records: Vec<String> = Vec::new();
    let mut quoted: Option<String> = None;
    for line in text.lines() {
        let start = line.trim();
        let record = match quoted.take() {
            Some(begun) => format!("{begun}\n{line}"),
            None if start.is_empty() || start.starts_with('#') => continue,
            None => start.to_owned(),
        };
        let Some(inner) = record.strip_prefix('"') else {
            records.push(record);
            continue;
        };
        // A doubled quote is one of the text.
        let inner = inner.replace("\"\"", "\u{0}");
        match inner.trim_end().strip_suffix('"') {
            Some(whole) => records.push(whole.replace('\u{0}', "\"")),
            None => quoted = Some(record),
        }
    }
    records.extend(quoted);
    records
}

/// Items that lines or commas separate.
pub(super) fn list(text: &str) -> Vec<String> {
    let lines = lines(text);
    let items = lines.iter().flat_map(|line| csv(line));
    items
        .map(|item| item.trim().to_owned())
        .filter(|item| !item.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::init::fields::*;

    #[test]
    fn records_keep_the_quotes_of_values() {
        let text = "A=\"x y\"\n# no\n\n\"B=say \"\"hi\"\"\nthere\"\nC=1,2";
        assert_eq!(records(text), ["A=\"x y\"", "B=say \"hi\"\nthere", "C=1,2"]);
        assert_eq!(records("\"A=1"), ["\"A=1"]);
    }

    #[test]
    fn csv_fields() {
        assert_eq!(csv(r#"a,"b,""c""",d"#), ["a", "b,\"c\"", "d"]);
        assert_eq!(csv("a=${{ f(x, 'y') }},b"), ["a=${{ f(x, 'y') }}", "b"]);
        assert_eq!(csv(""), [""]);
    }
}
