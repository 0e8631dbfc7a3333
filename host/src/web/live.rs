//! What happens, as events: all that there is, and from then on what is new, once a second.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use http_body::Frame;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::json::Json;
use super::objects;
use super::query::Query;
use super::summary::{Counters, Summary, count, uncount};
use super::watch::Watch;
use crate::fleet::SeriesId;
use crate::watching::Watching;

/// Series whose histories a stream keeps at the most.
const KEPT: usize = 1000;

/// The streams that there are, and whose histories they keep.
#[derive(Debug)]
pub(super) struct Streams {
    most: usize,
    next: AtomicU64,
    kept: Mutex<HashMap<u64, HashSet<SeriesId>>>,
    counters: Arc<Counters>,
}

impl Streams {
    pub(super) fn new(most: usize, counters: Arc<Counters>) -> Self {
        Self { most, next: AtomicU64::new(1), kept: Mutex::default(), counters }
    }

    /// A stream for a client, unless there are enough.
    pub(super) fn open(self: &Arc<Self>, query: Query, watching: &Arc<Watching>, every: Duration) -> Option<Live> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= self.most {
            count(&self.counters.refused_streams);
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        kept.insert(number, HashSet::new());
        count(&self.counters.streams);
        let mut ticks = interval(every);
        // A client that was slow has missed nothing, for what is new is found when it is asked for.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (watching, streams) = (Arc::clone(watching), Arc::clone(self));
        Some(Live { number, watch: Watch::new(query), ticks, is_first: true, watching, streams })
    }

    /// Begins histories of these series, and keeps them as long as the stream is there.
    pub(super) fn keep(&self, stream: u64, ids: &[SeriesId], watching: &Watching) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(of_stream) = kept.get_mut(&stream) else { return };
        for id in ids {
            if of_stream.len() < KEPT && watching.fleet().lock().keep_history(*id) {
                of_stream.insert(*id);
            }
        }
    }

    fn close(&self, stream: u64, watching: &Watching) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let of_stream = kept.remove(&stream).unwrap_or_default();
        for id in of_stream.iter().filter(|id| !kept.values().any(|others| others.contains(id))) {
            watching.fleet().lock().release_history(*id);
        }
        uncount(&self.counters.streams);
    }
}

/// The stream of a client. What is new is found when the client has room for it, so that nothing heaps up.
#[derive(Debug)]
pub(super) struct Live {
    number: u64,
    watch: Watch,
    ticks: Interval,
    is_first: bool,
    watching: Arc<Watching>,
    streams: Arc<Streams>,
}

impl Live {
    fn event(&mut self) -> String {
        let mut json = Json::default();
        let (first, second) = if self.is_first { ("retry: 2000\n", "state") } else { ("", "news") };
        self.is_first = false;
        let news = self.watch.look(&self.watching);
        let summary = Summary::of(&self.watching, &self.streams.counters);
        let now = self.watching.now();
        json.object(|json| {
            json.key("kind").word(second);
            json.key("stream").count(self.number);
            json.key("source").word(self.watching.source());
            json.key("time").time(now.time);
            news.write(json);
            objects::counts(json.key("counts"), &summary);
        });
        format!("{first}data: {}\n\n", json.into_text())
    }
}

impl http_body::Body for Live {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        ready!(this.ticks.poll_tick(context));
        Poll::Ready(Some(Ok(Frame::data(this.event().into()))))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.streams.close(self.number, &self.watching);
    }
}
