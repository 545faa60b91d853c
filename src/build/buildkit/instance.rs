//! Builders of `docker buildx`, as it stores them: a file for each, with its nodes. Files are read through
//! [`HostFiles`], so that every case can be tested.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{
    build::buildkit::address::reach,
    build::engine::host::{Certificates, EngineAddress, HostFiles, named_endpoint},
    error::{Error, Result},
    io::environment::Environment,
    oci::Platform,
    policy::DaemonAddress,
    text::sanitize_line,
};

/// What the names of containers begin with that buildx makes.
const CONTAINER: &str = "buildx_buildkit_";

/// One node of a builder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BuilderNode {
    /// Its name; empty where there is one node and it needs none.
    pub(crate) name: String,
    pub(crate) address: EngineAddress,
    /// What it is for, as its owner has said; empty: whatever it can.
    pub(crate) platforms: Vec<Platform>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InstanceFile {
    #[serde(default)]
    driver: String,
    #[serde(default)]
    nodes: Option<Vec<InstanceNode>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InstanceNode {
    name: String,
    #[serde(default)]
    endpoint: String,
    #[serde(default)]
    platforms: Option<Vec<Platform>>,
    #[serde(default)]
    driver_opts: Option<BTreeMap<String, String>>,
}

/// The nodes of the builder `name`.
///
/// # Errors
/// There is no such builder, or one of its nodes cannot be reached in a way that hoist knows.
pub(crate) fn builder_nodes(
    name: &str,
    environment: &Environment,
    files: &dyn HostFiles,
) -> Result<Vec<BuilderNode>> {
    let missing = || {
        Error::refused(format!("there is no buildx builder `{name}`"))
            .cause("`image.build.builder` names it")
            .hint("docker buildx ls")
            .hint(format!("docker buildx create --name {name}"))
    };
    let folder = folder(environment).ok_or_else(missing)?;
    let path = folder.join("instances").join(name);
    let text = files.read(&path).ok_or_else(missing)?;
    let file: InstanceFile = serde_json::from_str(&text).map_err(|error| {
        Error::refused(format!("the buildx builder `{name}` cannot be read"))
            .cause(format!("`{}`: {error}", path.display()))
            .hint(format!("docker buildx inspect {name}"))
    })?;
    let nodes = file.nodes.unwrap_or_default();
    if nodes.is_empty() {
        return Err(missing());
    }
    let at = |node: InstanceNode| {
        let address = match file.driver.as_str() {
            "remote" => remote(&node, name, environment, files),
            "docker-container" | "" => container(&node, environment, files),
            driver => Err(other_driver(name, driver)),
        }?;
        Ok(BuilderNode {
            name: node.name,
            address,
            platforms: node.platforms.unwrap_or_default(),
        })
    };
    nodes.into_iter().map(at).collect()
}

/// Where buildx keeps what it knows.
fn folder(environment: &Environment) -> Option<PathBuf> {
    if let Some(own) = environment.get("BUILDX_CONFIG") {
        return Some(own.into());
    }
    let docker = environment.get("DOCKER_CONFIG").map(PathBuf::from);
    let docker = docker.or_else(|| Some(Path::new(environment.get("HOME")?).join(".docker")));
    docker.map(|docker| docker.join("buildx"))
}

fn remote(
    node: &InstanceNode,
    builder: &str,
    environment: &Environment,
    files: &dyn HostFiles,
) -> Result<EngineAddress> {
    let options = node.driver_opts.as_ref();
    let option = |key: &str| options.and_then(|options| options.get(key)).cloned();
    let (cert, key) = (option("cert"), option("key"));
    let tls = option("cacert").map(|ca| Certificates {
        ca: ca.into(),
        client: cert.zip(key).map(|(cert, key)| (cert.into(), key.into())),
        server_name: option("servername"),
    });
    let address = node.endpoint.parse::<DaemonAddress>().map_err(|why| {
        Error::refused(format!(
            "the node `{}` of the buildx builder `{builder}` cannot be reached",
            sanitize_line(&node.name, 100)
        ))
        .cause(why)
        .hint(format!("docker buildx inspect {builder}"))
    })?;
    reach(&address, tls, environment, files)
}

fn container(
    node: &InstanceNode,
    environment: &Environment,
    files: &dyn HostFiles,
) -> Result<EngineAddress> {
    Ok(EngineAddress::InContainer {
        engine: Box::new(named_endpoint(&node.endpoint, environment, files)?),
        name: format!("{CONTAINER}{}", node.name),
    })
}

fn other_driver(name: &str, driver: &str) -> Error {
    Error::refused(format!(
        "the buildx builder `{name}` has the driver `{}`, which hoist does not reach",
        sanitize_line(driver, 100)
    ))
    .cause("hoist reaches builders of the drivers `docker-container` and `remote`")
    .hint(format!(
        "let buildx build, and push to hoist: image.build.command = [\"sh\", \"-c\", \"docker buildx build --builder {name} --push --tag $HOIST_PUSH_TO .\"]"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct FakeFiles(BTreeMap<PathBuf, String>);

    impl HostFiles for FakeFiles {
        fn read(&self, path: &Path) -> Option<String> {
            self.0.get(path).cloned()
        }

        fn is_socket(&self, path: &Path) -> bool {
            path == Path::new("/var/run/docker.sock")
        }
    }

    fn nodes(json: &str) -> Result<Vec<String>> {
        let environment: Environment = [("HOME", "/h")].into_iter().collect();
        let path = PathBuf::from("/h/.docker/buildx/instances/farm");
        let files = FakeFiles([(path, json.to_owned())].into());
        let nodes = builder_nodes("farm", &environment, &files)?;
        let shown = |node: BuilderNode| {
            let platforms: Vec<_> = node.platforms.iter().map(ToString::to_string).collect();
            format!("{} {} {}", node.name, node.address, platforms.join(","))
        };
        Ok(nodes.into_iter().map(shown).collect())
    }

    /// Files as buildx 0.29 writes them.
    #[test]
    fn the_nodes_are_those_of_buildx() {
        let remote = r#"{"Name":"farm","Driver":"remote","Nodes":[
            {"Name":"a","Endpoint":"tcp://b1:1234","Platforms":[{"architecture":"amd64","os":"linux"}],
             "DriverOpts":{"cacert":"/c/ca.pem","cert":"/c/cert.pem","key":"/c/key.pem","servername":"x"},"Flags":null,"Files":null},
            {"Name":"b","Endpoint":"unix:///run/b.sock","Platforms":[{"architecture":"arm","os":"linux","variant":"v7"}],"DriverOpts":null,"Flags":null,"Files":null},
            {"Name":"c","Endpoint":"ssh://me@far:2222/run/k.sock","Platforms":null,"DriverOpts":null,"Flags":null,"Files":null}],"Dynamic":false}"#;
        assert_eq!(
            nodes(remote).expect("three nodes"),
            [
                "a tcp://b1:1234 linux/amd64",
                "b unix:///run/b.sock linux/arm/v7",
                "c ssh://me@far:2222/run/k.sock ",
            ]
        );
        let contained = r#"{"Name":"farm","Driver":"docker-container","Nodes":[
            {"Name":"farm0","Endpoint":"unix:///var/run/docker.sock","Platforms":null,"DriverOpts":null,"Flags":["--allow-insecure-entitlement=network.host"],"Files":null},
            {"Name":"farm1","Endpoint":"default","Platforms":[],"DriverOpts":{"network":"host"},"Flags":null,"Files":null}],"Dynamic":false}"#;
        assert_eq!(
            nodes(contained).expect("two nodes"),
            [
                "farm0 docker-container://buildx_buildkit_farm0 ",
                "farm1 docker-container://buildx_buildkit_farm1 ",
            ]
        );
    }

    #[test]
    fn what_cannot_be_reached_is_told_with_a_way() {
        let told = |json: &str| {
            let error = nodes(json).expect_err(json);
            format!("{error:#} / {}", error.hints().join(" / "))
        };
        let cluster = told(r#"{"Driver":"kubernetes","Nodes":[{"Name":"a"}]}"#);
        assert!(cluster.contains("the driver `kubernetes`"), "{cluster}");
        assert!(cluster.contains("$HOIST_PUSH_TO"), "{cluster}");
        let far = r#"{"Driver":"remote","Nodes":[{"Name":"a","Endpoint":"podman-container://x"}]}"#;
        let far = told(far);
        assert!(
            far.contains("node `a`") && far.contains("podman-container"),
            "{far}"
        );
        let context =
            told(r#"{"Driver":"docker-container","Nodes":[{"Name":"a","Endpoint":"gone"}]}"#);
        assert!(context.contains("no Docker context `gone`"), "{context}");
        assert!(told("{}").contains("there is no buildx builder `farm`"));
        assert!(told("no JSON").contains("cannot be read"));
        let environment: Environment = [("BUILDX_CONFIG", "/x")].into_iter().collect();
        let files = FakeFiles(BTreeMap::new());
        let error = builder_nodes("farm", &environment, &files).expect_err("none");
        assert!(error.hints().join(" ").contains("docker buildx ls"));
    }
}
