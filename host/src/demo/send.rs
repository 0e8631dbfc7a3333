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
        // What was there before is closed behind that, so that another port is another one.
        let (destination, _before) = match self.open[packet.host].take() {
            Some((socket, destination)) if socket == packet.socket => (Some(destination), None),
            // Of an address that is no name there is nothing that could fail yet.
            before => (self.open(packet.from.into()).ok(), before),
        };
        let Some(mut destination) = destination else { return };
        destination.push_octets(packet.octets, packet.items);
        destination.flush();
        self.open[packet.host] = Some((packet.socket, destination));
    }

    /// A socket with this address, or with any, if this machine has not got it.
    fn open(&self, from: IpAddr) -> Result<Destination, SendError> {
        let bind_address = Some(from).filter(|from| UdpSocket::bind((*from, 0)).is_ok());
        let address = Address { host: self.to.ip().to_string(), port: self.to.port(), interface: None };
        let destination = Destination::open(&Server { bind_address, ..Server::from(address) })?;
        Ok(destination.tell(self.tell))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn each_start_of_a_host_is_another_port_of_its_address() {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("a port");
        receiver.set_read_timeout(Some(Duration::from_secs(10))).expect("a time");
        let to = receiver.local_addr().expect("an address");
        let mut sockets = Sockets { to, open: Vec::new(), tell: |notice| panic!("{notice}") };
        let mut from = |socket| {
            let from = Ipv4Addr::new(127, 0, 0, 9);
            sockets.send(&Packet { host: 3, name: "a", from, socket, octets: b"octets", plain: None, items: 1 });
            receiver.recv_from(&mut [0; 16]).expect("a packet").1
        };
        let [first, again, anew] = [from(0), from(0), from(1)];
        assert_eq!((first, first.ip().to_string()), (again, "127.0.0.9".into()));
        assert!(first.ip() == anew.ip() && first.port() != anew.port(), "{first} {anew}");
    }

    #[test]
    fn an_address_that_this_machine_has_not_got_does_not_keep_a_host_silent() {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("a port");
        receiver.set_read_timeout(Some(Duration::from_secs(10))).expect("a time");
        let to = receiver.local_addr().expect("an address");
        let mut sockets = Sockets { to, open: Vec::new(), tell: |notice| panic!("{notice}") };
        // One of those that nobody has (RFC 5737).
        let from = Ipv4Addr::new(192, 0, 2, 1);
        sockets.send(&Packet { host: 0, name: "a", from, socket: 0, octets: b"octets", plain: None, items: 1 });
        assert!(receiver.recv_from(&mut [0; 16]).expect("a packet").1.ip().is_loopback());
    }
}
