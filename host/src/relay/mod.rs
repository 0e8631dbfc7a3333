//! Relaying: what is heard is sent on, whole or item by item, and never twice.
//!
//! ```text
//!              Listener, Inbox          Worker                                  Outlet, one for each destination
//!
//! socket → own, duplicates → queue → ┬ whole ──────────────────────────── guard → Lane → Destination → socket
//!                                    └ open → filter → duplicates → Hosts → guard → Packer → Lane → seal → Destination → socket
//! ```
//!
//! Nothing multiplies, however relays are joined up: a packet is known again by its octets, an item by its identifier, time and
//! values, before and after its host got a new name; and what others have sent to a group already is not sent there again.

mod common;
mod error;
mod guard;
mod lane;
mod lead;
mod news;
mod outlet;
mod rename;
mod report;
mod settings;
mod watch;
mod worker;

use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use collectd_net::SecurityLevel;

pub use error::RelayError;
pub use lane::Amount;
pub use news::News;
pub use rename::{Hosts, Rename, RenameError};
pub use report::{Delivery, Report};
pub use settings::{Mode, Repacking, Settings};
pub use worker::Tally;

use crate::listen::{Change, Duplicates, Inbox, Listener, Own, Profile, Stopper};
use crate::send::{Destination, Level, Server};
use crate::users::Users;
use common::{Common, Tell};
use guard::{Guard, Keys};
use lane::Lane;
use lead::lead;
use outlet::Outlet;
use watch::{open_guards, watch_guards};

/// How long what was heard is remembered, if nothing else is said.
pub const WINDOW: Duration = Duration::from_secs(60);

/// How long what was heard has to be remembered at the least, or relays would send each other the same for ever.
pub const SHORTEST_WINDOW: Duration = Duration::from_secs(1);

/// How long destinations may take in the end to send what waits for them.
const LAST_CALL: Duration = Duration::from_secs(5);

/// A relay at work, on threads of its own; it ends when it is dropped.
///
/// ```no_run
/// use collectd_tap::relay::{Relay, Settings};
///
/// let settings = Settings { servers: vec!["collector.example".parse()?], ..Settings::default() };
/// let relay = Relay::start(&settings, |news| eprintln!("{news}"))?;
/// std::thread::sleep(std::time::Duration::from_secs(3600));
/// println!("{}", relay.stop());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Relay {
    common: Arc<Common>,
    listening: String,
    stopper: Stopper,
    lead: Option<JoinHandle<()>>,
    outlets: Vec<JoinHandle<()>>,
    /// Hangs up when the guards' thread is to end.
    guarding: Option<(UnixStream, JoinHandle<()>)>,
}

impl Relay {
    /// Begins to relay. What there is to say meanwhile is told on any of its threads.
    ///
    /// # Errors
    /// What is wrong with the settings, or what the machine refuses. What may come later, such as the address of a name, is waited
    /// for and told.
    pub fn start(settings: &Settings, tell: impl Fn(News) + Send + Sync + 'static) -> Result<Self, RelayError> {
        let tell: Tell = Arc::new(tell);
        let mut listen = settings.listen.clone();
        let window = *listen.dedup.get_or_insert(WINDOW);
        if window < SHORTEST_WINDOW {
            return Err(RelayError::Window);
        }
        let destinations = destinations(settings, &tell)?;
        let mut listener = Listener::open(&listen).map_err(RelayError::Listen)?;
        let open = |profile: &Profile| opened(profile, settings);
        let profiles = listener.profiles().iter().map(open).collect::<Result<Vec<_>, _>>()?;
        for error in listener.left_out() {
            tell(News::Listening(Change::Trouble(error.to_string())));
        }
        listener.buffer_advice().into_iter().for_each(|advice| tell(News::Listening(advice)));
        let listening = listener.to_string();
        let own = Arc::new(Own::default());
        listener.leave_out(Arc::clone(&own));
        let told = Arc::clone(&tell);
        let inbox = listener.start_and_tell(move |change| told(News::Listening(change))).map_err(RelayError::Start)?;

        // Set above, so there is one.
        let duplicates = inbox.duplicates().unwrap_or_else(|| Arc::new(Duplicates::new(window)));
        let outlets = destinations.iter().map(|destination| {
            let guard = settings.guard.then(|| guard(destination, settings, window, &own, &duplicates)).flatten();
            Arc::new(Outlet::new(destination, Lane::new(settings.queue, listen.drop_policy), guard))
        });
        let common = Arc::new(Common {
            mode: settings.mode.clone(),
            profiles,
            replays: inbox.replays(),
            outlets: outlets.collect(),
            duplicates,
            published: (0..listen.workers.max(1)).map(|_| Mutex::default()).collect(),
            losses: Mutex::default(),
            tell,
        });
        let mut relay =
            Self { stopper: inbox.stopper(), common, listening, lead: None, outlets: Vec::new(), guarding: None };
        relay.spawn(inbox, destinations, &own).map_err(RelayError::Start)?;
        Ok(relay)
    }

