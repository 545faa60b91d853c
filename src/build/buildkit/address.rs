//! From an address in a policy, or in the file of a buildx builder, to one that can be dialled.

use crate::{
    build::engine::host::{Certificates, EngineAddress, HostFiles, named_endpoint},
    error::Result,
    io::environment::Environment,
    policy::DaemonAddress,
};

/// How the daemon at `address` is reached. The engine of one in a container is the one that its context names, else
/// the one that the environment names.
///
/// # Errors
/// There is no such context, or the environment's engine has no valid address.
pub(super) fn reach(
    address: &DaemonAddress,
    tls: Option<Certificates>,
    environment: &Environment,
    files: &dyn HostFiles,
) -> Result<EngineAddress> {
    Ok(match address {
        DaemonAddress::Unix(path) => EngineAddress::Unix(path.clone()),
        DaemonAddress::Tcp { host, port } => EngineAddress::Tcp {
            address: format!("{host}:{port}"),
            tls,
        },
        DaemonAddress::Ssh {
            target,
            port,
            socket,
        } => EngineAddress::BuildkitOverSsh {
            target: target.clone(),
            port: *port,
            socket: socket.clone(),
        },
        DaemonAddress::Container { name, context } => EngineAddress::InContainer {
            engine: Box::new(named_endpoint(
                context.as_deref().unwrap_or_default(),
                environment,
                files,
            )?),
            name: name.clone(),
        },
    })
}
