//! Who else has a port: `/proc/net/udp`, `/proc/net/udp6`, and the open files of processes.
//!
//! ```text
//! sl   local_address rem_address   st tx_queue:rx_queue tr:when retrnsmt uid timeout inode ref pointer drops
//! 9:   00000000:64E2 00000000:0000 07 00000000:00000000 00:0000 00000000   0       0 12345   2 0…      0
//! ```
//!
//! Addresses are words in the order of the machine, ports are not.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt as _;

use collectd_net::Text;

/// A UDP socket of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) address: SocketAddr,
    pub(super) uid: u32,
    pub(super) inode: u64,
    /// Datagrams dropped because its receive buffer was full.
    pub(super) drops: u64,
}

/// The sockets of a table.
pub(super) fn parse(text: &str) -> Vec<Holder> {
    text.lines().skip(1).filter_map(line).collect()
}

fn line(line: &str) -> Option<Holder> {
    let words: Vec<_> = line.split_whitespace().collect();
    let (ip, port) = words.get(1)?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |digits: &[u8]| u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok().map(u32::to_ne_bytes);
    let ip = match ip.as_bytes() {
        v4 if v4.len() == 8 => IpAddr::V4(Ipv4Addr::from(word(v4)?)),
        v6 if v6.len() == 32 => {
            let mut octets = [0; 16];
            for (to, digits) in octets.chunks_exact_mut(4).zip(v6.chunks_exact(8)) {
                to.copy_from_slice(&word(digits)?);
            }
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(Holder {
        address: SocketAddr::new(ip, port),
        uid: words.get(7)?.parse().ok()?,
        inode: words.get(9)?.parse().ok()?,
        // Very old kernels do not count them.
        drops: words.get(12).and_then(|drops| drops.parse().ok()).unwrap_or_default(),
    })
}

impl Holder {
    /// Whether it may get what is sent to this address.
    pub(super) fn is_at(&self, wanted: &SocketAddr) -> bool {
        let same = |a: IpAddr, b: IpAddr| a == b || a.is_unspecified() || b.is_unspecified();
        self.address.port() == wanted.port()
            && self.address.is_ipv4() == wanted.is_ipv4()
            && same(self.address.ip(), wanted.ip())
    }
}

/// The sockets of this network namespace.
pub(super) fn all() -> Vec<Holder> {
    let tables = ["/proc/net/udp", "/proc/net/udp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    tables.iter().flat_map(|table| parse(table)).collect()
}

/// The processes that have these sockets open, for people: `collectd (process 812)`. Those of other users show only to root.
pub(super) fn processes(inodes: &[u64]) -> HashMap<u64, Vec<String>> {
    let mut found: HashMap<u64, Vec<String>> = HashMap::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = process.file_name();
        if !name.as_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        for file in fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten() {
            let Some(inode) = fs::read_link(file.path()).ok().and_then(|link| socket(link.as_os_str().as_bytes()))
            else {
                continue;
            };
            if inodes.contains(&inode) {
                let command = fs::read(process.path().join("comm")).unwrap_or_default();
                let command = command.strip_suffix(b"\n").unwrap_or(&command);
                let owner = format!("{} (process {})", Text::new(command), name.to_string_lossy());
                let owners = found.entry(inode).or_default();
                if !owners.contains(&owner) {
                    owners.push(owner);
                }
            }
        }
    }
    found
}

/// The inode of `socket:[12345]`.
fn socket(link: &[u8]) -> Option<u64> {
    let digits = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UDP: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
         3215: 00000000:64E2 00000000:0000 07 00000000:00000000 00:00000000 00000000   108        0 34567 2 000000008a7c7d5e 12\n\
         \x20 17: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 99 2 0 0\n";
    const UDP6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
         3215: 00000000000000000000000000000000:64E2 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 34568 2 0 0\n\
         3215: 000018FF0000000000000000424AC0EF:64E2 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 34569 2 0 0\n";

    #[test]
    #[cfg(target_endian = "little")]
    fn sockets_are_read_with_their_owners_and_drops() {
        let [first, second] = parse(UDP)[..] else { panic!("two") };
        let expected = Holder { address: "0.0.0.0:25826".parse().expect("one"), uid: 108, inode: 34567, drops: 12 };
        assert_eq!(first, expected);
        assert_eq!(second.address, "127.0.0.1:53".parse().expect("an address"));
        let addresses: Vec<_> = parse(UDP6).iter().map(|holder| holder.address.to_string()).collect();
        assert_eq!(addresses, ["[::]:25826", "[ff18::efc0:4a42]:25826"]);
    }

    #[test]
    fn a_socket_for_any_address_gets_what_is_sent_to_each() {
        let at = |holder: &str, wanted: &str| {
            let address = holder.parse().expect("an address");
            Holder { address, uid: 0, inode: 0, drops: 0 }.is_at(&wanted.parse().expect("an address"))
        };
        assert!(at("0.0.0.0:1", "239.1.1.1:1") && at("239.1.1.1:1", "239.1.1.1:1") && at("[::1]:1", "[::]:1"));
        assert!(!at("0.0.0.0:1", "239.1.1.1:2") && !at("0.0.0.0:1", "[::1]:1") && !at("10.0.0.1:1", "239.1.1.1:1"));
    }

    #[test]
    fn whatever_stands_there_is_no_trouble() {
        for text in [UDP, UDP6] {
            (0..text.len()).for_each(|end| _ = parse(&text[..end]));
        }
        assert_eq!(parse("\n 1: é:64E2\n 1: éééé:64E2 0 0 0 0 0 0 0 0\n"), []);
    }

    #[test]
    fn the_process_of_a_socket_is_named() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("an address");
        let holder = all().into_iter().find(|holder| holder.address == address).expect("it is in the table");
        let owners = processes(&[holder.inode]);
        let me = format!("(process {})", std::process::id());
        assert!(owners[&holder.inode].iter().any(|owner| owner.ends_with(&me)), "{owners:?}");
    }
}
