//! One destination: the thread that sends, behind a queue, so that nobody waits for it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::guard::Guard;
use super::lane::{Amount, Lane, Parcel, Popped};
use crate::listen::Own;
use crate::send::{Counts, Destination};

/// How soon it is looked again whether a name that packets wait for has an address.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long a name that has no address yet is waited for in the end.
const LAST_CALL: Duration = Duration::from_secs(1);

/// One destination, as those who pack see it.
#[derive(Debug)]
pub(super) struct Outlet {
    /// The server, as it was named.
    pub(super) server: String,
    pub(super) seal_room: usize,
    pub(super) lane: Lane,
    pub(super) guard: Option<Guard>,
    counts: Mutex<Counts>,
}

impl Outlet {
    pub(super) fn new(destination: &Destination, lane: Lane, guard: Option<Guard>) -> Self {
        Self {
            server: destination.server().to_string(),
            seal_room: destination.seal_room(),
            lane,
            guard,
            counts: Mutex::default(),
        }
    }

    /// What was sent and what was not, so far.
    pub(super) fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What had no room in the queue.
    pub(super) fn dropped(&self) -> Amount {
        self.lane.dropped()
    }

    /// Sends what comes until nothing more will come.
    pub(super) fn run(self: Arc<Self>, mut destination: Destination, number: usize, own: &Own) {
        let mut parcels = Vec::new();
        let mut known = None;
        loop {
            let deadline = if destination.waiting() > 0 { Instant::now().checked_add(LOOK_AGAIN) } else { None };
            if self.lane.pop(&mut parcels, deadline) == Popped::Closed {
                break;
            }
            parcels.iter().for_each(|parcel| match parcel {
                Parcel::Raw(octets) => destination.push_octets(octets, 0),
                Parcel::Packed(packed) => destination.push(&packed.ready()),
            });
            destination.flush();
            let from = source(&destination);
            if from != known {
                own.set(number, from);
                known = from;
            }
            self.publish(&destination);
        }
        destination.finish(LAST_CALL);
        self.publish(&destination);
        self.lane.end();
    }

    fn publish(&self, destination: &Destination) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = destination.counts();
    }
}

/// Where packets to a destination come from.
fn source(destination: &Destination) -> Option<SocketAddr> {
    let any: IpAddr = match destination.address()? {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let ip = destination.server().bind_address.unwrap_or(any);
    Some(SocketAddr::new(ip, destination.local_port()?))
}
