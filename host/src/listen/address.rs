//! Addresses to listen on, as people write them.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use collectd_net::{GROUP_V4, GROUP_V6, PORT};

/// `HOST[:PORT][%INTERFACE]`: a group, an address of this machine, or a name of one.
///
/// IPv6 addresses with a port stand in brackets: `[ff18::efc0:4a42]:25826%eth0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// An address or a name.
    pub host: String,
    /// The UDP port.
    pub port: u16,
    /// The interface to use instead of the ones chosen for all addresses.
    pub interface: Option<String>,
}

impl Address {
    /// collectd's default groups.
    pub(super) fn default_groups() -> [SocketAddr; 2] {
        [SocketAddr::new(GROUP_V4.into(), PORT), SocketAddr::new(GROUP_V6.into(), PORT)]
    }

    /// Whether the host is a name, which may have several addresses, or none yet.
    pub(super) fn is_name(&self) -> bool {
        self.host.parse::<IpAddr>().is_err()
    }

    /// All addresses that the host has.
    pub(crate) fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        if let Ok(ip) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, self.port)]);
        }
        let mut addresses: Vec<_> = (self.host.as_str(), self.port).to_socket_addrs()?.collect();
        addresses.sort();
        addresses.dedup();
        Ok(addresses)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let brackets = self.host.contains(':');
        let (open, close) = if brackets { ("[", "]") } else { ("", "") };
        write!(f, "{open}{}{close}:{}", self.host, self.port)?;
        match &self.interface {
            Some(interface) => write!(f, "%{interface}"),
            None => Ok(()),
        }
    }
}

/// Text that is not an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError(&'static str);

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for AddressError {}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, rest) = match text.strip_prefix('[') {
            Some(inner) => {
                let (host, rest) = inner.split_once(']').ok_or(AddressError("the closing bracket is missing"))?;
                let address = host.split_once('%').map_or(host, |(address, _)| address);
                address.parse::<Ipv6Addr>().map_err(|_| AddressError("only IPv6 addresses stand in brackets"))?;
                (host, rest)
            }
            // Without brackets all colons of an IPv6 address are its own.
            None => {
                let end = text.find('%').unwrap_or(text.len());
                match text[..end].parse::<Ipv6Addr>() {
                    Ok(_) => text.split_at(end),
                    Err(_) => text.split_at(text.find([':', '%']).unwrap_or(text.len())),
                }
            }
        };
        let (host, scope) = match host.split_once('%') {
            Some((host, scope)) => (host, Some(scope)),
            None => (host, None),
        };
        let (port, interface) = match rest.split_once('%') {
            Some((port, interface)) => (port, Some(interface)),
            None => (rest, None),
        };
        if host.is_empty() {
            return Err(AddressError("the host is missing"));
        }
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => PORT,
            Some(port) => match port.parse() {
                Ok(port) if port != 0 => port,
                _ => return Err(AddressError("a port is a number from 1 to 65535")),
            },
            None => return Err(AddressError("expected HOST[:PORT][%INTERFACE]")),
        };
        let interface = interface.or(scope);
        if interface == Some("") {
            return Err(AddressError("the interface is missing behind '%'"));
        }
        Ok(Self { host: host.into(), port, interface: interface.map(Into::into) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(String, u16, Option<String>), AddressError> {
        text.parse().map(|Address { host, port, interface }| (host, port, interface))
    }

    #[test]
    fn port_and_interface_are_optional() {
        let some = |host: &str, port, interface: Option<&str>| Ok((host.into(), port, interface.map(Into::into)));
        assert_eq!(parse("239.192.74.66"), some("239.192.74.66", 25_826, None));
        assert_eq!(parse("239.1.1.1:25827%eth0"), some("239.1.1.1", 25_827, Some("eth0")));
        assert_eq!(parse("239.1.1.1%eth0"), some("239.1.1.1", 25_826, Some("eth0")));
        assert_eq!(parse("ff18::efc0:4a42"), some("ff18::efc0:4a42", 25_826, None));
        assert_eq!(parse("ff02::1%eth0"), some("ff02::1", 25_826, Some("eth0")));
        assert_eq!(parse("[ff18::efc0:4a42]:25827%eth0"), some("ff18::efc0:4a42", 25_827, Some("eth0")));
        assert_eq!(parse("[fe80::1%eth0]:25827"), some("fe80::1", 25_827, Some("eth0")));
        assert_eq!(parse("::"), some("::", 25_826, None));
        assert_eq!(parse("collector.example:1"), some("collector.example", 1, None));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for text in ["", ":25826", "a:0", "a:65536", "a:b", "[::1", "[a]:1", "[::1]x", "a%", "a:", "a:1:2"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
