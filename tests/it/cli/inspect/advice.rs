//! The bytes of a piece of advice are those that an image loses when it is followed. Each case is an image as people
//! make it, and the same image made as the advice says; both are counted independently.

use hoist::{AdviceKind, ShownImage, inspect_path};

use super::{
    figures::unpacked,
    images::{alpine, app, debian},
    recipe::{
        Item, Layer, Recipe, file, hard_link, layer, opaque, recipe, symbolic_link, whiteout,
    },
};

const MB: usize = 1_000_000;

struct Case {
    kind: AdviceKind,
    /// How many pieces of this kind there are.
    pieces: usize,
    before: Recipe,
    after: Recipe,
}

fn case(kind: AdviceKind, name: &'static str, before: Vec<Layer>, after: Vec<Layer>) -> Case {
    Case {
        kind,
        pieces: 1,
        before: recipe(name, before),
        after: recipe(name, after),
    }
}

fn api(extra: Vec<Item>) -> Layer {
    let mut items = vec![file("usr/local/bin/api", 2 * MB, "api")];
    items.extend(extra);
    layer("RUN make install", items)
}

fn stages() -> Vec<Case> {
    let go = || {
        vec![
            file("usr/local/go/bin/go", 3 * MB, "go"),
            file("usr/local/go/pkg/tool/compile", 2 * MB, "compile"),
        ]
    };
    let c = || {
        vec![
            file("usr/bin/x86_64-linux-gnu-gcc-12", 900_000, "gcc"),
            symbolic_link("usr/bin/gcc", "gcc-12"),
            file("usr/lib/gcc/x86_64-linux-gnu/12/cc1", 3 * MB, "cc1"),
            file("usr/include/stdio.h", 30_000, "stdio"),
            file("usr/lib/x86_64-linux-gnu/libc.a", 600_000, "libc.a"),
        ]
    };
    let rust = || {
        vec![
            file("src/target/.rustc_info.json", 900, "info"),
            file("src/target/release/deps/libserde.rlib", 4 * MB, "serde"),
            file("src/target/release/incremental/api/x", MB, "incremental"),
        ]
    };
    let info = || file("src/target/.rustc_info.json", 900, "info");
    vec![
        case(
            AdviceKind::MultiStage,
            "Go in the image",
            vec![alpine(), api(go())],
            vec![alpine(), api(vec![])],
        ),
        case(
            AdviceKind::MultiStage,
            "a compiler for C in the image",
            vec![alpine(), api(c())],
            vec![alpine(), api(vec![])],
        ),
        case(
            AdviceKind::MultiStage,
            "what cargo has built",
            vec![alpine(), api(rust())],
            vec![alpine(), api(vec![info()])],
        ),
        case(
            AdviceKind::MultiStage,
            "Go, whose modules count as its downloads",
            vec![
                alpine(),
                api(go()
                    .into_iter()
                    .chain([file("go/pkg/mod/x", 5 * MB, "mod")])
                    .collect()),
            ],
            vec![alpine(), api(vec![file("go/pkg/mod/x", 5 * MB, "mod")])],
        ),
    ]
}

fn base() -> Vec<Case> {
    vec![case(
        AdviceKind::SmallerBase,
        "a large base",
        vec![debian(62 * MB), app(MB)],
        vec![app(MB)],
    )]
}

fn hidden() -> Vec<Case> {
    let downloads = || {
        vec![
            file("tmp/src.tar.gz", 3 * MB, "source"),
            file("usr/bin/tool", MB, "tool"),
        ]
    };
    let tool = || vec![file("usr/bin/tool", MB, "tool")];
    let lists = |name: &str| file(&format!("var/lib/apt/lists/{name}"), 2 * MB, name);
    vec![
        case(
            AdviceKind::MergeLayers,
            "deleted in a later layer",
            vec![
                alpine(),
                layer("RUN make", downloads()),
                layer("RUN rm", vec![whiteout("tmp/src.tar.gz")]),
            ],
            vec![alpine(), layer("RUN make && rm", tool())],
        ),
        case(
            AdviceKind::MergeLayers,
            "package lists deleted in a later layer",
            vec![
                alpine(),
                layer("RUN apt-get", vec![lists("a"), lists("b")]),
                layer("RUN rm", vec![opaque("var/lib/apt/lists")]),
            ],
            vec![alpine(), layer("RUN apt-get && rm", vec![])],
        ),
        case(
            AdviceKind::MergeLayers,
            "one of two names deleted, then the other",
            vec![
                layer("RUN", vec![file("a", 2 * MB, "a"), hard_link("b", "a")]),
                layer("RUN", vec![whiteout("a")]),
                layer("RUN", vec![whiteout("b"), file("c", 10, "c")]),
            ],
            vec![layer("RUN", vec![file("c", 10, "c")])],
        ),
        case(
            AdviceKind::MergeLayers,
            "overwritten with another content",
            vec![
                app(2 * MB),
                layer("RUN strip", vec![file("app/server", MB, "stripped")]),
            ],
            vec![layer(
                "RUN build && strip",
                vec![file("app/server", MB, "stripped")],
            )],
        ),
        case(
            AdviceKind::CopyOnce,
            "chown in a layer of its own",
            vec![
                app(3 * MB),
                layer("RUN chown", vec![file("app/server", 3 * MB, "server")]),
            ],
            vec![app(3 * MB)],
        ),
    ]
}

