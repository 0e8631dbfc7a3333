//! From an opened packet into the store.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::time::Instant;

use collectd_net::Arrival;
use collectd_tap_stream::Opened;

use super::Shared;
use crate::fleet::Moment;
use crate::listen::Duplicates;

/// Takes a packet in. One lock for all of it: what is between two of its items takes less than a lock does.
///
/// Items that are known as duplicates are left out.
pub(super) fn packet(
    shared: &Shared,
    arrival: &Arrival,
    moment: Moment,
    packet: Opened<'_>,
    duplicates: Option<&Duplicates>,
) {
    let now = Instant::now();
    let filter = shared.filter.as_deref();
    let mut store = shared.fleet.lock();
    let mut visit = store.arrive(arrival, moment);
    let mut filtered = 0;
    packet.each(&mut |item| {
        match item {
            Ok(item) if duplicates.is_some_and(|known| !known.item_is_new(item, now)) => {}
            Ok(item) if filter.is_none_or(|filter| filter.matches(item)) => store.item(&mut visit, item),
            Ok(_) => filtered += 1,
            Err(error) => store.refuse(&visit, error),
        }
        ControlFlow::Continue(())
    });
    drop(store);
    if filtered > 0 {
        shared.filtered.fetch_add(filtered, Ordering::Relaxed);
    }
    shared.fleet.give_way();
}
