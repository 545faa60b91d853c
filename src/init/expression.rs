//! GitHub's expressions, evaluated as far as the files tell their values.
//!
//! Unknown is a value of its own: `false && unknown` is false, `unknown == 'x'` is unknown, and a
//! text keeps the expressions that could not be filled in.

use github_actions_expressions::{
    Evaluation, Expr, SpannedExpr,
    call::{Call, Function},
    context::Context,
    literal::Literal,
    op::{BinExpr, BinOp},
};
use serde_json::Value;

use crate::init::term::{Object, Term, is_partial};

/// Evaluates one expression, without `${{ }}`. What does not parse is unknown.
pub(super) fn evaluate(expression: &str, contexts: &Object) -> Term {
    match Expr::parse(expression.trim()) {
        Ok(parsed) => Evaluator { contexts }.expression(&parsed),
        Err(_) => Term::Unknown,
    }
}

/// Evaluates a condition, which may stand in `${{ }}` or not.
pub(super) fn condition(text: &str, contexts: &Object) -> Option<bool> {
    let text = text.trim();
    if text.is_empty() {
        return Some(true);
    }
    match sole(text) {
        Some(inner) => evaluate(inner, contexts).truth(),
        // Text around an expression makes it a text, which is always true.
        None if is_partial(text) => Some(true),
        None => evaluate(text, contexts).truth(),
    }
}

/// The value of a text: that of the expression where the text is nothing else, so that it can be a
/// list or an object.
pub(super) fn value(text: &str, contexts: &Object) -> Term {
    match sole(text.trim()) {
        Some(inner) => evaluate(inner, contexts),
        None => Term::Text(fill(text, contexts)),
    }
}

/// What an output or an input of an action holds: always a text, unless it is the JSON of a step that
/// is known as what it is.
pub(super) fn output(text: &str, contexts: &Object) -> Term {
    match value(text, contexts) {
        known @ (Term::Unknown | Term::Object(_) | Term::List(_)) => known,
        other => other.text().map_or(Term::Unknown, Term::Text),
    }
}

/// Fills in the expressions of a text. One that is not known stays as it is.
pub(super) fn fill(text: &str, contexts: &Object) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${{") {
        let Some(end) = end_of(&rest[start..]) else {
            break;
        };
        let whole = &rest[start..start + end];
        let inner = &whole[3..whole.len() - 2];
        out.push_str(&rest[..start]);
        match evaluate(inner, contexts).text() {
            Some(text) => out.push_str(&text),
            None => out.push_str(whole),
        }
        rest = &rest[start + end..];
    }
    out + rest
}

/// The inside of the one expression that a text consists of.
fn sole(text: &str) -> Option<&str> {
    let end = end_of(text.strip_prefix("${{").map(|_| text)?)?;
    (end == text.len()).then(|| text[3..end - 2].trim())
}

/// Where the expression that a text begins with ends; `}}` in quotes does not end it.
fn end_of(text: &str) -> Option<usize> {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '}' if !quoted && text[at..].starts_with("}}") => return Some(at + 2),
            _ => {}
        }
    }
    // An apostrophe before the expression's end is possible in broken text alone.
    text.find("}}").map(|at| at + 2)
}

struct Evaluator<'a> {
    contexts: &'a Object,
}

