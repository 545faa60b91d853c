//! Small images in memory.

use super::*;
use crate::oci::{BaseImage, ContentHash, LayerContents, LayerEntry};

/// A layer: its instruction, then path and size; a path that ends in `/` is a directory, `a=b` a further name `a` of `b`,
/// and `a->b` a symbolic link.
fn layer(created_by: &str, files: &[(&str, u64)]) -> LayerContents {
    let digest = Digest::of(format!("{created_by}{files:?}").as_bytes());
    LayerContents {
        diff_id: digest.clone(),
        digest,
        size: files.iter().map(|(_, size)| size / 2).sum(),
        created_by: Some(created_by.to_owned()),
        unread: None,
        entries: files
            .iter()
            .map(|(path, size)| entry(path, *size))
            .collect(),
    }
}

fn entry(path: &str, size: u64) -> LayerEntry {
    let (path, kind) = if let Some((path, target)) = path.split_once("->") {
        (path, LayerEntryKind::SymbolicLink(target.to_owned()))
    } else if let Some((path, target)) = path.split_once('=') {
        (path, LayerEntryKind::HardLink(target.to_owned()))
    } else if let Some(path) = path.strip_suffix('/') {
        (path, LayerEntryKind::Directory)
    } else {
        (path, LayerEntryKind::File)
    };
    LayerEntry {
        path: path.to_owned(),
        size,
        kind,
        content: None,
        private_key: false,
    }
}

fn image(layers: &[LayerContents]) -> Contents {
    Contents {
        user: Some("1000".into()),
        layers: layers.to_vec(),
        ..Contents::default()
    }
}

fn waste(layers: &[LayerContents]) -> Vec<String> {
    let report = inspect("x", &image(layers), None);
    let line = |waste: &Waste| {
        format!(
            "{} {} {}>{} {:?}",
            waste.path, waste.size, waste.layer, waste.hidden_by, waste.how
        )
    };
    report.waste.iter().map(line).collect()
}

#[test]
fn deleted_and_overwritten_files_are_waste_in_the_layer_that_holds_them() {
    let layers = [
        layer(
            "a",
            &[
                ("bin/", 0),
                ("bin/a", 100),
                ("data/x", 40),
                ("data/y/z", 30),
                ("keep", 1),
            ],
        ),
        layer(
            "b",
            &[
                ("bin/a", 70),
                ("data/.wh.x", 0),
                ("data/.wh.y", 0),
                ("none/.wh.b", 0),
            ],
        ),
        layer("c", &[(".wh.bin", 0), ("bin/b", 5)]),
    ];
    assert_eq!(
        waste(&layers),
        [
            "bin/a 100 0>1 Overwritten",
            "bin/a 70 1>2 Deleted",
            "data/x 40 0>1 Deleted",
            "data/y/z 30 0>1 Deleted",
        ]
    );
    let report = inspect("x", &image(&layers), None);
    assert_eq!(report.wasted, 240);
    let wasted: Vec<u64> = report.layers.iter().map(|layer| layer.wasted).collect();
    assert_eq!(wasted, [170, 70, 0]);
    assert_eq!((report.unpacked, report.layers[0].files), (246, 4));
}

#[test]
fn an_opaque_directory_hides_lower_layers_and_not_its_own() {
    let layers = [
        layer("a", &[("d/old", 10), ("dd/old", 10)]),
        layer("b", &[("d/new", 20), ("d/.wh..wh..opq", 0)]),
    ];
    assert_eq!(waste(&layers), ["d/old 10 0>1 Deleted"]);
}

