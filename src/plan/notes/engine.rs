//! The engine of the project's own templates. What a template may do is limited: it can loop.

use minijinja::{
    Environment, Error as TemplateError, ErrorKind as TemplateErrorKind, UndefinedBehavior,
};

use crate::error::Error;

/// How many steps a template may take, far more than notes of thousands of commits need. The engine counts
/// what it carries out, and each 64 bytes that it makes: so memory is limited as well.
const STEPS: u64 = 5_000_000;

/// An engine without templates.
pub(super) fn engine<'a>() -> Environment<'a> {
    limited(STEPS)
}

fn limited<'a>(steps: u64) -> Environment<'a> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(steps));
    environment
}

/// Adds to `error` why a template failed.
pub(super) fn because(error: Error, why: &TemplateError) -> Error {
    match why.kind() {
        TemplateErrorKind::OutOfFuel => {
            let place = why.line().map(|line| format!(" (line {line})"));
            let place = place.unwrap_or_default();
            error.cause(format!(
                "it takes more than {STEPS} steps{place}: a loop in it goes on for too long, or makes too much"
            ))
        }
        _ => error.because(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_goes_on_and_on_is_refused() {
        let endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}x{% endfor %}{% endfor %}{% endfor %}";
        let doubling = "{% set ns = namespace(x='xxxxxxxx') %}{% for a in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}";
        let long =
            "{{ 'x' * 90000000 }}{% for a in range(99999) %}{{ 'x' * 90000000 }}{% endfor %}";
        let recursive = "{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}";
        for source in [endless, doubling, long, recursive] {
            let begun = std::time::Instant::now();
            let error = limited(50_000)
                .render_named_str("t", source, ())
                .expect_err(source);
            let told = because(Error::usage("it fails"), &error);
            let recursion = source == recursive;
            assert!(
                recursion || format!("{told:#}").contains("more than 5000000 steps"),
                "{source}: {told:#}"
            );
            assert!(
                begun.elapsed() < std::time::Duration::from_secs(60),
                "{source}"
            );
        }
    }
}
