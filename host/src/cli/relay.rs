//! `collectd-tap relay`: what is heard is sent on.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

#[cfg(feature = "config")]
use super::check::Finding;
use super::listen::Ends;
use super::listening::{self, Listening, packet_size, size};
use super::printing::{Only, Opening, filter};
use super::{Exit, Failure, duration, say, servers, talk, warn};
use crate::Selection;
use crate::relay::{Hosts, Mode, Relay as Running, RelayError, Rename, Repacking, Settings};
use crate::send::{Level, Server};

/// How soon it is looked whether something has arrived.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Debug, clap::Args)]
pub(super) struct Relay {
    /// Send to this group or address; may be repeated. Options: username=NAME, password-file=FILE or auth-file=FILE,
    /// security-level=none, sign, encrypt or encrypt-and-sign, ttl=N (of a group 1 if it is not said), interface=NAME,
    /// bind-address=ADDRESS, resolve-interval=TIME
    #[arg(short = 'S', long, value_name = "HOST[:PORT][%IFACE][,OPTION=VALUE]...", required = true)]
    server: Vec<Server>,
    #[command(flatten)]
    listening: Listening,
    #[command(flatten)]
    opening: Opening,
    /// Relay only the items that fit: 'host =~ "^web" and value > 5', or a pattern of identifiers such as 'web*/cpu-*'
    #[arg(short, long, value_name = "EXPRESSION", value_parser = filter, allow_hyphen_values = true)]
    filter: Option<Arc<Selection>>,
    /// Relay only value lists, or only notifications
    #[arg(long, value_name = "KIND")]
    only: Option<Only>,
    /// Put this before the name of every host
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    prefix_host: Option<String>,
    /// Call a host otherwise: FROM is the whole name or a pattern of it, and a * in TO what the * in FROM stands for,
    /// '*.example.net=*'; may be repeated, the first that fits counts
    #[arg(long, value_name = "FROM=TO")]
    rename: Vec<Rename>,
    /// Open packets, and pack their items anew, even if nothing else asks for that
    #[arg(long, conflicts_with = "raw")]
    repack: bool,
    /// Pass packets on as they are; what cannot be done to them is an error, instead of a reason to pack anew
    #[arg(long)]
    raw: bool,
    /// Octets of a packet that is packed anew, 1024 to 65535
    #[arg(long, value_name = "SIZE", value_parser = packed_size)]
    packet_size: Option<usize>,
    /// How long an item waits for others to share its packet
    #[arg(long, value_name = "TIME", value_parser = duration)]
    max_age: Option<Duration>,
    /// Octets of memory for packets that wait for one server
    #[arg(long, value_name = "SIZE", default_value = "16M", value_parser = size)]
    send_queue: usize,
    /// Do not listen to the groups that are sent to. What others have sent there is then sent there again
    #[arg(long)]
    unguarded: bool,
    #[command(flatten)]
    ends: Ends,
}

#[cfg(feature = "config")]
impl Relay {
    /// What is wrong with these settings on this machine.
    pub(super) fn check(&self) -> Vec<Finding> {
        let mut findings = self.listening.check(&self.opening);
        findings.extend(servers::check(&self.server));
        findings
    }
}

impl Relay {
    /// Which settings ask for packets to be packed anew.
    fn reasons(&self) -> Vec<&'static str> {
        let reasons = [
            (self.repack, "--repack"),
            (self.filter.is_some(), "--filter"),
            (self.only.is_some(), "--only"),
            (self.prefix_host.is_some(), "--prefix-host"),
            (!self.rename.is_empty(), "--rename"),
            (self.packet_size.is_some(), "--packet-size"),
            (self.max_age.is_some(), "--max-age"),
            (self.server.iter().any(|server| server.level != Level::None), "the security-level of a server"),
        ];
        reasons.into_iter().filter(|(asked, _)| *asked).map(|(_, reason)| reason).collect()
    }

    fn mode(&self) -> Result<Mode, Failure> {
        let reasons = self.reasons();
        if reasons.is_empty() {
            return Ok(Mode::Raw);
        }
        let reasons = reasons.join(", ");
        if self.raw {
            return Err(Failure::Usage(format!("packets cannot stay as they are (--raw) with {reasons}")));
        }
        say(format_args!("packing items anew, because of {reasons}"));
        let default = Repacking::default();
        Ok(Mode::Repacked(Repacking {
            selection: self.filter.clone(),
            values: self.only != Some(Only::Notifications),
            notifications: self.only != Some(Only::Values),
            hosts: Hosts { prefix: self.prefix_host.clone().unwrap_or_default(), renames: self.rename.clone() },
            packet_size: self.packet_size.unwrap_or(default.packet_size),
            max_age: self.max_age.unwrap_or(default.max_age),
        }))
    }

    fn settings(&self) -> Result<Settings, Failure> {
        Ok(Settings {
            listen: self.listening.settings(false),
            auth_file: self.opening.auth_file.clone(),
            security_level: self.opening.security_level,
            servers: self.server.clone(),
            mode: self.mode()?,
            queue: self.send_queue,
            guard: !self.unguarded,
        })
    }
}

