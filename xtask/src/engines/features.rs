//! What is tried with each engine.

use serde_json::Value;

use super::{
    Cell,
    bench::{Bench, SECRET},
};
use crate::Result;

/// One thing that is tried.
pub struct Feature {
    pub name: &'static str,
    pub try_on: fn(&Bench<'_>) -> Result<Cell>,
}

/// All of them. The last one looks at what the others have left.
pub const FEATURES: &[Feature] = &[
    Feature {
        name: "one platform",
        try_on: one_platform,
    },
    Feature {
        name: "two platforms",
        try_on: two_platforms,
    },
    Feature {
        name: "one platform fails",
        try_on: one_platform_fails,
    },
    Feature {
        name: "secrets",
        try_on: secrets,
    },
    Feature {
        name: "ssh",
        try_on: ssh,
    },
    Feature {
        name: "named contexts",
        try_on: contexts,
    },
    Feature {
        name: "cache in a registry",
        try_on: cache,
    },
    Feature {
        name: "cache in the image",
        try_on: inline_cache,
    },
    Feature {
        name: "provenance",
        try_on: provenance,
    },
    Feature {
        name: "sbom",
        try_on: sbom,
    },
    Feature {
        name: "ulimits",
        try_on: ulimits,
    },
    Feature {
        name: "shm-size",
        try_on: shm_size,
    },
    Feature {
        name: "allow",
        try_on: allow,
    },
    Feature {
        name: "no network",
        try_on: no_network,
    },
    Feature {
        name: "add-hosts",
        try_on: add_hosts,
    },
    Feature {
        name: "private base",
        try_on: private_base,
    },
    Feature {
        name: "failing step",
        try_on: failing_step,
    },
    Feature {
        name: "signal",
        try_on: signal,
    },
    Feature {
        name: "connection cut",
        try_on: connection_cut,
    },
    Feature {
        name: "disk full",
        try_on: disk_full,
    },
    Feature {
        name: "nothing left behind",
        try_on: nothing_left,
    },
];

const PLAIN: &str =
    "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"touch\", \"/ran\"]\n";

/// Both platforms get the same files: no emulator is needed.
const CROSS: &str = "FROM --platform=$BUILDPLATFORM scratch AS build\nCOPY busybox /bin/busybox\nARG TARGETARCH\nRUN [\"/bin/busybox\", \"sh\", \"-c\", \"echo $TARGETARCH > /architecture\"]\nFROM scratch\nCOPY --from=build /architecture /\n";

/// A scanner as BuildKit calls one.
const SCANNER: &str = "FROM scratch\nCOPY busybox /bin/busybox\nENTRYPOINT [\"/bin/busybox\", \"sh\", \"-c\", \"echo '{\\\"_type\\\":\\\"https://in-toto.io/Statement/v0.1\\\",\\\"predicateType\\\":\\\"https://spdx.dev/Document\\\",\\\"predicate\\\":{\\\"SPDXID\\\":\\\"SPDXRef-DOCUMENT\\\"}}' > $BUILDKIT_SCAN_DESTINATION/sbom.spdx.json\"]\n";

/// A Dockerfile with one more step, which runs `line` in a shell.
fn step(mount: &str, line: &str) -> String {
    format!(
        "FROM scratch\nCOPY busybox /bin/busybox\nRUN {mount} [\"/bin/busybox\", \"sh\", \"-c\", \"{line}\"]\n"
    )
}

/// Releases, and then asks for more.
fn released(
    bench: &Bench<'_>,
    keys: &str,
    dockerfile: &str,
    check: impl FnOnce(&super::bench::Trial<'_>) -> Result<Option<String>>,
) -> Result<Cell> {
    let trial = bench.trial(keys, dockerfile)?;
    if let Err(cell) = trial.release()? {
        return Ok(cell);
    }
    Ok(match check(&trial)? {
        None => Cell::Works,
        Some(wrong) => Cell::Fails(wrong),
    })
}

fn one_platform(bench: &Bench<'_>) -> Result<Cell> {
    released(bench, "", PLAIN, |trial| {
        let layers = trial.manifest("1.0.0")?["layers"]
            .as_array()
            .map_or(0, Vec::len);
        Ok((layers != 2).then(|| format!("it has {layers} layers")))
    })
}

fn two_platforms(bench: &Bench<'_>) -> Result<Cell> {
    let keys = "platforms = [\"linux/amd64\", \"linux/arm64\"]\n";
    released(bench, keys, CROSS, |trial| {
        let index = trial.manifest("1.0.0")?;
        let found: Vec<_> = children(&index)
            .filter_map(|child| child["platform"]["architecture"].as_str())
            .collect();
        Ok((found != ["amd64", "arm64"]).then(|| format!("it is for {found:?}")))
    })
}

fn one_platform_fails(bench: &Bench<'_>) -> Result<Cell> {
    let keys = "platforms = [\"linux/amd64\", \"linux/arm64\"]\n";
    let dockerfile = "FROM --platform=$BUILDPLATFORM scratch\nCOPY busybox /bin/busybox\nARG TARGETARCH\nRUN [\"/bin/busybox\", \"sh\", \"-c\", \"test $TARGETARCH = amd64\"]\n";
    let trial = bench.trial(keys, dockerfile)?;
    Ok(match trial.release()? {
        Ok(()) => Cell::Fails("it was released".into()),
        Err(Cell::Fails(text)) if text.contains("state: nothing was published") => {
            match trial.is_released() {
                true => Cell::Fails("a tag is there".into()),
                false => Cell::Works,
            }
        }
        Err(cell) => cell,
    })
}

fn secrets(bench: &Bench<'_>) -> Result<Cell> {
    let keys = "secrets = [{ id = \"token\", env = \"TRIAL_SECRET\" }]\n";
    let line = format!("test $(cat /run/secrets/token) = {SECRET}");
    let dockerfile = step(
        "--mount=type=secret,id=token",
        &line.replace("cat", "/bin/busybox cat"),
    );
    released(bench, keys, &dockerfile, |_| Ok(None))
}

fn ssh(bench: &Bench<'_>) -> Result<Cell> {
    let dockerfile = step("--mount=type=ssh", "test -S $SSH_AUTH_SOCK");
    released(bench, "ssh = [\"default\"]\n", &dockerfile, |_| Ok(None))
}

fn contexts(bench: &Bench<'_>) -> Result<Cell> {
    let dockerfile = "FROM scratch\nCOPY --from=more one /one\n";
    released(
        bench,
        "contexts = { more = \"shared\" }\n",
        dockerfile,
        |_| Ok(None),
    )
}

fn cache(bench: &Bench<'_>) -> Result<Cell> {
    let name = format!("engines/cache{}", bench.number());
    let image = bench.repository(&name);
    let keys = format!(
        "cache-to = [\"type=registry,ref={image},mode=max\"]\ncache-from = [\"type=registry,ref={image}\"]\n"
    );
    let first = released(bench, &keys, PLAIN, |_| {
        Ok((!bench.has(&name, "latest")).then(|| "nothing was exported".to_owned()))
    })?;
    if first != Cell::Works {
        return Ok(first);
    }
    released(bench, &keys, PLAIN, |_| Ok(None))
}

fn inline_cache(bench: &Bench<'_>) -> Result<Cell> {
    released(bench, "cache-to = [\"type=inline\"]\n", PLAIN, |trial| {
        let config = trial.config()?;
        let there = config.get("moby.buildkit.cache.v0").is_some();
        Ok((!there).then(|| "the configuration has no cache".to_owned()))
    })
}

fn provenance(bench: &Bench<'_>) -> Result<Cell> {
    released(bench, "provenance = \"max\"\n", PLAIN, |trial| {
        attested(&trial.manifest("1.0.0")?)
    })
}

fn sbom(bench: &Bench<'_>) -> Result<Cell> {
    let scanner = bench.trial("", SCANNER)?;
    if let Err(cell) = scanner.release()? {
        return Ok(cell);
    }
    let keys = format!("sbom = \"{}\"\n", scanner.public_reference("1.0.0"));
    released(bench, &keys, PLAIN, |trial| {
        attested(&trial.manifest("1.0.0")?)
    })
}

fn ulimits(bench: &Bench<'_>) -> Result<Cell> {
    let keys = "ulimits = [\"nofile=123:456\"]\n";
    let dockerfile = step("", "test $(ulimit -Sn) = 123 && test $(ulimit -Hn) = 456");
    released(bench, keys, &dockerfile, |_| Ok(None))
}

fn shm_size(bench: &Bench<'_>) -> Result<Cell> {
    let line = "test $(/bin/busybox df -k /dev/shm | /bin/busybox tail -n 1 | /bin/busybox awk '{print $2}') = 32768";
    released(bench, "shm-size = \"32MiB\"\n", &step("", line), |_| {
        Ok(None)
    })
}

fn allow(bench: &Bench<'_>) -> Result<Cell> {
    let dockerfile = step("--network=host", "true");
    released(bench, "allow = [\"network.host\"]\n", &dockerfile, |_| {
        Ok(None)
    })
}

fn no_network(bench: &Bench<'_>) -> Result<Cell> {
    let line = "test $(/bin/busybox awk 'NR>2{print $1}' /proc/net/dev) = lo:";
    released(bench, "network = \"none\"\n", &step("", line), |_| Ok(None))
}

fn add_hosts(bench: &Bench<'_>) -> Result<Cell> {
    let keys = "add-hosts = [\"db:10.0.0.7\", \"far:host-gateway\"]\n";
    let line = "/bin/busybox grep -w db /etc/hosts | /bin/busybox grep -w 10.0.0.7 && /bin/busybox grep -w far /etc/hosts";
    released(bench, keys, &step("", line), |_| Ok(None))
}

fn private_base(bench: &Bench<'_>) -> Result<Cell> {
    let base = bench.private_trial(PLAIN)?;
    if let Err(cell) = base.release()? {
        return Ok(cell);
    }
    let dockerfile = format!(
        "FROM {}\nRUN [\"/bin/busybox\", \"touch\", \"/more\"]\n",
        base.reference("1.0.0")
    );
    released(bench, "", &dockerfile, |_| Ok(None))
}

fn failing_step(bench: &Bench<'_>) -> Result<Cell> {
    let trial = bench.trial("", &step("", "echo the last words; exit 3"))?;
    let output = trial.run(&["release", "--version", "1.0.0", "--yes"])?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let told = [
        "`Dockerfile`, line 3",
        "\n  the last words",
        "state: nothing was published",
    ];
    let missing = told.iter().find(|words| !text.contains(**words));
    Ok(match (output.status.code(), missing) {
        (Some(6), None) => Cell::Works,
        (code, missing) => Cell::Fails(format!("code {code:?}, missing {missing:?}: {text}")),
    })
}

fn signal(bench: &Bench<'_>) -> Result<Cell> {
    let seconds = 98_700 + bench.number();
    let dockerfile = format!(
        "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"sleep\", \"{seconds}\"]\n"
    );
    bench
        .trial("", &dockerfile)?
        .interrupted(&format!("sleep {seconds}"))
}

fn connection_cut(bench: &Bench<'_>) -> Result<Cell> {
    let seconds = 98_800 + bench.number();
    let line = format!("exec /bin/busybox sleep {seconds}");
    bench
        .trial("", &step("", &line))?
        .cut(&format!("sleep {seconds}"))
}

fn disk_full(bench: &Bench<'_>) -> Result<Cell> {
    let line = "/bin/busybox dd if=/dev/urandom of=/large bs=64k count=64";
    bench.trial("", &step("", line))?.without_room()
}

fn nothing_left(bench: &Bench<'_>) -> Result<Cell> {
    let images = bench.images()?;
    // A base image that a build has pulled stays for the next one.
    let is_ours = |line: &&str| line.contains("hoist") || line.contains("<none>");
    let left: Vec<_> = images.lines().filter(is_ours).collect();
    Ok(match &*left {
        [] => Cell::Works,
        // What the step needed that Podman ran on after a signal.
        [_] if bench.who()?.starts_with("Podman") => Cell::Told,
        left => Cell::Fails(left.join("\n")),
    })
}

fn children(index: &Value) -> impl Iterator<Item = &Value> {
    index["manifests"].as_array().into_iter().flatten()
}

fn attested(index: &Value) -> Result<Option<String>> {
    let kind = "vnd.docker.reference.type";
    let is_attestation = |child: &Value| child["annotations"][kind] == "attestation-manifest";
    Ok(match children(index).any(is_attestation) {
        true => None,
        false => Some(format!("it has no attestation: {index}")),
    })
}
