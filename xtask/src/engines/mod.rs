//! `cargo xtask engines`: what hoist can do with which engine, tried on all of them, as a table.
//!
//! The modern engines come from a private root of Debian's newest packages below `target/sandbox`, the old one from
//! the packages of this machine's own Debian. Everything is on loopback and gone at the end.

use std::fmt;

use testkit::sandbox::{
    BuildkitSocket, Engine as Docker, Modern, ModernEngine, ModernRoot, Packages, Registry,
    RegistryOptions,
};

use crate::{Result, cargo, succeed};

mod bench;
mod features;
mod sizes;
mod stand_ins;

use bench::{Bench, Builds};
use features::FEATURES;

/// How one trial ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cell {
    /// As it should.
    Works,
    /// hoist said before the build that this engine cannot do it.
    Refused,
    /// It does not, and hoist says so where it matters.
    Told,
    /// It was not tried, or there is nothing to try with this builder.
    Untried,
    /// Otherwise, with what was wrong.
    Fails(String),
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Works => "yes",
            Self::Refused => "refused",
            Self::Told => "no, and says so",
            Self::Untried => "",
            Self::Fails(_) => "FAILS",
        })
    }
}

pub fn run(names: &[&str]) -> Result<()> {
    if let ["sizes", args @ ..] = names {
        return sizes::run(args);
    }
    succeed(cargo().args(["build", "--locked", "--bin", "hoist"]))?;
    let target = std::env::current_exe()?;
    let hoist = target.with_file_name("hoist");
    let packages = Packages::fetch()?;
    let root = ModernRoot::fetch()?;
    let old = Docker::start(&packages)?;
    let registry = Registry::start(&packages, &RegistryOptions::default())?;
    let private = Registry::start(
        &packages,
        &RegistryOptions {
            auth: true,
            ..RegistryOptions::default()
        },
    )?;
    let overlay2 = ModernEngine::start(&root, &packages, Modern::DockerOverlay2)?;
    let containerd = ModernEngine::start(&root, &packages, Modern::DockerContainerd)?;
    let plain = [registry.address(), private.address()];
    let podman = ModernEngine::start_with(&root, &packages, Modern::Podman, &plain)?;
    let daemon = BuildkitSocket::of(containerd.socket())?;
    let second = ModernEngine::start(&root, &packages, Modern::DockerContainerd)?;
    let other = BuildkitSocket::of(second.socket())?;
    let port = BuildkitSocket::on_port(containerd.socket())?;
    let in_container = Docker::at(&packages, &containerd.host());
    stand_ins::container(&packages, &in_container, &port)?;
    let ssh = stand_ins::ssh(&packages, &port)?;
    let by_engine = |host: String| Builds {
        host,
        builder: None,
        instance: None,
        socket: None,
        programs: None,
    };
    let by_address = |builder: String, socket| Builds {
        builder: Some(builder),
        socket: Some(socket),
        ..by_engine(containerd.host())
    };
    let engines = [
        ("Docker, this Debian's", by_engine(old.host().to_owned())),
        ("Docker, overlay2", by_engine(overlay2.host())),
        ("Docker, containerd", by_engine(containerd.host())),
        ("Podman", by_engine(podman.host())),
        ("BuildKit by address", by_address(daemon.address(), &daemon)),
        ("BuildKit by TCP", by_address(port.address(), &port)),
        (
            "BuildKit in a container",
            by_address(
                format!("docker-container://{}", stand_ins::CONTAINER),
                &port,
            ),
        ),
        (
            "BuildKit by ssh",
            Builds {
                programs: Some(ssh.path()),
                ..by_address(format!("ssh://me@far:2222{}", stand_ins::SOCKET), &port)
            },
        ),
        (
            "buildx, two nodes",
            Builds {
                instance: Some(instance(&[
                    ("amd64", daemon.address()),
                    ("arm64", other.address()),
                ])),
                ..by_address("farm".to_owned(), &daemon)
            },
        ),
    ];
    let mut rows: Vec<(&str, Vec<Cell>)> = Vec::new();
    for (index, (name, builds)) in engines.iter().enumerate() {
        let bench = Bench::new(&hoist, &packages, builds, (&registry, &private), index)?;
        println!("{name}: {}", bench.who()?);
        let cells = FEATURES.iter().map(|feature| {
            if !names.is_empty() && !names.iter().any(|part| feature.name.contains(part)) {
                return Cell::Untried;
            }
            let cell = match (feature.try_on)(&bench) {
                Ok(cell) => cell,
                Err(error) => Cell::Fails(error.to_string()),
            };
            println!("  {}: {cell}", feature.name);
            if let Cell::Fails(why) = &cell {
                println!("    {}", why.trim().replace('\n', "\n    "));
            }
            cell
        });
        rows.push((name, cells.collect()));
    }
    print(&rows);
    let failed = rows
        .iter()
        .flat_map(|(_, cells)| cells)
        .filter(|cell| matches!(cell, Cell::Fails(_)))
        .count();
    match failed {
        0 => Ok(()),
        failed => Err(format!("{failed} trials failed").into()),
    }
}

/// A builder as buildx stores it, with a node for each architecture.
fn instance(nodes: &[(&str, String)]) -> String {
    let nodes = nodes.iter().map(|(architecture, endpoint)| {
        serde_json::json!({
            "Name": format!("farm-{architecture}"),
            "Endpoint": endpoint,
            "Platforms": [{"architecture": architecture, "os": "linux"}],
            "DriverOpts": null,
            "Flags": null,
            "Files": null,
        })
    });
    let nodes: Vec<_> = nodes.collect();
    serde_json::json!({"Name": "farm", "Driver": "remote", "Nodes": nodes, "Dynamic": false})
        .to_string()
}

/// The table as Markdown: a row for each feature, so that it fits a page.
fn print(rows: &[(&str, Vec<Cell>)]) {
    let names: Vec<_> = rows.iter().map(|(name, _)| *name).collect();
    println!("\n| | {} |", names.join(" | "));
    println!("|---|{}", "---|".repeat(names.len()));
    for (index, feature) in FEATURES.iter().enumerate() {
        let cells: Vec<_> = rows
            .iter()
            .map(|(_, cells)| cells[index].to_string())
            .collect();
        println!("| {} | {} |", feature.name, cells.join(" | "));
    }
}