/// Each case: layers, then what is wasted. The bytes of all layers are always those that can be seen and those that are
/// wasted.
#[test]
fn a_file_is_wasted_when_its_last_name_is_hidden() {
    type Layers<'a> = &'a [&'a [(&'a str, u64)]];
    let cases: &[(Layers<'_>, &[&str])] = &[
        (&[&[("a", 5), ("b=a", 0)], &[(".wh.a", 0)]], &[]),
        (
            &[&[("a", 5), ("b=a", 0)], &[(".wh.a", 0), (".wh.b", 0)]],
            &["b 5 0>1 Deleted"],
        ),
        (&[&[("a", 5), ("b=a", 0)], &[("a", 6)]], &[]),
        (
            &[&[("a", 5), ("b=a", 0)], &[("a", 6), ("b=a", 0)]],
            &["b 5 0>1 Overwritten"],
        ),
        // A link to a file of a lower layer holds no bytes of its own.
        (&[&[("a", 5)], &[("b=a", 0)], &[(".wh.a", 0)]], &[]),
        (&[&[("a", 5)], &[("a=a", 0)]], &[]),
        (&[&[("a", 5)], &[("b=none", 0)]], &[]),
        // A directory in the place of a file, and the other way round.
        (
            &[&[("a", 5)], &[("a/", 0), ("a/b", 1)]],
            &["a 5 0>1 Overwritten"],
        ),
        (
            &[&[("a/b", 5), ("a/c", 4)], &[("a", 1)]],
            &["a/b 5 0>1 Overwritten", "a/c 4 0>1 Overwritten"],
        ),
        (&[&[("a/b", 5)], &[("a/", 0)]], &[]),
        // Below a link to a directory, as in distributions where /lib is /usr/lib.
        (
            &[&[("usr/lib/x", 5), ("lib->usr/lib", 0)], &[("lib/x", 7)]],
            &["usr/lib/x 5 0>1 Overwritten"],
        ),
        (
            &[
                &[("usr/lib/x", 5), ("lib->/usr/lib", 0)],
                &[("lib/.wh.x", 0)],
            ],
            &["usr/lib/x 5 0>1 Deleted"],
        ),
        (
            &[
                &[("usr/lib/x", 5), ("a/lib->../usr/lib", 0)],
                &[("a/lib/x", 7)],
            ],
            &["usr/lib/x 5 0>1 Overwritten"],
        ),
        (
            &[
                &[("usr/lib/x", 5), ("lib->usr/lib", 0)],
                &[("lib/", 0), ("lib/x", 7)],
            ],
            &[],
        ),
        (&[&[("a->b", 0), ("b->a", 0), ("a/x", 1)]], &[]),
        // The link itself is what is deleted or overwritten.
        (&[&[("usr/x", 5), ("lib->usr", 0)], &[(".wh.lib", 0)]], &[]),
        // The same path twice in one layer.
        (&[&[("a", 5), ("a", 6)]], &["a 5 0>0 Overwritten"]),
        (
            &[&[("a", 5)], &[(".wh.a", 0), ("a", 6)]],
            &["a 5 0>1 Deleted"],
        ),
        (
            &[&[("a/b", 5)], &[("a/.wh..wh..opq", 0)], &[("a/b", 2)]],
            &["a/b 5 0>1 Deleted"],
        ),
    ];
    for (layers, wasted) in cases {
        let layers: Vec<_> = layers.iter().map(|files| layer("RUN", files)).collect();
        assert_eq!(waste(&layers), *wasted, "{layers:?}");
        let report = inspect("x", &image(&layers), None);
        assert_eq!(
            report.unpacked,
            report.visible + report.wasted,
            "{layers:?}"
        );
        let by_layer: u64 = report.layers.iter().map(|layer| layer.wasted).sum();
        assert_eq!(report.wasted, by_layer);
    }
}

#[test]
fn a_layer_that_is_there_twice_is_pulled_once() {
    let one = layer("COPY a", &[("a", 100)]);
    let report = inspect("x", &image(&[one.clone(), one]), None);
    assert_eq!(
        (report.size, report.unpacked, report.wasted),
        (50, 200, 100)
    );
}

