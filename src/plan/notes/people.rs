//! Who is thanked in release notes: people, not programs.

use crate::{plan::history::levels::Person, text::sanitize_line};

/// Adds those of `people` to `names` who are not in it and are not programs. `known` has the
/// addresses of those who are, because one person can have several names.
pub(super) fn thank(names: &mut Vec<String>, known: &mut Vec<String>, people: &[Person]) {
    for person in people.iter().filter(|person| !is_program(person)) {
        let name = sanitize_line(&person.name, 100);
        let address = person.email.to_lowercase();
        let is_known = names.contains(&name) || !address.is_empty() && known.contains(&address);
        if !name.is_empty() && !is_known {
            names.push(name);
        }
        if !address.is_empty() && !known.contains(&address) {
            known.push(address);
        }
    }
}

/// Accounts of programs that commit, whose names do not say so.
const PROGRAMS: [&str; 22] = [
    "actions-user",
    "allcontributors",
    "bors",
    "claude",
    "copilot",
    "copybara-service",
    "cursoragent",
    "dependabot",
    "dependabot-preview",
    "fluxcdbot",
    "github-actions",
    "gitlab-ci",
    "greenkeeper",
    "imgbot",
    "pre-commit-ci",
    "pyup-bot",
    "renovate",
    "snyk-bot",
    "jenkins",
    "web-flow",
    "weblate",
    "whitesource",
];

/// Whether a name and address are those of a program.
fn is_program(person: &Person) -> bool {
    let name = person.name.trim().to_lowercase();
    let address = person.email.to_lowercase();
    let local = address.split('@').next().unwrap_or_default();
    // GitHub's own addresses have the account's number before the name.
    let account = local.rsplit('+').next().unwrap_or_default();
    let named = |text: &str| {
        let text = text.replace([' ', '_'], "-");
        text.ends_with("[bot]")
            || text.ends_with("-bot")
            || text.ends_with("-robot")
            || text == "bot"
            || PROGRAMS.contains(&text.as_str())
    };
    // `Jan Bot` can be a person; a program with such a name has such an address, too, or none.
    let may_be_family = name.ends_with(" bot") && !address.is_empty();
    named(account)
        || named(&name) && !may_be_family
        || may_be_family && account.contains("bot")
        || address == "noreply@anthropic.com"
}

#[cfg(test)]
mod tests {
    use crate::plan::notes::people::*;

    #[test]
    fn programs_are_not_thanked() {
        let person = |text: &str| {
            let (name, rest) = text.split_once('<').unwrap_or((text, ""));
            Person {
                name: name.trim().to_owned(),
                email: rest.trim_end_matches('>').to_owned(),
            }
        };
        for program in [
            "dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com>",
            "Renovate Bot <bot@renovateapp.com>",
            "renovate <29139614+renovate[bot]@users.noreply.github.com>",
            "GitHub Actions <41898282+github-actions[bot]@users.noreply.github.com>",
            "github-actions",
            "semantic-release-bot <semantic-release-bot@martynus.net>",
            "k8s-ci-robot <k8s-ci-robot@users.noreply.github.com>",
            "Copilot <198982749+Copilot@users.noreply.github.com>",
            "Claude <noreply@anthropic.com>",
            "Weblate <hosted@weblate.org>",
            "ACME Bot",
        ] {
            assert!(is_program(&person(program)), "{program}");
        }
        for human in [
            "Jan Bot <jan@example.org>",
            "Robot Jones <rj@example.org>",
            "Bo <bo@example.org>",
            "Abbot <abbot@example.org>",
            "",
        ] {
            assert!(!is_program(&person(human)), "{human}");
        }
        let mut names = Vec::new();
        let people = [
            "Ada <a@b>",
            "ada-l <A@B>",
            "Ada <a@c>",
            "renovate[bot] <x>",
            "Bo",
        ]
        .map(person);
        thank(&mut names, &mut Vec::new(), &people);
        assert_eq!(names, ["Ada", "Bo"]);
    }
}
