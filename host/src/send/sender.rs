//! Items to servers: packed once, sealed and sent for each.

use std::time::{Duration, Instant};

use collectd_net::{Item, PACKET_SIZE};

use super::{Counts, Destination, MAX_AGE, Notice, Packer, SendError, Server, TooLong};

/// How soon it is looked again whether a name that packets wait for has an address.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Where to send, and how to pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where every item goes; none stands for collectd's two default groups.
    pub servers: Vec<Server>,
    /// Octets of a packet at the most, 1024 to 65,535: what the receivers take.
    pub max_packet_size: usize,
    /// How long a value list waits for others to share its packet.
    pub max_age: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { servers: Vec::new(), max_packet_size: PACKET_SIZE, max_age: MAX_AGE }
    }
}

/// Packs items, and sends every packet to every server. It acts only when it is called.
#[derive(Debug)]
pub struct Sender {
    packer: Packer,
    destinations: Vec<Destination>,
}

impl Sender {
    /// Prepares to send, and tells what changes about the servers.
    ///
    /// # Errors
    /// What is wrong with a server as it was named; see [`Destination::open`].
    pub fn open(settings: &Settings, tell: impl FnMut(Notice) + Clone + Send + 'static) -> Result<Self, SendError> {
        let groups = Server::default_groups();
        let servers = if settings.servers.is_empty() { &groups[..] } else { &settings.servers };
        let open = |server| Ok(Destination::open(server)?.tell(tell.clone()));
        let destinations = servers.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let seal_room = destinations.iter().map(Destination::seal_room).max().unwrap_or_default();
        Ok(Self { packer: Packer::new(settings.max_packet_size, settings.max_age, seal_room), destinations })
    }

    /// Adds an item. Packets that are full go on their way, and a notification at once.
    ///
    /// # Errors
    /// [`TooLong`] if the item fits no packet.
    #[inline]
    pub fn push(&mut self, item: &Item<'_>, now: Instant) -> Result<(), TooLong> {
        let Self { packer, destinations } = self;
        packer.push(item, now, |ready| destinations.iter_mut().for_each(|destination| destination.push(&ready)))
    }

    /// When [`tick`](Self::tick) is to be called at the latest; `None` if nothing waits.
    #[must_use]
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let waits = self.destinations.iter().any(|destination| destination.waiting() > 0);
        let again = if waits { now.checked_add(LOOK_AGAIN) } else { None };
        self.packer.due().into_iter().chain(again).min()
    }

    /// Sends all full packets, and the one that is not if it is old enough.
    pub fn tick(&mut self, now: Instant) {
        let Self { packer, destinations } = self;
        packer.flush_due(now, |ready| destinations.iter_mut().for_each(|destination| destination.push(&ready)));
        destinations.iter_mut().for_each(Destination::flush);
    }

    /// Sends everything.
    pub fn flush(&mut self) {
        let Self { packer, destinations } = self;
        packer.flush(|ready| destinations.iter_mut().for_each(|destination| destination.push(&ready)));
        destinations.iter_mut().for_each(Destination::flush);
    }

    /// Sends everything, and gives names that have no address yet so long to get one. What cannot be sent is counted as failed.
    pub fn finish(&mut self, patience: Duration) {
        self.flush();
        let end = Instant::now().checked_add(patience);
        for destination in &mut self.destinations {
            destination.finish(end.map_or(patience, |end| end.saturating_duration_since(Instant::now())));
        }
    }

    /// The servers, and what was sent to each.
    pub fn counts(&self) -> impl Iterator<Item = (&Server, Counts)> {
        self.destinations.iter().map(|destination| (destination.server(), destination.counts()))
    }

    /// Where packets go.
    #[must_use]
    pub fn destinations(&self) -> &[Destination] {
        &self.destinations
    }
}

/// What waits to be packed with others is sent, too.
impl Drop for Sender {
    fn drop(&mut self) {
        self.flush();
    }
}
