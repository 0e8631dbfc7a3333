//! What the kernel dropped because a socket's receive buffer was full.

use std::fs;
use std::os::fd::AsRawFd;

/// How many datagrams the kernel dropped at this socket, exactly and at any time; `None` if it does not tell.
pub(super) fn of(socket: &socket2::Socket) -> Option<u64> {
    let link = fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok()?;
    let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
    let table = if socket.local_addr().ok()?.is_ipv6() { "/proc/self/net/udp6" } else { "/proc/self/net/udp" };
    fs::read_to_string(table).ok()?.lines().find_map(|line| drops(line, inode))
}

/// The last column of a line of `/proc/net/udp`, if it is this socket's.
fn drops(line: &str, inode: &str) -> Option<u64> {
    let mut columns = line.split_ascii_whitespace();
    if columns.nth(9) == Some(inode) { columns.next_back()?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_of_drops_is_found_by_inode() {
        let line = "12466: 4A4AC0EF:64E2 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 11215 2 00000000a9a1b3f8 4908";
        assert_eq!(drops(line, "11215"), Some(4908));
        assert_eq!(drops(line, "11216"), None);
        assert_eq!(drops("  sl  local_address rem_address   st tx_queue", "11215"), None);
    }

    #[test]
    fn a_socket_of_ours_is_in_the_table() {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).expect("a socket");
        socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
        assert_eq!(of(&socket), Some(0));
    }
}
