//! Images of the kinds that people make.

use serde_json::json;

use super::{
    odd_names,
    recipe::{
        Layer, Packing, Recipe, content, directory, file, hard_link, layer, opaque, recipe,
        symbolic_link, whiteout,
    },
};

const MB: usize = 1_000_000;

pub fn debian(size: usize) -> Layer {
    layer(
        "/bin/sh -c #(nop) ADD file:1 in / ",
        vec![
            directory("etc"),
            content(
                "etc/os-release",
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
            ),
            content("etc/debian_version", "12.5\n"),
            directory("usr"),
            symbolic_link("bin", "usr/bin"),
            symbolic_link("lib", "usr/lib"),
            file("usr/bin/bash", 1_200_000, "bash"),
            file("usr/lib/x86_64-linux-gnu/libc.so.6", size, "libc"),
            file("var/lib/dpkg/status", 70_000, "status"),
        ],
    )
}

pub fn alpine() -> Layer {
    layer(
        "ADD alpine-minirootfs.tar.gz / # buildkit",
        vec![
            content(
                "etc/os-release",
                "NAME=x\nPRETTY_NAME='Alpine Linux v3.20'\n",
            ),
            content("etc/alpine-release", "3.20.1\n"),
            file("bin/busybox", 800_000, "busybox"),
            hard_link("bin/sh", "bin/busybox"),
            symbolic_link("bin/ls", "/bin/busybox"),
            symbolic_link("usr/bin/env", "../../bin/busybox"),
            file("lib/ld-musl-x86_64.so.1", 650_000, "musl"),
        ],
    )
}

pub fn app(size: usize) -> Layer {
    layer(
        "COPY app /app # buildkit",
        vec![directory("app"), file("app/server", size, "server")],
    )
}

/// More than twenty kinds.
pub fn all() -> Vec<Recipe> {
    let mut all = kinds();
    all.extend(links());
    all.extend(hiding());
    all.push(odd_names::image());
    all
}

