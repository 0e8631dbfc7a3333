//! The sockets of the fleet, one for each host, all on the loopback.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use collectd_net::Time;

use super::{Packet, Story};
use crate::listen::Address;
use crate::send::{Destination, Notice, SendError, Server};

/// Who is late by more than this was stopped for a while, and does not send what it has missed.
const LATE: Duration = Duration::from_secs(1);

/// Sends what happens in the story to `to`, from an address for each host, and without seals to others. It never ends.
///
/// # Errors
/// When the system has no thread to give.
pub(crate) fn start(story: Story, to: SocketAddr, others: Vec<Destination>, tell: fn(Notice)) -> io::Result<()> {
    let sockets = Sockets { to, open: Vec::new(), tell };
    thread::Builder::new().name("fleet".into()).spawn(move || play(story, sockets, others)).map(drop)
}

fn play(mut story: Story, mut sockets: Sockets, mut others: Vec<Destination>) {
    let mut begin = Instant::now();
    while let Some(due) = story.due() {
        let gone = begin.elapsed();
        thread::sleep(due.saturating_sub(gone));
        if let Some(late) = gone.checked_sub(due).filter(|late| *late > LATE) {
            begin += late;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        story.step(Time::try_from(now).unwrap_or_default(), |packet| {
            sockets.send(&packet);
            for other in &mut others {
                if let Some(plain) = packet.plain {
                    other.push_octets(plain, packet.items);
                    other.flush();
                }
            }
        });
    }
}

struct Sockets {
    to: SocketAddr,
    /// By the numbers of hosts, each with the number of its socket.
    open: Vec<Option<(u64, Destination)>>,
    tell: fn(Notice),
}

impl Sockets {
    fn send(&mut self, packet: &Packet<'_>) {
        if self.open.len() <= packet.host {
            self.open.resize_with(packet.host + 1, || None);
        }
        let is_open = self.open[packet.host].as_ref().is_some_and(|(socket, _)| *socket == packet.socket);
        if !is_open {
            // Of an address that is no name there is nothing that could fail yet.
            self.open[packet.host] = self.open(packet.from.into()).ok().map(|new| (packet.socket, new));
        }
        if let Some((_, destination)) = &mut self.open[packet.host] {
            destination.push_octets(packet.octets, packet.items);
            destination.flush();
        }
    }

    /// A socket with this address, or with any, if this machine has not got it.
    fn open(&self, from: IpAddr) -> Result<Destination, SendError> {
        let bind_address = Some(from).filter(|from| UdpSocket::bind((*from, 0)).is_ok());
        let address = Address { host: self.to.ip().to_string(), port: self.to.port(), interface: None };
        let destination = Destination::open(&Server { bind_address, ..Server::from(address) })?;
        Ok(destination.tell(self.tell))
    }
}