    /// Starts the threads. Should one not start, the others end with the relay.
    fn spawn(&mut self, inbox: Inbox, destinations: Vec<Destination>, own: &Arc<Own>) -> io::Result<()> {
        if self.common.guards().next().is_some() {
            let troubles = open_guards(&self.common);
            let (life, end) = UnixStream::pair()?;
            let common = Arc::clone(&self.common);
            let thread = thread::Builder::new().name("guards".into());
            self.guarding = Some((life, thread.spawn(move || watch_guards(&common, &end, troubles))?));
        }
        for (number, destination) in destinations.into_iter().enumerate() {
            let Some(outlet) = self.common.outlets.get(number).map(Arc::clone) else { continue };
            let own = Arc::clone(own);
            let thread = thread::Builder::new().name("outlet".into());
            self.outlets.push(thread.spawn(move || outlet.run(destination, number, &own))?);
        }
        let common = Arc::clone(&self.common);
        self.lead = Some(thread::Builder::new().name("relay".into()).spawn(move || lead(inbox, &common))?);
        Ok(())
    }

    /// What is listened on, for people: addresses, interfaces and the size of the receive buffer.
    #[must_use]
    pub fn listening(&self) -> &str {
        &self.listening
    }

    /// What has happened so far. Losses may be half a second old.
    #[must_use]
    pub fn report(&self) -> Report {
        self.common.report()
    }

    /// Sends on what has arrived until now, ends, and tells what has happened. Destinations get some seconds for what waits for
    /// them.
    #[must_use]
    pub fn stop(mut self) -> Report {
        self.end();
        self.common.report()
    }

    fn end(&mut self) {
        self.stopper.stop();
        // A thread that has panicked has said so.
        let _ = self.lead.take().map(JoinHandle::join);
        self.common.outlets.iter().for_each(|outlet| outlet.lane.close());
        let deadline = Instant::now() + LAST_CALL;
        for outlet in &self.common.outlets {
            if !outlet.lane.wait_for_end(deadline.saturating_duration_since(Instant::now())) {
                outlet.lane.end();
            }
        }
        for outlet in self.outlets.drain(..) {
            let _ = outlet.join();
        }
        if let Some((life, thread)) = self.guarding.take() {
            drop(life);
            let _ = thread.join();
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.end();
    }
}

/// Prepares to send to every server.
fn destinations(settings: &Settings, tell: &Tell) -> Result<Vec<Destination>, RelayError> {
    if settings.servers.is_empty() {
        return Err(RelayError::NoServer);
    }
    let open = |server: &Server| {
        if matches!(settings.mode, Mode::Raw) && server.level != Level::None {
            return Err(RelayError::SealedRaw(server.to_string()));
        }
        let tell = Arc::clone(tell);
        let destination = Destination::open(server).map_err(RelayError::Send)?;
        Ok(destination.tell(move |notice| tell(News::Sending(notice))))
    };
    settings.servers.iter().map(open).collect()
}

/// How packets of a profile are opened.
fn opened(profile: &Profile, settings: &Settings) -> Result<(Option<Users>, SecurityLevel), RelayError> {
    let level = profile.security_level.unwrap_or(settings.security_level);
    let path = profile.auth_file.as_ref().or(settings.auth_file.as_ref());
    let open = |path: &PathBuf| Users::open(path).map_err(|error| RelayError::AuthFile(path.clone(), error));
    let users = path.map(open).transpose()?;
    if users.is_none() && level != SecurityLevel::None {
        return Err(RelayError::NoPasswords);
    }
    Ok((users, level))
}

/// What listens to the group that a destination is, if it is one.
fn guard(
    destination: &Destination,
    settings: &Settings,
    window: Duration,
    own: &Arc<Own>,
    duplicates: &Arc<Duplicates>,
) -> Option<Guard> {
    let keys = matches!(settings.mode, Mode::Repacked(_)).then(|| Keys {
        level: match destination.server().level {
            Level::None => SecurityLevel::None,
            Level::Sign => SecurityLevel::Sign,
            Level::Encrypt | Level::EncryptAndSign => SecurityLevel::Encrypt,
        },
        // Read before, so it can be read; else packets that need it stay closed here.
        users: settings.auth_file.as_ref().and_then(|path| Users::open(path).ok()),
        own: destination.credentials().map(|(user, key)| (user.to_owned(), key.clone())),
    });
    Guard::new(&destination.server().address, keys, window, Arc::clone(own), Arc::clone(duplicates))
}