#[test]
fn copies_of_a_content_are_counted_and_names_of_a_file_are_not() {
    let hash = Some(ContentHash::of(b"content"));
    let mut first = layer(
        "a",
        &[("a", 2_000_000), ("link=a", 0), ("tmp/a", 2_000_000)],
    );
    let mut second = layer("b", &[("b", 2_000_000), ("c", 2_000_000), ("d", 3)]);
    for entry in first.entries.iter_mut().chain(&mut second.entries[..2]) {
        entry.content = hash;
    }
    let report = inspect("x", &image(&[first, second]), None);
    assert_eq!(report.duplicated, 6_000_000);
    let found = &report.duplicates[0];
    assert_eq!(
        (found.size, found.extra, found.copies),
        (2_000_000, 6_000_000, 4)
    );
    assert_eq!(found.paths, ["a", "b", "c", "tmp/a"]);
    let saves: Vec<_> = report
        .advice
        .iter()
        .map(|one| (one.kind, one.saves))
        .collect();
    // The copy among the temporary files counts there.
    assert_eq!(
        saves,
        [
            (AdviceKind::Leftovers, Some(2_000_000)),
            (AdviceKind::Duplicates, Some(4_000_000)),
        ]
    );
}

#[test]
fn secrets_are_found_by_name_and_content_also_where_they_are_deleted() {
    let mut layers = [
        layer(
            "COPY . .",
            &[
                ("app/.env", 10),
                ("app/.env.production", 10),
                ("app/.env.example", 10),
                ("app/.env.local.sample", 10),
                ("app/empty/.env", 0),
                ("app/node_modules/x/.npmrc", 10),
                ("app/tests/id_rsa", 10),
                ("root/.ssh/id_rsa", 10),
                ("root/.ssh/id_rsa.pub", 10),
                ("home/app/.docker/config.json", 10),
                ("etc/config.json", 10),
                ("srv/tls.pem", 10),
                ("etc/ssl/certs/ca.pem", 10),
                ("environment", 10),
                ("opt/.ENV", 10),
                ("opt/.Env.Local", 10),
                ("opt/.ENV.Example", 10),
                ("opt/Tests/.ENV", 10),
                ("opt/.Docker/Config.json", 10),
                ("opt/KEYS.P12", 10),
            ],
        ),
        layer(
            "RUN rm",
            &[("root/.ssh/.wh.id_rsa", 0), ("app/.wh..env", 0)],
        ),
    ];
    layers[0].entries[11].private_key = true;
    let report = inspect("x", &image(&layers), None);
    let found: Vec<_> = report
        .secrets
        .iter()
        .map(|secret| (&*secret.path, secret.hidden_by))
        .collect();
    assert_eq!(
        found,
        [
            ("app/.env.production", None),
            ("home/app/.docker/config.json", None),
            ("opt/.Docker/Config.json", None),
            ("opt/.ENV", None),
            ("opt/.Env.Local", None),
            ("opt/KEYS.P12", None),
            ("srv/tls.pem", None),
            ("root/.ssh/id_rsa", Some(1)),
            ("app/.env", Some(1)),
        ]
    );
}

/// Every list of findings is cut at the same place, and each form says what it leaves out.
#[test]
fn long_lists_say_what_they_leave_out() {
    let mut files: Vec<(String, u64)> = Vec::new();
    for number in 10..35 {
        files.push((format!("srv/{number}/.env"), 1_000));
        files.push((format!("home/{number}/.npm/x"), 2_000));
    }
    files.push(("root/.npm/x".to_owned(), 3_000_000));
    let files: Vec<(&str, u64)> = files.iter().map(|(path, size)| (&**path, *size)).collect();
    let report = inspect("x", &image(&[layer("COPY . .", &files)]), None);
    assert_eq!((report.secrets.len(), report.caches.len()), (20, 20));
    let secrets = Omitted {
        count: 5,
        bytes: 5_000,
    };
    let caches = Omitted {
        count: 6,
        bytes: 12_000,
    };
    let small = Omitted {
        count: 25,
        bytes: 50_000,
    };
    assert_eq!(report.omitted_secrets, secrets);
    assert_eq!(report.omitted_caches, caches);
    assert_eq!(report.small_caches, small);
    assert_eq!(report.package_caches, 3_050_000);
    let why: Vec<_> = report.advice.iter().map(|one| &*one.why).collect();
    assert!(
        why.iter()
            .any(|why| why.ends_with("looks like a secret, and 24 more")),
        "{why:?}"
    );
    let page = page::page(&report).expect("it is written");
    let told = "caches below 1.0 MB each, without advice: 50.0 kB in 25 places, the largest npm's cache in /home/10/.npm";
    for says in [
        "and 5 more, 5.0 kB",
        "and 6 more, 12.0 kB",
        "without advice: 50.0 kB in 25 places",
    ] {
        assert!(page.contains(says), "{says}: {page}");
    }
    let markdown = markdown::markdown(&report);
    assert!(markdown.contains("50.0 kB in 25 places"), "{markdown}");
    assert_eq!(report.without_advice().as_deref(), Some(told));
    let few = inspect("x", &image(&[layer("COPY . .", &files[..2])]), None);
    assert_eq!(
        (few.omitted_secrets.count, few.omitted_caches.count),
        (0, 0)
    );
    let none = inspect("x", &image(&[layer("COPY . .", &files[50..])]), None);
    assert_eq!(none.without_advice(), None);
}