fn kinds() -> Vec<Recipe> {
    let apt = |lists: bool| {
        let mut items = vec![file("usr/bin/curl", 300_000, "curl")];
        if lists {
            items.push(file(
                "var/lib/apt/lists/debian_main_Packages",
                4 * MB,
                "packages",
            ));
            items.push(file("var/cache/apt/archives/curl.deb", 2 * MB, "deb"));
        }
        layer(
            "/bin/sh -c apt-get update && apt-get install -y curl",
            items,
        )
    };
    let mut chiseled = recipe(
        "distroless-like",
        vec![
            layer(
                "bazel build",
                vec![
                    content("etc/os-release", "PRETTY_NAME=\"Distroless\"\n"),
                    file("etc/ssl/certs/ca-certificates.crt", 200_000, "certs"),
                    content("etc/passwd", "nonroot:x:65532:65532\n"),
                ],
            ),
            app(2 * MB),
        ],
    );
    chiseled.user = "nonroot";
    chiseled.labels = json!({"org.opencontainers.image.base.name": "gcr.io/distroless/static"});
    vec![
        recipe("scratch", vec![app(3 * MB)]),
        chiseled,
        recipe(
            "alpine-like",
            vec![
                alpine(),
                layer(
                    "RUN apk add curl",
                    vec![
                        file("usr/bin/curl", 200_000, "curl"),
                        file("var/cache/apk/APKINDEX.1.tar.gz", 1_500_000, "index"),
                    ],
                ),
                app(MB),
            ],
        ),
        recipe("debian-like", vec![debian(2 * MB), app(MB)]),
        recipe(
            "apt lists left behind",
            vec![debian(MB), apt(true), app(MB)],
        ),
        recipe(
            "apt lists deleted too late",
            vec![
                debian(MB),
                apt(true),
                layer(
                    "RUN rm -rf /var/lib/apt/lists/*",
                    vec![
                        directory("var/lib/apt/lists"),
                        opaque("var/lib/apt/lists"),
                        whiteout("var/cache/apt/archives/curl.deb"),
                    ],
                ),
            ],
        ),
        recipe(
            "multi-stage",
            vec![
                alpine(),
                layer(
                    "COPY --from=build /out/api /usr/local/bin/api",
                    vec![file("usr/local/bin/api", 2 * MB, "api")],
                ),
            ],
        ),
        recipe(
            "everything in one stage",
            vec![
                debian(MB),
                layer(
                    "RUN tar -C /usr/local -xz",
                    vec![
                        file("usr/local/go/bin/go", 3 * MB, "go"),
                        file("usr/local/go/src/fmt/print.go", 40_000, "print"),
                    ],
                ),
                layer(
                    "RUN go build",
                    vec![
                        file("go/pkg/mod/cache/x.zip", 2 * MB, "mod"),
                        file("usr/local/bin/api", MB, "api"),
                    ],
                ),
            ],
        ),
        recipe(
            "node with its history",
            vec![
                alpine(),
                layer(
                    "COPY . /app",
                    vec![
                        file("app/.git/objects/pack/x.pack", 2 * MB, "pack"),
                        content("app/.env", "TOKEN=x\n"),
                        file("app/index.js", 9_000, "index"),
                    ],
                ),
                layer(
                    "RUN npm ci",
                    vec![
                        file("app/node_modules/a/index.js", 700_000, "a"),
                        file("app/node_modules/b/node_modules/a/index.js", 700_000, "a"),
                        file("root/.npm/_cacache/content", 1_300_000, "cacache"),
                    ],
                ),
            ],
        ),
        recipe(
            "the same files twice",
            vec![
                layer(
                    "COPY dist /a",
                    vec![file("a/model.bin", 2 * MB, "model"), file("a/x", 10, "x")],
                ),
                layer(
                    "COPY dist /b",
                    vec![
                        file("b/model.bin", 2 * MB, "model"),
                        file("b/x", 10, "x"),
                        file("b/model.copy", 2 * MB, "model"),
                    ],
                ),
            ],
        ),
        recipe("no layers", vec![]),
        recipe(
            "empty layers, and one twice",
            vec![
                layer("RUN true", vec![]),
                app(MB),
                layer("RUN true", vec![]),
                app(MB),
            ],
        ),
    ]
}

fn links() -> Vec<Recipe> {
    let git = || {
        layer(
            "RUN apt-get install git",
            vec![
                file("usr/lib/git-core/git", 2 * MB, "git"),
                hard_link("usr/lib/git-core/git-add", "usr/lib/git-core/git"),
                hard_link("usr/bin/git", "usr/lib/git-core/git"),
            ],
        )
    };
    vec![
        recipe("hard links", vec![git(), app(MB)]),
        recipe(
            "a hard link deleted",
            vec![
                git(),
                layer("RUN rm", vec![whiteout("usr/lib/git-core/git")]),
            ],
        ),
        recipe(
            "all hard links deleted",
            vec![
                git(),
                layer(
                    "RUN rm",
                    vec![whiteout("usr/lib/git-core/git"), whiteout("usr/bin/git")],
                ),
                layer("RUN rm", vec![whiteout("usr/lib/git-core/git-add")]),
            ],
        ),
        recipe(
            "a hard link overwritten",
            vec![
                git(),
                layer(
                    "RUN patch",
                    vec![
                        file("usr/bin/git", 2 * MB, "patched"),
                        hard_link("usr/bin/git2", "usr/bin/git"),
                    ],
                ),
            ],
        ),
        recipe(
            "a hard link into a lower layer",
            vec![
                git(),
                layer("RUN ln", vec![hard_link("usr/bin/g", "usr/bin/git")]),
                layer("RUN rm", vec![whiteout("usr/bin/git"), whiteout("usr/lib")]),
            ],
        ),
        recipe(
            "below a link to a directory",
            vec![
                debian(MB),
                layer(
                    "RUN install",
                    vec![
                        file("lib/x86_64-linux-gnu/libc.so.6", 900_000, "new libc"),
                        file("bin/tool", 70_000, "tool"),
                    ],
                ),
                layer(
                    "RUN rm",
                    vec![
                        whiteout("bin/tool"),
                        hard_link("lib/libc.so", "usr/lib/x86_64-linux-gnu/libc.so.6"),
                    ],
                ),
            ],
        ),
    ]
}

