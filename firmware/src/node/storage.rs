//! The memory of a node.

use collectd_net::PACKET_SIZE;
use smoltcp::iface::SocketStorage;
use smoltcp::socket::udp;

use crate::duties::Memory;
use crate::page::Page;

/// Octets of a request, and of an answer, that are on their way at a time.
const REQUEST: usize = 512;
const ANSWER: usize = 1024;
/// Clients that the status page has at a time.
pub(super) const CLIENTS: usize = 2;
/// Sockets of a node: collectd's, one for addresses, and the clients'.
pub const SOCKETS: usize = 2 + CLIENTS;

/// Buffers and tables of a node, whose packets have up to `DATAGRAM` octets.
///
/// All zero at the start, so a `static` of it takes no flash; it is too large for the stack of most boards.
#[derive(Debug)]
pub struct Storage<const DATAGRAM: usize = 1472> {
    pub(super) packet: [u8; DATAGRAM],
    pub(super) transmit: [u8; PACKET_SIZE],
    pub(super) requests: [[u8; REQUEST]; CLIENTS],
    pub(super) answers: [[u8; ANSWER]; CLIENTS],
    pub(super) page: Page<CLIENTS>,
    pub(super) memory: Memory,
}

impl<const DATAGRAM: usize> Storage<DATAGRAM> {
    /// Empty.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            packet: [0; DATAGRAM],
            transmit: [0; PACKET_SIZE],
            requests: [[0; REQUEST]; CLIENTS],
            answers: [[0; ANSWER]; CLIENTS],
            page: Page::new(),
            memory: Memory::new(),
        }
    }
}

impl<const DATAGRAM: usize> Default for Storage<DATAGRAM> {
    fn default() -> Self {
        Self::new()
    }
}

/// Places for a node's sockets.
#[derive(Debug)]
pub struct Sockets<'a> {
    pub(super) sockets: [SocketStorage<'a>; SOCKETS],
    pub(super) transmit: [udp::PacketMetadata; 2],
}

impl Sockets<'_> {
    /// Empty.
    #[must_use]
    pub const fn new() -> Self {
        Self { sockets: [SocketStorage::EMPTY; SOCKETS], transmit: [udp::PacketMetadata::EMPTY; 2] }
    }
}

impl Default for Sockets<'_> {
    fn default() -> Self {
        Self::new()
    }
}
