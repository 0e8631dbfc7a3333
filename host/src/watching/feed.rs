//! From an opened packet into the store.

use std::sync::atomic::Ordering;

use collectd_net::{Arrival, Error, Item};

use super::Shared;
use crate::fleet::Moment;

/// Takes a packet in. One lock for all of it: what is between two of its items takes less than a lock does.
pub(super) fn packet<'p>(
    shared: &Shared,
    arrival: &Arrival,
    moment: Moment,
    packet: impl Iterator<Item = Result<Item<'p>, Error>>,
) {
    let filter = shared.filter.as_deref();
    let mut store = shared.fleet.lock();
    let mut visit = store.arrive(arrival, moment);
    let mut filtered = 0;
    for item in packet {
        match &item {
            Ok(item) if filter.is_none_or(|filter| filter.matches(item)) => store.item(&mut visit, item),
            Ok(_) => filtered += 1,
            Err(error) => store.refuse(&visit, error),
        }
    }
    drop(store);
    if filtered > 0 {
        shared.filtered.fetch_add(filtered, Ordering::Relaxed);
    }
    shared.fleet.give_way();
}
