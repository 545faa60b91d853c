//! The commands of a line of a shell, and their words.

/// A command of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlainCommand {
    /// What each word expands to. What is not known of a word stands in it as an expression, which
    /// [`as_written`] takes out again.
    pub(super) words: Vec<String>,
    /// The variables that stand before it, with what each expands to.
    pub(super) environment: Vec<(String, String)>,
    /// Whether it runs whenever the script does.
    pub(super) sure: bool,
}

impl PlainCommand {
    fn empty(sure: bool) -> Self {
        Self {
            words: Vec::new(),
            environment: Vec::new(),
            sure,
        }
    }
}

/// Around what a shell alone can expand.
const UNKNOWN: (&str, &str) = ("${{sh:", ":sh}}");

/// The place of words of a script that nothing here can expand.
pub(super) fn unknown(words: &str) -> String {
    format!("{}{words}{}", UNKNOWN.0, UNKNOWN.1)
}

/// A text for messages: with the words of the script in the place of what is not known.
pub(super) fn as_written(text: &str) -> String {
    if !text.contains(UNKNOWN.0) {
        return text.to_owned();
    }
    text.replace(UNKNOWN.0, "")
        .replace(UNKNOWN.1, "")
        .replace("GitHub alone knows", "nothing here tells")
}

/// `NAME=text`
pub(super) fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let legal = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (legal && words(value).len() <= 1).then_some((name, value))
}

/// The words of a command, with their quotes.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let (mut quote, mut depth) = (None, 0_usize);
    for c in line.chars() {
        let last = words.last_mut().expect("there is always one");
        match c {
            '"' | '\'' if quote.is_none() => quote = Some(c),
            c if Some(c) == quote => quote = None,
            '(' | '{' => depth += 1,
            ')' | '}' => depth = depth.saturating_sub(1),
            '#' if quote.is_none() && depth == 0 && last.is_empty() => break,
            c if c.is_whitespace() && quote.is_none() && depth == 0 => {
                words.push(String::new());
                continue;
            }
            _ => {}
        }
        last.push(c);
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The commands of a line.
pub(super) fn commands(
    line: &str,
    sure: bool,
    value: &dyn Fn(&str) -> Option<String>,
) -> Vec<PlainCommand> {
    let mut all = vec![PlainCommand::empty(sure)];
    let expanded = |word: &str| value(word).unwrap_or_else(|| partly(word));
    for word in words(line) {
        let last = all.last_mut().expect("there is always one");
        let ends = matches!(&*word, "&&" | "||" | ";" | "|" | "&") || word.ends_with(';');
        let plain = word.trim_end_matches(';');
        // What stands before a command is not its name.
        let set = assignment(plain).filter(|_| last.words.is_empty());
        if let Some((name, text)) = set {
            last.environment.push((name.to_owned(), expanded(text)));
        }
        let is_before = last.words.is_empty()
            && (matches!(
                plain,
                "sudo" | "time" | "exec" | "env" | "then" | "do" | "else" | "!"
            ) || set.is_some());
        if !ends && !is_before || word.ends_with(';') && !plain.is_empty() {
            last.words.push(expanded(plain));
        }
        if ends {
            // A test decides whether what follows it runs.
            let is_test = matches!(
                last.words.first().map(String::as_str),
                Some("[" | "[[" | "test")
            );
            let sure = match &*word {
                "||" => false,
                "&&" => last.sure && !is_test,
                _ => sure,
            };
            all.push(PlainCommand::empty(sure));
        }
    }
    all.retain(|command| !command.words.is_empty());
    all
}

/// A word of which a part is not known.
fn partly(word: &str) -> String {
    let plain: String = word.chars().filter(|c| !matches!(c, '"' | '\'')).collect();
    match plain.find(['$', '`']) {
        // An expression of GitHub's stands there already.
        Some(at) if plain[at..].starts_with("${{") => plain,
        Some(at) => format!("{}{}", &plain[..at], unknown(&plain[at..])),
        None => plain,
    }
}