impl Evaluator<'_> {
    fn expression(&self, expression: &SpannedExpr<'_>) -> Term {
        match &expression.inner {
            Expr::Literal(literal) => literal_of(literal),
            Expr::Call(call) => self.call(call),
            Expr::Context(context) => self.context(context),
            Expr::Identifier(name) => self.contexts.get(name.as_str()),
            Expr::Index(inner) => self.expression(inner),
            Expr::BinExpr(binary) => self.binary(binary),
            Expr::UnExpr { expr, .. } => match self.expression(expr).truth() {
                Some(truth) => Term::Bool(!truth),
                None => Term::Unknown,
            },
            Expr::Star => Term::Unknown,
        }
    }

    fn context(&self, context: &Context<'_>) -> Term {
        let mut parts = context.parts.iter();
        let Some(head) = parts.next() else {
            return Term::Unknown;
        };
        let mut value = self.expression(head);
        let mut starred = false;
        for part in parts {
            let name = match &part.inner {
                Expr::Identifier(name) => Term::from(name.as_str()),
                Expr::Index(index) if matches!(index.inner, Expr::Star) => {
                    (value, starred) = (value.members(), true);
                    continue;
                }
                Expr::Index(index) => self.expression(index),
                Expr::Star => {
                    (value, starred) = (value.members(), true);
                    continue;
                }
                _ => return Term::Unknown,
            };
            value = match &value {
                Term::List(items) if starred && !matches!(name, Term::Number(_)) => {
                    Term::List(items.iter().map(|item| item.member(&name)).collect())
                }
                _ => value.member(&name),
            };
        }
        value
    }

    fn binary(&self, binary: &BinExpr<'_>) -> Term {
        let left = self.expression(&binary.lhs);
        match binary.op {
            BinOp::And => match left.truth() {
                Some(true) => self.expression(&binary.rhs),
                Some(false) => left,
                None => match self.expression(&binary.rhs).truth() {
                    Some(false) => Term::Bool(false),
                    _ => Term::Unknown,
                },
            },
            BinOp::Or => match left.truth() {
                Some(true) => left,
                Some(false) => self.expression(&binary.rhs),
                None => match self.expression(&binary.rhs) {
                    Term::Bool(true) => Term::Bool(true),
                    _ => Term::Unknown,
                },
            },
            _ => compare(&binary.op, &left, &self.expression(&binary.rhs)),
        }
    }

    fn call(&self, call: &Call<'_>) -> Term {
        let arguments: Vec<Term> = call.args.iter().map(|arg| self.expression(arg)).collect();
        let text = |at: usize| {
            let text = arguments.get(at).and_then(Term::text);
            text.filter(|text| !is_partial(text))
        };
        match call.func {
            Function::Success | Function::Always => Term::Bool(true),
            Function::Cancelled | Function::Failure => Term::Bool(false),
            Function::StartsWith | Function::EndsWith => match (text(0), text(1)) {
                (Some(whole), Some(part)) => {
                    let (whole, part) = (whole.to_lowercase(), part.to_lowercase());
                    Term::Bool(match call.func {
                        Function::StartsWith => whole.starts_with(&part),
                        _ => whole.ends_with(&part),
                    })
                }
                _ => Term::Unknown,
            },
            Function::Contains => contains(&arguments),
            Function::Format => format(&arguments),
            Function::Join => join(&arguments),
            Function::ToJSON => match arguments.first().and_then(Term::json) {
                Some(value) => Term::Text(value.to_string()),
                None => Term::Unknown,
            },
            // The output of a step that is known as what it is.
            Function::FromJSON if matches!(arguments[..], [Term::Object(_) | Term::List(_)]) => {
                arguments[0].clone()
            }
            Function::FromJSON => match text(0).map(|text| serde_json::from_str::<Value>(&text)) {
                Some(Ok(value)) => Term::from(&value),
                _ => Term::Unknown,
            },
            Function::Case => self.case(&arguments),
            Function::HashFiles => Term::Unknown,
        }
    }

    fn case(&self, arguments: &[Term]) -> Term {
        for pair in arguments.chunks(2) {
            match pair {
                [predicate, value] => match predicate.truth() {
                    Some(true) => return value.clone(),
                    Some(false) => {}
                    None => return Term::Unknown,
                },
                [otherwise] => return otherwise.clone(),
                _ => {}
            }
        }
        Term::Unknown
    }
}

fn literal_of(literal: &Literal<'_>) -> Term {
    match literal {
        Literal::Number(value) => Term::Number(*value),
        Literal::String(text) => Term::Text(text.to_string()),
        Literal::Boolean(value) => Term::Bool(*value),
        Literal::Null => Term::Null,
    }
}

fn compare(op: &BinOp, left: &Term, right: &Term) -> Term {
    let known = |term: &Term| match term {
        Term::Unknown => false,
        Term::Text(text) => !is_partial(text),
        _ => true,
    };
    if !known(left) || !known(right) {
        return Term::Unknown;
    }
    let order = match (left, right) {
        (Term::Text(left), Term::Text(right)) => {
            Some(left.to_lowercase().cmp(&right.to_lowercase()))
        }
        (Term::List(_) | Term::Object(_), _) | (_, Term::List(_) | Term::Object(_)) => {
            return Term::Bool(matches!(op, BinOp::Eq) == (left == right));
        }
        _ => number(left).partial_cmp(&number(right)),
    };
    Term::Bool(match op {
        BinOp::Eq => order.is_some_and(|order| order.is_eq()),
        BinOp::Neq => order.is_none_or(|order| order.is_ne()),
        BinOp::Gt => order.is_some_and(|order| order.is_gt()),
        BinOp::Ge => order.is_some_and(|order| order.is_ge()),
        BinOp::Lt => order.is_some_and(|order| order.is_lt()),
        BinOp::Le => order.is_some_and(|order| order.is_le()),
        BinOp::And | BinOp::Or => return Term::Unknown,
    })
}

fn number(term: &Term) -> f64 {
    match term {
        Term::Null => 0.0,
        Term::Bool(value) => f64::from(u8::from(*value)),
        Term::Number(value) => *value,
        Term::Text(text) => Evaluation::String(text.clone()).as_number(),
        _ => f64::NAN,
    }
}