pub(super) fn run(arguments: &Relay) -> Result<Exit, Failure> {
    let settings = arguments.settings()?;
    servers::note_exposed(&settings.servers);
    let wakes = wakes().map_err(|error| Failure::Runtime(format!("cannot catch signals: {error}")))?;
    let relay = Running::start(&settings, |news| {
        if news.is_trouble() { warn(format_args!("{news}")) } else { say(format_args!("{news}")) }
    });
    let relay = relay.map_err(|error| match error {
        RelayError::Listen(error) => listening::failure(&error),
        error if error.is_usage() => Failure::Usage(error.to_string()),
        error => Failure::Runtime(error.to_string()),
    })?;
    let servers: Vec<_> = settings.servers.iter().map(ToString::to_string).collect();
    say(format_args!("listening on {}, sending to {}", relay.listening(), servers.join(" and ")));
    let timed_out = wait(&relay, &wakes, &arguments.ends);
    let report = relay.stop();
    talk::catch_up();
    report.to_string().lines().for_each(|line| talk::tell(format_args!("{line}")));
    let nothing = timed_out && report.tally.counters.packets == 0;
    Ok(if nothing { Exit::Nothing } else { Exit::Done })
}

/// What a signal asks for.
enum Signal {
    Stop,
    Report,
}

/// Tells of signals. The second one that asks for the end brings it about.
fn wakes() -> io::Result<mpsc::Receiver<Signal>> {
    let (sender, receiver) = mpsc::channel();
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGUSR1])?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        let mut stopping = false;
        for signal in signals.forever() {
            // Nobody waits for them any more when it ends anyway.
            let _ = match signal {
                SIGUSR1 => sender.send(Signal::Report),
                _ if stopping => {
                    let _ = emulate_default_handler(signal);
                    return;
                }
                _ => sender.send(Signal::Stop),
            };
            stopping |= signal != SIGUSR1;
        }
    })?;
    Ok(receiver)
}

/// Waits for the end, and reports when asked to; whether the time was up.
fn wait(relay: &Running, wakes: &mpsc::Receiver<Signal>, ends: &Ends) -> bool {
    let start = Instant::now();
    let end = ends.total.and_then(|total| start.checked_add(total));
    let mut idle = ends.idle_timeout.map(|timeout| (timeout, start, 0));
    loop {
        let now = Instant::now();
        if let Some((_, since, seen)) = &mut idle {
            let packets = relay.report().tally.counters.packets;
            if packets != *seen {
                (*since, *seen) = (now, packets);
            }
        }
        let idle_end = idle.and_then(|(timeout, since, _)| since.checked_add(timeout));
        let until = [end, idle_end].into_iter().flatten().min();
        if until.is_some_and(|until| until <= now) {
            return true;
        }
        let left = until.map(|until| until.saturating_duration_since(now));
        let left = if idle.is_some() { left.map(|left| left.min(LOOK)) } else { left };
        let woken = match left {
            Some(left) => wakes.recv_timeout(left),
            None => wakes.recv().map_err(RecvTimeoutError::from),
        };
        match woken {
            Ok(Signal::Report) => {
                relay.report().to_string().lines().for_each(|line| talk::tell(format_args!("{line}")));
            }
            Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn packed_size(text: &str) -> Result<usize, String> {
    match packet_size(text)? {
        octets @ 1024..=65_535 => Ok(octets),
        _ => Err("packets that are packed anew have from 1024 to 65535 octets".into()),
    }
}
