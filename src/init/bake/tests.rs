use crate::init::bake::*;

fn bake(path: &str, text: &str, targets: &[&str], overrides: &[&str]) -> Baked {
    let files = [
        BakeFile {
            path: path.into(),
            text: text.into(),
        },
        BakeFile::of_metadata(&["acme/api:1.2.3".into()], &[], &[]),
    ];
    let own = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    evaluate(
        &files,
        ".",
        &own(targets),
        &own(overrides),
        &|name| match name {
            "VERSION" => Some("1.2.3".into()),
            _ => None,
        },
    )
}

fn shown(baked: &Baked) -> Vec<String> {
    let target = |target: &BakeTarget| {
        let (context, dockerfile, stage) = target.build.source();
        format!(
            "{} {} {context} {dockerfile} {}",
            target.name,
            target.tags.join(","),
            stage.unwrap_or("-")
        )
    };
    baked.targets.iter().map(target).collect()
}

#[test]
fn groups_inheritance_variables_and_functions() {
    let text = r#"
        variable "REPO" { default = "acme/api" }
        variable "VERSION" { default = "dev" }
        variable "EXTRA" { default = "" }
        BASE = "${REPO}-base"
        function "tags" {
          params = [suffix]
          result = concat(
            ["${REPO}:${VERSION}${suffix}"],
            notequal("dev", VERSION) ? ["${REPO}:latest${suffix}"] : [],
            EXTRA != "" ? [EXTRA] : [],
          )
        }
        group "default" { targets = ["api", "slim"] }
        target "docker-metadata-action" {}
        target "_common" {
          context = "app"
          args = { A = "1", V = VERSION }
          platforms = ["linux/amd64"]
        }
        target "api" {
          inherits = ["_common", "docker-metadata-action"]
          target = "runtime"
        }
        target "slim" {
          inherits = ["_common"]
          dockerfile = "Dockerfile.slim"
          tags = tags("-slim")
          args = { A = "2" }
          output = ["type=registry"]
        }
    "#;
    let baked = bake(
        "docker-bake.hcl",
        text,
        &[],
        &["*.platform=linux/arm64", "slim.args.B=3"],
    );
    assert!(baked.left_out.is_empty(), "{:?}", baked.left_out);
    assert_eq!(
        shown(&baked),
        [
            "api acme/api:1.2.3 app app/Dockerfile runtime",
            "slim acme/api:1.2.3-slim,acme/api:latest-slim app app/Dockerfile.slim -",
        ]
    );
    let slim = &baked.targets[1];
    assert_eq!(slim.build.args["A"], "2");
    assert_eq!(slim.build.args["V"], "1.2.3");
    assert_eq!(slim.build.args["B"], "3");
    assert_eq!(slim.build.platforms, ["linux/arm64"]);
    assert!(slim.pushes && !baked.targets[0].pushes);
}

#[test]
fn json_matrices_and_compose() {
    let json = r#"{"variable": {"VERSION": {"default": "x"}}, "group": {"default": {"targets": ["a"]}},
        "target": {"a": {"dockerfile": "a.Dockerfile", "tags": ["acme/a:${VERSION}", "acme/a:latest"]}}}"#;
    assert_eq!(
        shown(&bake("docker-bake.json", json, &[], &[])),
        ["a acme/a:1.2.3,acme/a:latest . a.Dockerfile -"]
    );
    let matrix = r#"
        target "default" {
          matrix = { v = ["", "-slim"], k = [{ n = "api" }, { n = "web" }] }
          name = "${k.n}${v}"
          dockerfile = "${k.n}/Dockerfile"
          tags = ["acme/${k.n}:${lower("X")}${v}"]
        }
    "#;
    assert_eq!(
        shown(&bake("docker-bake.hcl", matrix, &[], &[])),
        [
            "api acme/api:x . api/Dockerfile -",
            "web acme/web:x . web/Dockerfile -",
            "api-slim acme/api:x-slim . api/Dockerfile -",
            "web-slim acme/web:x-slim . web/Dockerfile -",
        ]
    );
    let compose = "services:\n  api:\n    image: acme/api:latest\n    build: {context: ./api, target: prod}\n  db: {image: postgres}\n";
    assert_eq!(
        shown(&bake("compose.yaml", compose, &[], &[])),
        ["api acme/api:latest api api/Dockerfile prod"]
    );
}

#[test]
fn what_is_not_read_is_named() {
    let text = "target \"default\" {\n tags = [cidrhost(\"x\", 1)]\n}\ntarget \"other\" {}";
    let baked = bake("docker-bake.hcl", text, &[], &[]);
    assert!(
        baked.left_out.concat().contains("`cidrhost` is not read"),
        "{:?}",
        baked.left_out
    );
    let baked = bake("docker-bake.hcl", "target \"a\" {", &[], &[]);
    assert!(
        baked.left_out.concat().contains("not valid HCL"),
        "{:?}",
        baked.left_out
    );
    let baked = bake("docker-bake.hcl", "target \"a\" {}", &["b"], &[]);
    assert!(
        baked.left_out.concat().contains("not found"),
        "{:?}",
        baked.left_out
    );
}