fn leftovers() -> Vec<Case> {
    let left = |kind, path: &str, name| {
        let more = file(path, 3 * MB, "left behind");
        case(
            kind,
            name,
            vec![alpine(), api(vec![more])],
            vec![alpine(), api(vec![])],
        )
    };
    let mut all = vec![
        left(AdviceKind::Leftovers, "var/lib/apt/lists/x", "apt's lists"),
        left(AdviceKind::Leftovers, "var/cache/apk/x", "apk's downloads"),
        left(
            AdviceKind::Leftovers,
            "home/app/.cache/pip/x",
            "pip's cache in a home",
        ),
        left(
            AdviceKind::Leftovers,
            "home/node/.npm/_cacache/x",
            "npm's cache in a home",
        ),
        left(AdviceKind::Leftovers, "tmp/x", "temporary files"),
        left(
            AdviceKind::IgnoreFile,
            "srv/app/.git/objects/x",
            "the history of a repository",
        ),
    ];
    let copy = |path: &str| file(path, 2 * MB, "model");
    all.push(case(
        AdviceKind::Duplicates,
        "the same content three times, one under two names",
        vec![
            layer("COPY", vec![copy("a"), copy("b"), hard_link("b2", "b")]),
            layer("COPY", vec![copy("c")]),
        ],
        vec![layer(
            "COPY",
            vec![
                copy("a"),
                hard_link("b", "a"),
                hard_link("b2", "a"),
                hard_link("c", "a"),
            ],
        )],
    ));
    // A file with a name outside the cache stays when the cache goes.
    all.push(case(
        AdviceKind::Leftovers,
        "a cache that shares a file with the rest",
        vec![layer(
            "RUN",
            vec![
                file("usr/lib/x", 2 * MB, "x"),
                hard_link("root/.cache/uv/x", "usr/lib/x"),
                file("root/.cache/uv/y", 3 * MB, "y"),
            ],
        )],
        vec![layer("RUN", vec![file("usr/lib/x", 2 * MB, "x")])],
    ));
    all
}

#[test]
#[expect(
    clippy::print_stderr,
    reason = "the figures are the result of a run by hand"
)]
fn advice_saves_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [stages(), base(), hidden(), leftovers()];
    let cases: Vec<Case> = cases.into_iter().flatten().collect();
    assert!(cases.len() > 10);
    for case in cases {
        let name = case.before.name;
        let (layout, before) = unpacked(&folder, &case.before, "before");
        let report = inspect_path(&layout, None, &ShownImage::default()).unwrap();
        let of_kind: Vec<_> = report
            .advice
            .iter()
            .filter(|advice| advice.kind == case.kind)
            .collect();
        assert_eq!(of_kind.len(), case.pieces, "{name}: {:?}", report.advice);
        let saves: u64 = of_kind.iter().filter_map(|advice| advice.saves).sum();
        let (layout, after) = unpacked(&folder, &case.after, "after");
        let lost = before.count.unpacked - after.count.unpacked;
        eprintln!(
            "{:?} saves {saves:>9}, the image loses {lost:>9}: {name}",
            case.kind
        );
        assert_eq!(saves, lost, "{name}: {:?}", report.advice);
        let rest = inspect_path(&layout, None, &ShownImage::default()).unwrap();
        assert!(
            rest.advice.iter().all(|advice| advice.kind != case.kind),
            "{name}: {:?}",
            rest.advice
        );
    }
}
