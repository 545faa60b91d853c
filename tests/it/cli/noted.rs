//! What `next`, `plan`, `tags`, `changelog` and `check --commits` say beside their answer: tags that do not
//! count, commits that are ignored, fixes that were told before.

use crate::support::history::{Commit, History};

/// Runs hoist; standard output and standard error.
fn run(history: &History, arguments: &[&str]) -> (String, String) {
    let mut command = history.hoist();
    command.args(["--image", "127.0.0.1:1/acme/api"]);
    let output = command.args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

fn notes(history: &History) -> Vec<String> {
    let (_, stderr) = run(history, &["next"]);
    let notes = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("note: "));
    notes.map(str::to_owned).collect()
}

/// A history of these commits, each with its tags, on `main`.
fn history(commits: &[(&str, &[&str])]) -> History {
    let mut history = History::new();
    for (message, tags) in commits {
        let id = history.say(message);
        tags.iter().for_each(|tag| history.tag(tag, id, true));
        history.branch("main", id);
    }
    history.head("main");
    history
}

#[test]
fn tags_that_do_not_count_are_named() {
    for (tags, expected) in [
        (&["7.14.0"][..], Some("`version.tag = \"{version}\"`")),
        (
            &["7.9.0", "7.14.0", "7.13.0", "x"],
            Some("`7.14.0` and 2 more tags"),
        ),
        (
            &["release-2.0.0"],
            Some("set `version.tag = \"release-{version}\"`"),
        ),
        (&["2026.07.2"], Some("set `version.tag = \"{version}\"`")),
        (&["v1.0.0", "7.14.0"], None),
        (&["v1.2"], Some("`git tag v1.2.0 v1.2`")),
        (&["v1.0.0", "v1.2", "v2"], Some("`git tag v2.0.0 v2`")),
        // The moving tags of a project that has whole ones, too.
        (&["v1.2.0", "v1.2", "v1", "latest"], None),
        (&["v1.2.0", "v1.1"], None),
    ] {
        let said = notes(&history(&[("feat: a", tags), ("fix: b", &[])]));
        match expected {
            Some(part) => assert!(
                said.len() == 1 && said[0].contains(part),
                "{tags:?}: {said:?}"
            ),
            None => assert_eq!(said, [""; 0], "{tags:?}"),
        }
    }
}

#[test]
fn a_higher_version_elsewhere_is_named() {
    for (elsewhere, line, expected) in [
        ("v2.3.0", "main", Some("`1.0.1` is below `v2.3.0` at ")),
        (
            "v2.3.0-alpha.1",
            "main",
            Some("`1.0.1` is below `v2.3.0-alpha.1` at "),
        ),
        // Channels are ahead, and other lines are none of a maintenance branch's business.
        ("v2.3.0-rc.1", "main", None),
        ("v2.3.0", "1.0.x", None),
        ("v1.0.7", "1.0.x", Some("`1.0.1` is below `v1.0.7` at ")),
        ("v1.0.0-rc.1", "main", None),
    ] {
        let mut history = history(&[("feat: a", &["v1.0.0"]), ("fix: b", &[])]);
        let head = history.id("c1");
        let orphan = Commit {
            message: b"feat: of another history",
            parents: Some(Vec::new()),
            ..Commit::default()
        };
        let orphan = history.commit("orphan", &orphan);
        history.tag(elsewhere, orphan, true);
        history.branch(line, head);
        history.head(line);
        let said = notes(&history);
        match expected {
            Some(part) => assert!(
                said.len() == 1 && said[0].contains(part),
                "{elsewhere} {line}: {said:?}"
            ),
            None => assert_eq!(said, [""; 0], "{elsewhere} {line}"),
        }
    }
}

#[test]
fn every_verb_names_the_key_that_counts_an_ignored_commit() {
    let squash = ("Rework it (#20)\n\n* feat: x\n* fix: y", "version.squash");
    let prefix = (
        "ABC-43: fix: close it",
        "version.strip = ['^[A-Z]+-\\d+: ']",
    );
    let footer = ("docs: x\n\n* y\nRelease-As: 2.0.0", "--version 2.0.0");
    for (message, key) in [squash, prefix, footer] {
        let history = history(&[("feat: a", &["v1.0.0"]), (message, &[]), ("fix: b", &[])]);
        for verb in [
            &["next"][..],
            &["tags", "--offline"],
            &["next", "--json"],
            &["check", "--commits", "v1.0.0..HEAD"],
        ] {
            let (stdout, stderr) = run(&history, verb);
            let all = (stdout + &stderr).replace("\\\\", "\\");
            assert!(all.contains(key), "{verb:?}: {all}");
        }
    }
}