fn contains(arguments: &[Term]) -> Term {
    let [whole, part] = arguments else {
        return Term::Unknown;
    };
    match (whole, part) {
        (Term::Unknown, _) | (_, Term::Unknown) => Term::Unknown,
        (Term::List(items), part) => {
            let equal = |item: &Term| compare(&BinOp::Eq, item, part) == Term::Bool(true);
            match items.iter().any(equal) {
                true => Term::Bool(true),
                false if items.contains(&Term::Unknown) => Term::Unknown,
                false => Term::Bool(false),
            }
        }
        _ => match (whole.text(), part.text()) {
            (Some(whole), Some(part)) if !is_partial(&whole) && !is_partial(&part) => {
                Term::Bool(whole.to_lowercase().contains(&part.to_lowercase()))
            }
            _ => Term::Unknown,
        },
    }
}

fn format(arguments: &[Term]) -> Term {
    let texts: Option<Vec<String>> = arguments.iter().map(Term::text).collect();
    let Some((pattern, values)) = texts.as_deref().and_then(|texts| texts.split_first()) else {
        return Term::Unknown;
    };
    let mut out = String::new();
    let mut rest = pattern.as_str();
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let doubled = &rest[at..at + 1];
        if rest[at + 1..].starts_with(doubled) {
            out.push_str(doubled);
            rest = &rest[at + 2..];
            continue;
        }
        let Some(end) = rest[at..].find('}') else {
            return Term::Unknown;
        };
        let index = rest[at + 1..at + end].parse::<usize>();
        match index.ok().and_then(|index| values.get(index)) {
            Some(value) => out.push_str(value),
            None => return Term::Unknown,
        }
        rest = &rest[at + end + 1..];
    }
    Term::Text(out + rest)
}

fn join(arguments: &[Term]) -> Term {
    let separator = arguments.get(1).map_or(Some(",".into()), Term::text);
    let (Some(Term::List(items)), Some(separator)) = (arguments.first(), separator) else {
        return Term::Unknown;
    };
    let texts: Option<Vec<String>> = items.iter().map(Term::text).collect();
    texts.map_or(Term::Unknown, |texts| Term::Text(texts.join(&separator)))
}

#[cfg(test)]
mod tests {
    use crate::init::expression::*;

    fn contexts() -> Object {
        let github = Object::open()
            .with("ref", "refs/tags/v1.2.3")
            .with("event_name", "push");
        Object::default()
            .with("github", github)
            .with("env", Object::open().with("NAME", "api"))
            .with("secrets", Object::open())
            .with(
                "matrix",
                Object::default().with("list", Term::List(vec!["a".into(), "b".into()])),
            )
    }

    #[test]
    fn unknown_is_a_value_of_its_own() {
        for (text, expected) in [
            ("startsWith(github.ref, 'refs/tags/')", Some(true)),
            ("!startsWith(github.ref, 'refs/tags/v0.')", Some(true)),
            ("${{ github.event_name != 'pull_request' }}", Some(true)),
            ("github.actor == 'x'", None),
            (
                "github.event_name == 'pull_request' && github.actor == 'x'",
                Some(false),
            ),
            ("github.actor == 'x' && false", Some(false)),
            (
                "github.actor == 'x' || github.event_name == 'PUSH'",
                Some(true),
            ),
            ("github.actor == 'x' || false", None),
            ("contains(github.ref, '-RC') == false", Some(true)),
            (
                "contains(fromJSON('[\"push\",\"release\"]'), github.event_name)",
                Some(true),
            ),
            ("contains(matrix.list, 'c')", Some(false)),
            ("always() && !cancelled()", Some(true)),
            ("matrix.missing == ''", Some(true)),
            ("secrets.TOKEN != ''", None),
            (
                "github['ref'] == format('refs/{0}/v{1}', 'tags', '1.2.3')",
                Some(true),
            ),
            ("join(matrix.list, '-') == 'a-b'", Some(true)),
            ("1 < 2 && '3' == 3", Some(true)),
            ("", Some(true)),
            ("not ( valid", None),
        ] {
            assert_eq!(condition(text, &contexts()), expected, "{text}");
        }
    }

    #[test]
    fn a_text_keeps_what_is_not_known() {
        for (text, expected) in [
            ("a/${{ env.NAME }}:x", "a/api:x"),
            (
                "${{ secrets.USER }}/${{ env.name }}",
                "${{ secrets.USER }}/api",
            ),
            ("${{ github.ref == 'x' && 'y' || 'z' }}", "z"),
            ("${{ format('}}{0}', 'a') }}", "}a"),
            ("open ${{ end", "open ${{ end"),
        ] {
            assert_eq!(fill(text, &contexts()), expected, "{text}");
        }
        assert_eq!(
            value("${{ matrix.list }}", &contexts()),
            Term::List(vec!["a".into(), "b".into()])
        );
    }
}
