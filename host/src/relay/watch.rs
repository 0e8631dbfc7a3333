//! The thread that keeps guards open, and what they have heard up to date.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::News;
use super::common::Common;
use super::guard::Guard;
use super::outlet::Outlet;

/// How often it is tried again to listen to a group that is sent to.
const OPEN_AGAIN: Duration = Duration::from_secs(5);
/// How long packets gather at the socket of a group that is sent to.
const GATHER: Duration = Duration::from_millis(10);

/// Opens the guards that are not open; which of them cannot be.
pub(super) fn open_guards(common: &Common) -> Vec<(usize, io::Error)> {
    let open = |(number, outlet): (usize, &Arc<Outlet>)| Some((number, outlet.guard.as_ref()?.open().err()?));
    common.outlets.iter().enumerate().filter_map(open).collect()
}

/// Keeps the guards open and their sockets empty, until it is over. That one cannot be opened is told once, until it can.
pub(super) fn watch_guards(common: &Common, end: &UnixStream, mut troubles: Vec<(usize, io::Error)>) {
    let mut told = Vec::new();
    let mut opened = Instant::now();
    loop {
        let failing: Vec<_> = troubles.iter().map(|(number, _)| *number).collect();
        for (number, error) in troubles.drain(..) {
            if !told.contains(&number)
                && let Some(outlet) = common.outlets.get(number)
            {
                (common.tell)(News::Unguarded(outlet.server.clone(), error));
            }
        }
        told = failing;
        while opened.elapsed() < OPEN_AGAIN {
            let sockets: Vec<_> = common.guards().filter_map(Guard::socket).collect();
            let mut ends = vec![PollFd::new(end.as_fd(), PollFlags::empty())];
            ends.extend(sockets.iter().map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)));
            let left = OPEN_AGAIN.saturating_sub(opened.elapsed()) + Duration::from_millis(1);
            let count = poll(&mut ends, PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO)).unwrap_or_default();
            if ends.first().and_then(PollFd::revents).is_some_and(|events| !events.is_empty()) {
                return;
            }
            if count > 0 {
                thread::sleep(GATHER);
                common.guards().for_each(Guard::look);
            }
        }
        opened = Instant::now();
        troubles = open_guards(common);
    }
}