/// `fix: x` is on main and was cherry-picked to 1.0.x, where 1.0.1 told of it.
fn picked(with_origin: bool) -> History {
    const DAY: i64 = 1_704_070_000;
    let mut history = History::new();
    let start = history.say("feat: start");
    history.tag("v1.0.0", start, true);
    let write = |history: &mut History, name: &str, message: &str, parent, date| {
        let commit = Commit {
            message: message.as_bytes(),
            parents: Some(vec![parent]),
            date: Some(date),
            ..Commit::default()
        };
        history.commit(name, &commit)
    };
    let fix = write(&mut history, "fix", "fix: x", start, DAY);
    let feat = write(&mut history, "feat", "feat: y", fix, DAY + 60);
    let line = write(&mut history, "line", "chore: line", start, DAY + 70);
    let (message, date) = match with_origin {
        true => (
            format!("fix: x for 1.0\n\n(cherry picked from commit {fix})"),
            DAY + 90,
        ),
        // The same title and author, and the same date of writing.
        false => ("fix: x".to_owned(), DAY),
    };
    let copy = write(&mut history, "copy", &message, line, date);
    history.tag("v1.0.1", copy, true);
    history.branch("main", feat);
    history.head("main");
    history
}

#[test]
fn a_fix_that_a_lower_version_told_of_is_folded_away() {
    for with_origin in [true, false] {
        let mut history = picked(with_origin);
        let (stdout, stderr) = run(&history, &["changelog", "--no-heading"]);
        let (told, folded) = stdout.split_once("<details>").expect(&stderr);
        assert!(told.contains("- y (") && !told.contains("- x"), "{stdout}");
        assert!(
            folded.contains("- x (") && folded.contains("), in 1.0.1 already"),
            "{stdout}"
        );

        // As it is after the older line was merged, so that the base is 1.0.1.
        let parents = vec![history.id("feat"), history.id("copy")];
        let merge = Commit {
            message: b"Merge branch '1.0.x'",
            parents: Some(parents),
            date: Some(1_704_080_000),
            ..Commit::default()
        };
        let merge = history.commit("merge", &merge);
        history.branch("main", merge);
        let (stdout, _) = run(&history, &["changelog", "--no-heading"]);
        assert!(
            stdout.contains("- x (") && stdout.contains("), in 1.0.1 already"),
            "{stdout}"
        );
        let (stdout, _) = run(&history, &["next"]);
        assert_eq!(stdout, "1.1.0\n");

        // The older line tells of it, whatever was told later.
        history.tag("v1.1.0", merge, true);
        let (stdout, _) = run(&history, &["changelog", "1.0.1", "--no-heading"]);
        assert!(
            !stdout.contains("already") && stdout.contains("### Fixes"),
            "{stdout}"
        );
    }
}

#[test]
fn people_are_thanked_and_programs_are_not() {
    let message = "feat: a\n\nCo-authored-by: Bo <bo@example.org>\n\
        Co-authored-by: renovate[bot] <29139614+renovate[bot]@users.noreply.github.com>\n";
    let history = history(&[("feat: start", &["v1.0.0"]), (message, &[])]);
    let (stdout, _) = run(&history, &["changelog"]);
    assert!(stdout.ends_with("Thanks to Ada, Bo.\n"), "{stdout}");
}

#[test]
fn a_hook_knows_a_merge_that_is_under_way() {
    let history = history(&[("feat: a", &["v1.0.0"])]);
    history.write("message", "Bring in the new engine\n");
    let code = || {
        let mut command = history.hoist();
        let command = command.args(["check", "--commit-msg", "message"]);
        command.output().unwrap().status.code()
    };
    assert_eq!(code(), Some(4));
    std::fs::write(
        history.git.path().join("MERGE_HEAD"),
        format!("{}\n", history.id("c0")),
    )
    .unwrap();
    assert_eq!(code(), Some(0));
}
