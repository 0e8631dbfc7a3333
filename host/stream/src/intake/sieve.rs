//! What is let through before anything is decoded.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use collectd_net::Item;
use ipnet::IpNet;

use super::recent::RecentHashes;

/// How many packets and items are remembered, each: 50 MB at the most.
pub const REMEMBERED: usize = 1 << 20;

/// A network, or one address: `10.0.0.0/8`, `fd00::/8`, `192.0.2.7`.
///
/// # Errors
/// When the text is neither.
pub fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address.or_else(|_| text.parse()).map_err(|_| "a source is written as ADDRESS or ADDRESS/BITS".into())
}

/// Who may send.
#[derive(Debug)]
pub struct Sources {
    /// None stands for everybody.
    allowed: Vec<IpNet>,
    refused: AtomicU64,
}

impl Sources {
    /// Only these, or everybody if there are none.
    #[must_use]
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed: IpNet::aggregate(&allowed), refused: AtomicU64::new(0) }
    }

    /// Whether this sender is heard; counted if not.
    pub(super) fn allow(&self, from: Option<SocketAddr>) -> bool {
        let allowed = self.allowed.is_empty()
            || from.is_some_and(|from| self.allowed.iter().any(|network| network.contains(&from.ip())));
        if !allowed {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        allowed
    }

    /// How many datagrams came from others.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// What was heard already, over another interface, from another group or through another relay.
///
/// A packet is known by its octets, and an item by its identifier, time and values, because relays pack items anew. Whoever does not
/// know the random keys of the hash cannot make two that look the same.
#[derive(Debug)]
pub struct Duplicates {
    keys: RandomState,
    packets: Known,
    items: Known,
}

#[derive(Debug)]
struct Known {
    recent: Mutex<RecentHashes>,
    found: AtomicU64,
}

impl Duplicates {
    /// Reaches back over this time.
    #[must_use]
    pub fn new(window: Duration) -> Self {
        Self { keys: RandomState::new(), packets: Known::new(window), items: Known::new(window) }
    }

    /// Whether this packet is new; counted if not.
    pub(super) fn packet_is_new(&self, octets: &[u8], now: Instant) -> bool {
        self.packets.is_new(self.packet_key(octets), now)
    }

    /// Whether this item is new; counted if not.
    #[must_use]
    pub fn item_is_new(&self, item: &Item<'_>, now: Instant) -> bool {
        self.items.is_new(self.item_key(item), now)
    }

    /// Whether the item of this key is new; counted if not.
    #[doc(hidden)]
    pub fn key_is_new(&self, key: u64, now: Instant) -> bool {
        self.items.is_new(key, now)
    }

    /// What a packet is known by.
    #[doc(hidden)]
    pub fn packet_key(&self, octets: &[u8]) -> u64 {
        self.keys.hash_one(octets)
    }

    /// What an item is known by.
    #[doc(hidden)]
    pub fn item_key(&self, item: &Item<'_>) -> u64 {
        // In one piece, because hashing many small ones takes longer; with their lengths, so that none runs into the next.
        let mut octets = Vec::with_capacity(256);
        let mut add = |piece: &[u8]| {
            octets.extend_from_slice(&piece.len().to_ne_bytes());
            octets.extend_from_slice(piece);
        };
        item.identifier().fields().iter().for_each(|name| add(name.as_octets()));
        add(&item.time().raw().to_ne_bytes());
        add(&[u8::from(matches!(item, Item::ValueList(_)))]);
        match item {
            Item::ValueList(list) => {
                add(list.values.kinds());
                add(list.values.octets().as_flattened());
            }
            Item::Notification(notification) => {
                add(&notification.severity.raw().to_ne_bytes());
                add(notification.message.as_octets());
            }
        }
        self.keys.hash_one(octets.as_slice())
    }

    /// How many packets and items were heard already.
    #[must_use]
    pub fn found(&self) -> (u64, u64) {
        (self.packets.found.load(Ordering::Relaxed), self.items.found.load(Ordering::Relaxed))
    }

    /// How many packets and items were forgotten within the window because there were too many.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.packets.lock().forgotten() + self.items.lock().forgotten()
    }
}

impl Known {
    fn new(window: Duration) -> Self {
        Self { recent: Mutex::new(RecentHashes::new(window, REMEMBERED)), found: AtomicU64::new(0) }
    }

    fn is_new(&self, hash: u64, now: Instant) -> bool {
        let is_new = self.lock().note(hash, now);
        if !is_new {
            self.found.fetch_add(1, Ordering::Relaxed);
        }
        is_new
    }

    fn lock(&self) -> MutexGuard<'_, RecentHashes> {
        // Nothing is half done where a thread could panic.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use collectd_net::Decoder;

    use super::*;

    #[test]
    fn sources_are_networks_and_addresses() {
        let allowed = ["10.1.0.0/16", "192.0.2.7", "fd00::/8"].map(|text| network(text).expect("a network"));
        let sources = Sources::new(allowed.to_vec());
        let allow = |ip: &str| sources.allow(Some(SocketAddr::new(ip.parse().expect("an address"), 1)));
        assert!(["10.1.2.3", "192.0.2.7", "fd12::1"].into_iter().all(allow));
        assert!(!["10.2.0.1", "192.0.2.8", "fe80::1", "::ffff:10.1.2.3"].into_iter().any(allow));
        assert!(!sources.allow(None));
        assert_eq!(sources.refused(), 5);
        assert!(Sources::new(Vec::new()).allow(None));
        for text in ["", "10.0.0.0/33", "10.0.0", "name", "10.0.0.0/", "fd00::/129"] {
            assert!(network(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_item_is_known_whatever_packet_it_comes_in() {
        let packet = include_bytes!("../../../../core/tests/data/collectd-5.12.0-minimal.bin");
        let mut other = *packet;
        // Another value, and then the first again.
        *other.last_mut().expect("it is not empty") ^= 1;
        let duplicates = Duplicates::new(Duration::from_secs(60));
        let now = Instant::now();
        let mut seen = Vec::new();
        for octets in [&packet[..], &other, &[packet, &other[..]].concat()] {
            assert!(duplicates.packet_is_new(octets, now));
            seen.extend(Decoder::new(octets).flatten().map(|item| duplicates.item_is_new(&item, now)));
        }
        assert_eq!(seen, [true, true, false, false]);
        assert!(!duplicates.packet_is_new(packet, now));
        assert_eq!(duplicates.found(), (1, 2));
    }
}
