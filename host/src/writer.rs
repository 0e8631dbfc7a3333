//! The five lines of sending: items in, packets out.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use collectd_net::{
    Identifier, Interval, Item, Notification, Protection, Severity, Text, Time, Value, ValueList, Values,
};

use crate::send::{Counts, Notice, SendError, Sender, Server, Settings, TooLong};
use collectd_tap_stream::command::{self, encode};

/// How long names that have no address yet get for one when the writer is dropped.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends to collectd.
///
/// Value lists share packets, and go on their way when a packet is full, or after a second; notifications go at once. What still
/// waits when the writer is dropped is sent then. What cannot be sent is no error: it is [counted](Self::counts).
pub struct Writer {
    shared: Arc<Shared>,
    /// Sends what is old enough.
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    sender: Sender,
    over: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// Sends to collectd's two default groups.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn new() -> Result<Self, SendError> {
        Self::builder().open()
    }

    /// Sends elsewhere, or with other packets.
    #[must_use]
    pub fn builder() -> WriterBuilder {
        WriterBuilder::default()
    }

    /// Sends a value list of now. The identifier is collectd's, `host/plugin[-instance]/type[-instance]`.
    ///
    /// # Errors
    /// When something is empty that must not be, or longer than collectd takes.
    pub fn value_list(&self, identifier: &str, interval: Option<Interval>, values: &[Value]) -> Result<(), WriteError> {
        let identifier = Identifier::parse(identifier).map_err(|_| WriteError::Identifier)?;
        let (kinds, octets): (Vec<u8>, Vec<[u8; 8]>) = values.iter().copied().map(encode).unzip();
        let values = Values::new(&kinds, &octets).map_err(|_| WriteError::NoValues)?;
        let (protection, user) = (Protection::None, None);
        self.write(&Item::ValueList(ValueList { identifier, time: now(), interval, values, protection, user }))
    }

    /// Sends a notification of now.
    ///
    /// # Errors
    /// When the message is empty, or something is longer than collectd takes.
    pub fn notification(
        &self,
        identifier: &Identifier<'_>,
        severity: Severity,
        message: &str,
    ) -> Result<(), WriteError> {
        let (identifier, time, message) = (*identifier, now(), Text::from(message));
        let (protection, user) = (Protection::None, None);
        self.write(&Item::Notification(Notification { identifier, time, severity, message, protection, user }))
    }

    /// Sends an item as it is, such as one that a [`Reader`](crate::Reader) has heard. How that was protected means nothing here.
    ///
    /// # Errors
    /// When something is empty that must not be, or longer than collectd takes.
    pub fn write(&self, item: &Item<'_>) -> Result<(), WriteError> {
        check(item)?;
        let mut state = self.shared.state();
        let was_due = state.sender.due(Instant::now()).is_some();
        state.sender.push(item, Instant::now()).map_err(WriteError::TooLong)?;
        if matches!(item, Item::Notification(_)) {
            state.sender.tick(Instant::now());
        }
        drop(state);
        // The thread knows already when to wake up for what came before.
        if !was_due {
            self.shared.changed.notify_one();
        }
        Ok(())
    }

    /// Sends what waits for others to share its packet.
    pub fn flush(&self) {
        self.shared.state().sender.flush();
    }

    /// The servers, and what was sent to each so far.
    #[must_use]
    pub fn counts(&self) -> Vec<(Server, Counts)> {
        self.shared.state().sender.counts().map(|(server, counts)| (server.clone(), counts)).collect()
    }

    /// Sends everything, and gives names that have no address yet so long to get one. What was sent, and what was not.
    #[must_use]
    pub fn finish(mut self, patience: Duration) -> Vec<(Server, Counts)> {
        self.end(patience);
        self.counts()
    }

    fn end(&mut self, patience: Duration) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.state().over = true;
        self.shared.changed.notify_one();
        // It has nothing to tell, not even that it panicked.
        let _ = thread.join();
        self.shared.state().sender.finish(patience);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end(PATIENCE);
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("sender", &self.shared.state().sender).finish()
    }
}