fn hiding() -> Vec<Recipe> {
    let mut chown = layer(
        "RUN chown -R app /app",
        vec![file("app/server", 3 * MB, "server")],
    );
    chown.packing = Packing::Plain;
    vec![
        recipe("chown in a layer of its own", vec![app(3 * MB), chown]),
        recipe(
            "overwritten",
            vec![
                app(3 * MB),
                layer("COPY app /app", vec![file("app/server", 2 * MB, "later")]),
                layer("COPY app /app", vec![file("app/server", MB, "last")]),
            ],
        ),
        recipe(
            "whiteouts",
            vec![
                layer(
                    "RUN make",
                    vec![
                        file("src/a.o", MB, "a"),
                        file("src/deep/b.o", MB, "b"),
                        file("out", MB, "out"),
                    ],
                ),
                layer(
                    "RUN rm -r src",
                    vec![
                        whiteout("src"),
                        whiteout("none"),
                        whiteout("no/such/directory"),
                    ],
                ),
                layer("RUN make", vec![file("src/a.o", 500_000, "again")]),
            ],
        ),
        recipe(
            "opaque directories",
            vec![
                layer(
                    "RUN",
                    vec![
                        file("d/old", MB, "old"),
                        file("d/sub/old", MB, "old sub"),
                        file("dd/old", 50, "dd"),
                    ],
                ),
                layer(
                    "RUN",
                    vec![
                        file("d/new", 700_000, "new"),
                        opaque("d"),
                        file("d/sub/new", 10, "sub"),
                    ],
                ),
            ],
        ),
        recipe(
            "a file where a directory was",
            vec![
                layer(
                    "RUN",
                    vec![
                        file("d/a", MB, "a"),
                        file("d/b/c", MB, "c"),
                        file("f", 600_000, "f"),
                    ],
                ),
                layer(
                    "RUN",
                    vec![file("d", 5, "d"), directory("f"), file("f/g", 8, "g")],
                ),
            ],
        ),
        recipe(
            "a directory without an entry where a file was",
            vec![
                layer(
                    "RUN",
                    vec![
                        file("caps", 60_000, "caps"),
                        file("deep/er", 50_000, "er"),
                        file("twice", 40_000, "twice"),
                        hard_link("kept", "twice"),
                    ],
                ),
                layer(
                    "COPY",
                    vec![
                        file("caps/f", 30, "f"),
                        file("caps/g", 40, "g"),
                        file("deep/er/and/deeper", 20, "deeper"),
                        file("twice/f", 10, "f of twice"),
                    ],
                ),
                layer("COPY", vec![file("caps/f/h", 5, "h")]),
            ],
        ),
        recipe(
            "a whiteout below a file, whose directories nothing lists",
            vec![
                layer(
                    "RUN",
                    vec![
                        file("caps", 60_000, "caps"),
                        file("deep/er", 50_000, "er"),
                        file("twice", 40_000, "twice"),
                        hard_link("kept", "twice"),
                        file("there/x", 30_000, "x"),
                        symbolic_link("to", "there"),
                    ],
                ),
                layer(
                    "RUN rm",
                    vec![
                        whiteout("caps/f"),
                        opaque("deep/er/and/deeper"),
                        whiteout("twice/f/g"),
                        whiteout("to/x"),
                    ],
                ),
                layer("COPY", vec![file("caps/f", 5, "f")]),
            ],
        ),
        recipe(
            "a path twice in one layer",
            vec![layer(
                "ADD",
                vec![
                    file("a", MB, "first"),
                    file("a", 900_000, "second"),
                    file("b", 7, "b"),
                ],
            )],
        ),
    ]
}
