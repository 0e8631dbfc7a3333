//! How packets get out: the address, the socket, the batch, and what to do when one of them fails.

use std::io;
use std::time::{Duration, Instant};

use collectd_tap_stream::transmit::BATCH;
use nix::errno::Errno;

use super::{Destination, HELD};
use crate::send::notice::{Notice, Trouble};
use crate::send::socket::Socket;

/// How long nothing may come back until it is taken for granted that packets arrive again.
const QUIET: Duration = Duration::from_secs(10);

/// How soon an address is tried again that there was no socket for.
const REOPEN: Duration = Duration::from_millis(100);

/// Since packets have not got there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failing {
    /// When that was noticed last.
    last: Instant,
    /// Whether the network said so, rather than this machine: then it takes some time to be sure that it is over.
    reported: bool,
    /// How many packets were lost already when it began.
    lost_before: u64,
}

impl Destination {
    pub(super) fn send_full_batch(&mut self) {
        if self.queue.len() >= BATCH && (!self.addresses.is_empty() || self.queue.octets() > HELD) {
            self.flush();
        } else if self.queue.len().is_multiple_of(BATCH) {
            self.follow_name(None);
        }
    }

    /// Takes what the resolver has found, and waits for it so long.
    pub(super) fn follow_name(&mut self, patience: Option<Duration>) {
        let Some(resolver) = &self.resolver else { return };
        let found = match patience {
            Some(patience) => resolver.wait(patience),
            None => resolver.take(),
        };
        match found {
            None => {}
            Some(Ok(addresses)) => {
                let now = self.socket.as_ref().map(|socket| socket.to.ip());
                let still = now.is_some_and(|now| addresses.iter().any(|address| address.ip() == now));
                if !self.addresses.is_empty() && !still && self.addresses != addresses {
                    let to = addresses[0];
                    self.notify(|server| Notice::Moved { server, to });
                }
                if !still {
                    self.socket = None;
                    self.next = 0;
                    self.reopen_at = None;
                }
                self.addresses = addresses;
            }
            // The addresses of before may still be right.
            Some(Err(_)) if !self.addresses.is_empty() => {}
            Some(Err(error)) => self.fail(Trouble::Resolve(error)),
        }
    }

    /// Opens a socket for the first address that gives one.
    pub(super) fn reopen(&mut self) -> bool {
        let now = Instant::now();
        if self.reopen_at.is_some_and(|at| now < at) {
            return false;
        }
        let mut trouble = None;
        for step in 0..self.addresses.len() {
            let place = (self.next + step) % self.addresses.len();
            let to = self.addresses[place];
            match Socket::open(&self.server, to) {
                Ok(socket) => {
                    self.socket = Some(socket);
                    self.next = place;
                    self.reopen_at = None;
                    return true;
                }
                Err(error) => trouble = trouble.or(Some(Trouble::Open(to, error))),
            }
        }
        if let Some(trouble) = trouble {
            self.reopen_at = now.checked_add(REOPEN);
            self.fail(trouble);
        }
        false
    }

    /// Sends the first packets that wait. If that fails, the first one counts as failed, and the socket is given up.
    pub(super) fn send_batch(&mut self) {
        let Some(socket) = &self.socket else { return };
        let mut outcome = socket.send(self.queue.first(BATCH));
        if outcome.is_err() {
            // It may be the report of an earlier packet that keeps this one from being sent.
            self.take_reports();
            let Some(socket) = &self.socket else { return };
            outcome = socket.send(self.queue.first(BATCH));
        }
        let Some(socket) = &self.socket else { return };
        let to = socket.to;
        match outcome {
            Ok(sent) => {
                for _ in 0..sent {
                    let Some(packet) = self.queue.pop() else { break };
                    self.counts.packets += 1;
                    self.counts.octets += packet.len as u64;
                    self.counts.items += packet.items;
                }
                self.recover();
            }
            Err(error) => {
                // What has no room in a second will have none for the others either.
                if error == Errno::EAGAIN {
                    self.fail_all()
                } else {
                    self.fail_first()
                }
                // The length is the packet's fault, and a full queue will be empty again; other errors are the address'.
                if !matches!(error, Errno::EMSGSIZE | Errno::ENOBUFS | Errno::EAGAIN) {
                    self.give_up_socket();
                }
                self.fail(Trouble::Send(to, io::Error::from(error)));
            }
        }
    }

    /// Tries the next address from now on, and asks for others.
    fn give_up_socket(&mut self) {
        self.socket = None;
        self.next = if self.addresses.is_empty() { 0 } else { (self.next + 1) % self.addresses.len() };
        if let Some(resolver) = &self.resolver {
            resolver.ask();
        }
    }

    /// Counts what the network reports as undelivered.
    pub(super) fn take_reports(&mut self) {
        let Some(socket) = &self.socket else { return };
        let (count, said) = socket.take_reports();
        if count > 0 {
            let to = socket.to;
            self.counts.unreachable += count;
            self.fail(Trouble::Unreachable(to, said));
            if let Some(resolver) = &self.resolver {
                resolver.ask();
            }
        }
    }

    /// Notes that packets do not get there, and tells it if that is new.
    pub(super) fn fail(&mut self, trouble: Trouble) {
        let (last, reported) = (Instant::now(), matches!(trouble, Trouble::Unreachable(..)));
        let lost = self.counts.lost();
        match &mut self.failing {
            Some(failing) => {
                failing.last = last;
                failing.reported = reported;
            }
            None => {
                self.failing = Some(Failing { last, reported, lost_before: lost.saturating_sub(1) });
                self.notify(|server| Notice::Failing { server, trouble });
            }
        }
    }

    /// Notes that a packet was sent.
    fn recover(&mut self) {
        let Some(failing) = self.failing else { return };
        if !failing.reported || failing.last.elapsed() >= QUIET {
            self.failing = None;
            let lost = self.counts.lost().saturating_sub(failing.lost_before);
            self.notify(|server| Notice::Recovered { server, lost });
        }
    }

    fn notify(&mut self, notice: impl FnOnce(String) -> Notice) {
        let server = self.server.to_string();
        (self.tell)(notice(server));
    }

    pub(super) fn fail_first(&mut self) {
        if let Some(packet) = self.queue.pop() {
            self.count_failed(packet.len, packet.items);
        }
    }

    pub(super) fn fail_all(&mut self) {
        while !self.queue.is_empty() {
            self.fail_first();
        }
    }

    pub(super) const fn count_failed(&mut self, octets: usize, items: u64) {
        self.counts.failed_packets += 1;
        self.counts.failed_octets += octets as u64;
        self.counts.failed_items += items;
    }
}