#[test]
fn root_is_root_under_each_of_its_names() {
    for (user, root) in [
        (None, true),
        (Some(""), true),
        (Some("root"), true),
        (Some("0"), true),
        (Some("0:1000"), true),
        (Some("root:staff"), true),
        (Some("00"), true),
        (Some("1000"), false),
        (Some("app:0"), false),
        (Some("nonroot"), false),
    ] {
        let contents = Contents {
            user: user.map(str::to_owned),
            ..Contents::default()
        };
        assert_eq!(inspect("x", &contents, None).user.root, root, "{user:?}");
    }
}

#[test]
fn a_base_is_pinned_by_a_digest_and_official_by_its_repository() {
    let digest = Digest::of(b"base");
    for (name, known, pinned, advice) in [
        ("debian:12", None, false, "not pinned"),
        ("debian:12", Some(&digest), true, ""),
        ("docker.io/library/debian:12", Some(&digest), true, ""),
        ("gcr.io/distroless/static", Some(&digest), true, ""),
        ("acme/base:1", Some(&digest), true, "not an official"),
        ("acme/base:1", None, false, "not pinned"),
    ] {
        let contents = Contents {
            user: Some("1".into()),
            base: Some(BaseImage {
                name: Some(name.into()),
                digest: known.cloned(),
            }),
            ..Contents::default()
        };
        let report = inspect("x", &contents, None);
        let base = report.base.as_ref().expect("it is known");
        assert_eq!(base.pinned, Some(pinned), "{name}");
        let why: String = report.advice.into_iter().map(|one| one.why).collect();
        assert!(
            why.contains(advice) && why.is_empty() == advice.is_empty(),
            "{name}: {why}"
        );
    }
}

#[test]
fn caches_that_can_be_seen_are_found_with_what_helps() {
    let layers = [
        layer(
            "RUN apt-get",
            &[
                ("var/lib/apt/lists/x", 40_000_000),
                ("var/cache/apt/y", 3_000_000),
            ],
        ),
        layer("RUN rm", &[("var/cache/apt/.wh.y", 0)]),
    ];
    let report = inspect("x", &image(&layers), None);
    let found: Vec<_> = report
        .caches
        .iter()
        .map(|cache| (&*cache.path, cache.size))
        .collect();
    assert_eq!(found, [("var/lib/apt/lists", 40_000_000)]);
    let saves: Vec<_> = report.advice.iter().map(|advice| advice.saves).collect();
    assert_eq!(saves, [Some(3_000_000), Some(40_000_000)]);
    assert!(report.advice[1].text.contains("rm -rf /var/lib/apt/lists"));
}

#[test]
fn caches_are_found_in_every_home() {
    for (path, directory) in [
        ("root/.cache/pip/a", Some("root/.cache/pip")),
        ("home/app/.cache/pip/a/b", Some("home/app/.cache/pip")),
        (".cache/pip/a", Some(".cache/pip")),
        ("root/my.cache/pip/a", None),
        ("root/.cache/pipx/a", None),
        ("root/.cache/pip", None),
        ("home/node/.npm/_cacache/x", Some("home/node/.npm")),
        ("app/node_modules/x/.npmignore", None),
        ("usr/share/go/pkg/mod/x", Some("usr/share/go/pkg/mod")),
        ("srv/tmp/x", None),
        ("tmp/x", Some("tmp")),
        ("tmpx/x", None),
    ] {
        let report = inspect("x", &image(&[layer("RUN", &[(path, 7)])]), None);
        let found: Vec<_> = report
            .caches
            .iter()
            .map(|it| (&*it.path, it.size))
            .collect();
        let wanted: Vec<_> = directory
            .map(|directory| (directory, 7))
            .into_iter()
            .collect();
        assert_eq!(found, wanted, "{path}");
    }
}

