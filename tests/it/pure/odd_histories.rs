//! Whatever people, tools and broken disks put into a history: nothing panics.

use hoist::{
    git::CommitId,
    plan::{
        history::{change, squash},
        notes::{self, forge::Forge, lint},
        version::request::{parse_label, parse_version},
    },
    policy::{GitTagTemplate, Policy},
    project::Wanted,
};
use proptest::prelude::*;

/// Text made of the pieces that mean something, in any order.
fn messages() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(
            &[
                "feat",
                "fix(",
                "a",
                ")",
                "!",
                ":",
                ": ",
                " ",
                "\n",
                "\r\n",
                "\r",
                "\0",
                "\t",
                "\u{feff}",
                "#",
                "BREAKING CHANGE",
                "BREAKING-CHANGE: ",
                " #",
                "Revert \"",
                "\"",
                "Reapply \"",
                "This reverts commit ",
                "0123456789abcdef",
                "Release-As: ",
                "1.2.3",
                "v",
                "* ",
                "[skip release]",
                "fixup! ",
                "Merge branch ",
                "é",
                "🚀",
                "`",
                "<",
            ][..]
        )
        .prop_map(str::to_owned),
        ".{0,5}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_message_panics(message in messages(), merge: bool) {
        let change = change::parse(&message, merge, &[]);
        // A summary is one line, and a header never takes in the body.
        prop_assert!(!change::summary(&message).contains('\n'));
        prop_assert!(!change.description.contains('\n'));
        let _ = change.reverted(&[]);
        let _ = squash::squashed(&message, &[]);
        let _ = lint::lint(&message, merge, &Policy::default().version);
        let _ = lint::cleaned(&message, '#');
        let _ = notes::prepend(&message, "## 1.0.0", "1.0.0");
    }

    #[test]
    fn no_name_panics(text in ".{0,60}") {
        let _ = parse_version(&text);
        let _ = parse_label(&text);
        let _ = text.parse::<CommitId>();
        let _ = text.parse::<GitTagTemplate>();
        let _ = Forge::of(&text);
        let _ = Wanted::parse(&text);
        let _ = Policy::parse(&text, "release.toml");
    }

    /// What a template makes of a version it reads back, and nothing else with it.
    #[test]
    fn a_tag_is_read_back(prefix in "[a-z/@._-]{0,6}", suffix in "[a-z-]{0,4}", numbers in any::<[u16; 3]>()) {
        let Ok(template) = format!("{prefix}{{version}}{suffix}").parse::<GitTagTemplate>() else {
            return Ok(());
        };
        let version = semver::Version::new(numbers[0].into(), numbers[1].into(), numbers[2].into());
        let name = template.name(&version);
        prop_assert_eq!(template.version(&name), Some(version));
        prop_assert_eq!(template.version(&format!("x{name}")), None);
    }
}
