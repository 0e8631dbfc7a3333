//! The threads that work on what arrives: one that leads, and those that help.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::common::Common;
use super::worker::Worker;
use crate::listen::{Inbox, Share, Wake};

/// How old the numbers of losses are at the most.
const FRESH: Duration = Duration::from_millis(500);

/// Works on the first share of what arrives, has others work on theirs, and ends all of them.
pub(super) fn lead(mut inbox: Inbox, common: &Arc<Common>) {
    let shares = inbox.take_shares();
    let mut worker = Worker::new(Arc::clone(common), 0);
    thread::scope(|scope| {
        for (number, share) in shares.into_iter().enumerate() {
            let common = Arc::clone(common);
            scope.spawn(move || help(share, Worker::new(common, number + 1)));
        }
        let mut looked: Option<Instant> = None;
        loop {
            let now = Instant::now();
            if looked.is_none_or(|looked| now.saturating_duration_since(looked) >= FRESH) {
                common.publish_losses(inbox.losses());
                looked = Some(now);
            }
            let left = worker.due().map_or(FRESH, |due| due.saturating_duration_since(now).min(FRESH));
            match inbox.wait(Some(left)) {
                Wake::Arrived => worker.take(inbox.share()),
                Wake::Timeout => worker.flush_due(Instant::now()),
                Wake::Stopped => break,
            }
        }
        worker.flush();
        // The others end after what has arrived until now.
        inbox.stop();
    });
    common.publish_losses(inbox.losses());
}

fn help(mut share: Share, mut worker: Worker) {
    loop {
        let left = worker.due().map(|due| due.saturating_duration_since(Instant::now()));
        match share.wait(left) {
            Wake::Arrived => worker.take(&mut share),
            Wake::Timeout => worker.flush_due(Instant::now()),
            Wake::Stopped => break,
        }
    }
    worker.flush();
}