#[test]
fn programs_that_build_are_told_from_those_that_run() {
    let saved = |files: &[(&str, u64)]| {
        let report = inspect("x", &image(&[layer("RUN", files)]), None);
        let mut advice = report.advice.into_iter();
        advice
            .find(|one| one.kind == AdviceKind::MultiStage)
            .and_then(|one| one.saves)
    };
    for (files, saves) in [
        (
            &[
                ("usr/local/go/bin/go", 5),
                ("usr/local/go/src/x", 6),
                ("app", 7),
            ][..],
            Some(11),
        ),
        (
            &[
                ("usr/bin/x86_64-linux-gnu-gcc-12", 5),
                ("usr/include/a.h", 1),
                ("usr/lib/x86_64-linux-gnu/libc.a", 2),
            ],
            Some(8),
        ),
        (
            &[
                ("usr/libexec/gcc/x86_64-alpine-linux-musl/13/cc1", 5),
                ("usr/bin/x86_64-alpine-linux-musl-gcc", 1),
            ],
            Some(6),
        ),
        (
            &[
                ("usr/include/a.h", 1),
                ("usr/lib/libc.a", 2),
                ("usr/bin/gccgo-not", 2),
            ],
            None,
        ),
        (
            &[
                ("src/target/.rustc_info.json", 1),
                ("src/target/release/api", 9),
                ("src/target/release/deps/api-1", 9),
                (
                    "src/target/x86_64-unknown-linux-musl/release/build/y/out",
                    4,
                ),
                ("src/target/deps", 1),
            ],
            Some(13),
        ),
        (
            &[
                ("usr/share/dotnet/dotnet", 5),
                ("usr/share/dotnet/shared/x", 6),
            ],
            None,
        ),
        (
            &[
                ("usr/share/dotnet/dotnet", 5),
                ("usr/share/dotnet/sdk/8/x", 6),
            ],
            Some(11),
        ),
        (&[("usr/bin/python3.11", 5)], None),
    ] {
        assert_eq!(saved(files), saves, "{files:?}");
    }
}

#[test]
fn advice_comes_with_what_was_found() {
    let mut contents = image(&[layer(
        "COPY . .",
        &[
            ("etc/debian_version", 5),
            ("usr/lib/big", 70_000_000),
            ("usr/bin/gcc", 1_000),
            ("app/.git/objects/x", 9_000),
            ("app/.env", 10),
            ("app/.environment", 10),
        ],
    )]);
    contents.user = None;
    let why = |contents: &Contents| -> Vec<String> {
        let report = inspect("x", contents, None);
        report.advice.into_iter().map(|advice| advice.why).collect()
    };
    assert_eq!(
        why(&contents),
        [
            "only a build needs a compiler for C: /usr/bin/gcc",
            "the distribution: 70.0 MB of system files in the base image",
            "`.git` is in the image, with the whole history",
            "/app/.env looks like a secret",
            "the image runs as root",
        ]
    );
    assert_eq!(
        why(&image(&[layer("a", &[("app", 10)])])),
        Vec::<String>::new()
    );
    let many: Vec<_> = (0..31).map(|n| layer(&format!("RUN {n}"), &[])).collect();
    assert_eq!(why(&image(&many)), ["31 layers"]);
}

