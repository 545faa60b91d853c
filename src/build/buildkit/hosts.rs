//! `image.build.add-hosts` for BuildKit, which takes addresses: what `host-gateway` stands for is known to an engine
//! alone, which says it of its worker.

use bollard_buildkit_proto::moby::buildkit::v1::types::WorkerRecord;

use crate::{
    error::{Error, Result},
    policy::HostEntry,
};

/// What stands for the machine that builds.
const GATEWAY: &str = "host-gateway";
/// The label in which an engine's worker has that machine's address; several, with commas, where it has several.
const LABEL: &str = "org.mobyproject.buildkit.worker.moby.host-gateway-ip";

/// Whether the builder has to be asked for an address.
pub(super) fn need_gateway(hosts: &[HostEntry]) -> bool {
    hosts.iter().any(|host| host.address == GATEWAY)
}

/// The hosts with addresses only.
///
/// # Errors
/// One is `host-gateway`, and the builder does not say what that is.
pub(super) fn with_addresses(
    hosts: &[HostEntry],
    workers: &[WorkerRecord],
) -> Result<Vec<HostEntry>> {
    let gateways = workers.iter().find_map(|worker| worker.labels.get(LABEL));
    let gateways = gateways.map(|all| all.split(',').map(str::trim));
    let mut known = Vec::new();
    for host in hosts {
        if host.address != GATEWAY {
            known.push(host.clone());
            continue;
        }
        let gateways = gateways.clone().into_iter().flatten();
        let before = known.len();
        known.extend(gateways.filter(|one| !one.is_empty()).map(|one| HostEntry {
            name: host.name.clone(),
            address: one.to_owned(),
        }));
        if known.len() == before {
            return Err(Error::refused(format!(
                "`image.build.add-hosts`: this builder does not know what `{host}` is"
            ))
            .cause("only a Docker Engine has a `host-gateway`")
            .state("nothing was built or published")
            .hint("give the address itself, such as `db:10.0.0.7`"));
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(gateway: Option<&str>) -> Result<Vec<String>> {
        let hosts = ["db:10.0.0.7", "far:host-gateway"].map(|it| it.parse().expect("a host"));
        let mut worker = WorkerRecord::default();
        if let Some(gateway) = gateway {
            worker.labels.insert(LABEL.to_owned(), gateway.to_owned());
        }
        let known = with_addresses(&hosts, &[worker])?;
        Ok(known.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_builder_says_what_the_gateway_is() {
        let one = told(Some("172.17.0.1")).expect("an address");
        assert_eq!(one, ["db:10.0.0.7", "far:172.17.0.1"]);
        let two = told(Some("172.17.0.1,fd00::1")).expect("two addresses");
        assert_eq!(two, ["db:10.0.0.7", "far:172.17.0.1", "far:fd00::1"]);
        for nothing in [None, Some("")] {
            let error = told(nothing).expect_err("nobody says it");
            assert!(
                format!("{error:#}").contains("`far:host-gateway`"),
                "{error:#}"
            );
        }
    }
}