/// Sends what is old enough, until it is over.
fn send_in_time(shared: &Shared) {
    let mut state = shared.state();
    while !state.over {
        let now = Instant::now();
        state = match state.sender.due(now) {
            None => shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(due) if due <= now => {
                state.sender.tick(now);
                state
            }
            Some(due) => {
                let waited = shared.changed.wait_timeout(state, due.saturating_duration_since(now));
                let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
                state.sender.tick(Instant::now());
                state
            }
        };
    }
}

/// Says where a [`Writer`] sends, and how.
///
/// ```
/// use collectd_tap::Writer;
///
/// let writer = Writer::builder().server("127.0.0.1:25826".parse()?).open()?;
/// # drop(writer);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct WriterBuilder {
    settings: Settings,
}

impl WriterBuilder {
    /// Sends to this server, instead of the default groups; may be said again.
    #[must_use]
    pub fn server(mut self, server: Server) -> Self {
        self.settings.servers.push(server);
        self
    }

    /// Makes packets of so many octets at the most, 1024 to 65,535: what the receivers take.
    #[must_use]
    pub const fn max_packet_size(mut self, octets: usize) -> Self {
        self.settings.max_packet_size = octets;
        self
    }

    /// Sends a packet that is not full after this time.
    #[must_use]
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.settings.max_age = age;
        self
    }

    /// Begins to send.
    ///
    /// # Errors
    /// When there is no password for a server, no such interface, or no thread.
    pub fn open(self) -> Result<Writer, SendError> {
        self.open_and_tell(|_| {})
    }

    /// Begins to send, and tells what changes about the servers.
    ///
    /// # Errors
    /// When there is no password for a server, no such interface, or no thread.
    pub fn open_and_tell(self, tell: impl FnMut(Notice) + Clone + Send + 'static) -> Result<Writer, SendError> {
        let state = State { sender: Sender::open(&self.settings, tell)?, over: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new().name("writer".into()).spawn(move || send_in_time(&of_thread));
        Ok(Writer { shared, thread: Some(thread.map_err(SendError::Start)?) })
    }
}

/// Why an item is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteError {
    /// It is not `host/plugin[-instance]/type[-instance]`.
    Identifier,
    /// A value list without values.
    NoValues,
    /// A name or a message is longer than every collectd takes, 127 and 255 octets, or has a NUL in it.
    Text,
    /// A notification without a message, or a value list without a host, plugin or type.
    Empty,
    /// The time is zero, which stands for none.
    NoTime,
    /// It fits no packet.
    TooLong(TooLong),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identifier => f.write_str("an identifier is host/plugin[-instance]/type[-instance]"),
            Self::NoValues => f.write_str("a value list has at least one value"),
            Self::Text => f.write_str("names have 127 octets at the most and messages 255, and no NUL"),
            Self::Empty => {
                f.write_str("a value list has a host, a plugin and a type, and a notification has a message")
            }
            Self::NoTime => f.write_str("an item has a time"),
            Self::TooLong(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for WriteError {}

/// What every receiver drops is not sent.
fn check(item: &Item<'_>) -> Result<(), WriteError> {
    let fits = |text: Text<'_>, limit: usize| text.len() <= limit && !text.as_octets().contains(&0);
    let identifier = item.identifier();
    let names_fit = identifier.fields().into_iter().all(|name| fits(name, command::NAME));
    let (message_fits, is_whole) = match item {
        Item::ValueList(_) => {
            (true, ![identifier.host, identifier.plugin, identifier.type_].into_iter().any(Text::is_empty))
        }
        Item::Notification(notification) => {
            (fits(notification.message, command::MESSAGE), !notification.message.is_empty())
        }
    };
    match () {
        () if !names_fit || !message_fits => Err(WriteError::Text),
        () if !is_whole => Err(WriteError::Empty),
        () if item.time().raw() == 0 => Err(WriteError::NoTime),
        () => Ok(()),
    }
}

fn now() -> Time {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::try_from(now).unwrap_or_default()
}
