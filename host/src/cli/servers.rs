//! Where packets are sent to: what subcommands that send have in common.

use std::path::Path;

#[cfg(feature = "config")]
use super::check::Finding;
use super::{Failure, note, shown, warn};
use crate::send::{Destination, SendError, Server};

/// Opens all servers, or collectd's two groups if there are none.
pub(super) fn open(servers: &[Server]) -> Result<Vec<Destination>, Failure> {
    let groups = Server::default_groups();
    let servers = if servers.is_empty() { &groups[..] } else { servers };
    let open = |server| Ok(Destination::open(server)?.tell(|notice| warn(format_args!("{notice}"))));
    let destinations = servers.iter().map(open).collect::<Result<_, _>>().map_err(|error| failure(&error))?;
    note_exposed(servers);
    Ok(destinations)
}

/// Why a server could not be opened.
pub(super) fn failure(error: &SendError) -> Failure {
    if error.is_usage() { Failure::Usage(error.to_string()) } else { Failure::Runtime(error.to_string()) }
}

/// Notes which passwords are no secrets.
pub(super) fn note_exposed(servers: &[Server]) {
    for path in servers.iter().filter_map(Server::exposed_file) {
        note(format_args!("{}", exposed(path)));
    }
}

/// What is wrong with these servers on this machine.
#[cfg(feature = "config")]
pub(super) fn check(servers: &[Server]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for server in servers {
        let unknown = |name: &String| Finding::unknown_interface("server", name);
        findings.extend(server.address.interface.as_ref().and_then(unknown));
        findings.extend(server.check_credentials().err().map(|error| Finding::error("server", error.to_string())));
        findings.extend(server.exposed_file().map(|path| Finding::warning("server", exposed(path))));
    }
    findings
}

fn exposed(path: &Path) -> String {
    format!("the password in {} can be read by everybody on this machine", shown(path.as_os_str()))
}
