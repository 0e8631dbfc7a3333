//! The network interfaces of this machine.

use std::io;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nametoindex};

/// A network interface.
#[derive(Clone, Debug)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) index: u32,
    flags: InterfaceFlags,
}

impl Interface {
    /// Whether multicast may arrive here: it is up and can do multicast, or is the loopback.
    pub(super) fn hears_groups(&self) -> bool {
        self.flags.contains(InterfaceFlags::IFF_UP)
            && self.flags.intersects(InterfaceFlags::IFF_MULTICAST | InterfaceFlags::IFF_LOOPBACK)
    }
}

/// All interfaces, with an address or without.
pub(super) fn all() -> io::Result<Vec<Interface>> {
    let mut interfaces: Vec<Interface> = Vec::new();
    for address in getifaddrs()? {
        let name = address.interface_name;
        if interfaces.iter().any(|known| known.name == name) {
            continue;
        }
        // One that has gone since the list was made has no index any more; an alias (eth0:1) never had.
        if let Ok(index) = if_nametoindex(name.as_str()) {
            interfaces.push(Interface { name, index, flags: address.flags });
        }
    }
    Ok(interfaces)
}