#[test]
fn a_comparison_counts_files_and_bytes_to_pull() {
    let base = layer("FROM", &[("lib", 1_000), ("gone", 50)]);
    let old = image(&[base.clone(), layer("COPY a", &[("app", 100), ("same", 7)])]);
    let new = image(&[
        base.clone(),
        layer(
            "COPY b",
            &[("app", 300), ("same", 7), ("extra", 20), (".wh.gone", 0)],
        ),
    ]);
    let report = inspect("new", &new, Some(("old", &old)));
    let shared: Vec<_> = report.layers.iter().map(|layer| layer.shared).collect();
    assert_eq!(shared, [Some(true), Some(false)]);
    let changes = report.changes.expect("it was compared");
    assert_eq!((changes.size, changes.to_pull), (110, 163));
    assert_eq!(changes.visible, 170);
    assert_eq!(
        changes.files,
        FileChangeCount {
            added: 1,
            removed: 1,
            changed: 2
        }
    );
    let largest: Vec<_> = changes.largest.iter().map(|change| &*change.path).collect();
    assert_eq!(largest, ["app", "gone", "extra", "same"]);
    assert_eq!(inspect("new", &new, None).layers[0].shared, None);
}

#[test]
fn instructions_read_as_in_the_dockerfile() {
    for (given, shown) in [
        (
            "/bin/sh -c #(nop) COPY dir:1 in /src ",
            "COPY dir:1 in /src",
        ),
        ("/bin/sh -c apt-get update", "RUN apt-get update"),
        ("RUN /bin/sh -c make # buildkit", "RUN make"),
        ("COPY a b # buildkit", "COPY a b"),
        ("|1 A=b /bin/sh -c make", "RUN make"),
        ("|2 A=b C=d RUN make", "|2 A=b C=d RUN make"),
        ("", ""),
    ] {
        assert_eq!(instruction(given), shown);
    }
}

#[test]
fn a_list_says_how_much_it_leaves_out() {
    let names: Vec<String> = (0..50).map(|number| format!("srv/{number:02}")).collect();
    let files: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1_000)).collect();
    let gone: Vec<String> = (0..50)
        .map(|number| format!("srv/.wh.{number:02}"))
        .collect();
    let gone: Vec<(&str, u64)> = gone.iter().map(|name| (name.as_str(), 0)).collect();
    let layers = [layer("COPY", &files), layer("RUN rm", &gone)];
    let old = image(&layers[..1]);
    let report = inspect("x", &image(&layers), Some(("old", &old)));
    assert_eq!((report.waste.len(), report.wasted), (20, 50_000));
    let omitted = Omitted {
        count: 30,
        bytes: 30_000,
    };
    assert_eq!(report.omitted_waste, omitted);
    let changes = report.changes.as_ref().expect("there is another image");
    assert_eq!((changes.largest.len(), changes.omitted), (20, omitted));
    assert_eq!(omitted.words().as_deref(), Some("30 more, 30.0 kB"));
    let page = page::page(&report).expect("it is written");
    assert_eq!(page.matches("and 30 more, 30.0 kB").count(), 2);
    let few = inspect("x", &image(&layers[..1]), None);
    assert_eq!(few.omitted_waste.words(), None);
}

#[test]
fn a_base_says_when_it_was_made() {
    let created = "2026-11-17T01:02:03Z".parse().ok();
    let contents = Contents {
        distribution: Some("Debian GNU/Linux 12 (bookworm)".into()),
        lowest_created: created,
        ..Contents::default()
    };
    let report = inspect("x", &contents, None);
    assert_eq!(report.base.as_ref().and_then(|base| base.created), created);
    let page = page::page(&report).expect("it is written");
    assert!(page.contains(", made 2026-11-17"), "{page}");
    // Without a base the lowest layer is the image's own.
    let own = Contents {
        distribution: None,
        ..contents
    };
    assert_eq!(inspect("x", &own, None).base, None);
}

#[test]
fn markdown_counts_the_layers_that_it_leaves_out() {
    let all = |count: u64| -> Vec<LayerContents> {
        let one = |at: u64| layer(&format!("RUN {at}"), &[(&*format!("f{at}"), 2_000 * at)]);
        (1..=count).map(one).collect()
    };
    let page = |count: u64| markdown::markdown(&inspect("x", &image(&all(count)), None));
    assert!(
        page(12).contains("| 3.0 kB | | | and 2 more |"),
        "{}",
        page(12)
    );
    assert!(!page(10).contains("more |"), "{}", page(10));
}
