//! `collectd-tap doctor`: why is nothing received?

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use collectd_net::SecurityLevel;

use super::listening::Listening;
use super::look::{Color, read_types};
use super::output::Count;
use super::printing::Opening;
use super::{Exit, Failure, duration, passwords, say, stop};
use crate::doctor::{Finding, Severity, Watch, examine};
use crate::listen::{Endpoint, Inbox, Listener, Profile, Settings, Wake};
use crate::types_db::TypesDb;
use crate::users::Users;

/// How often interfaces are looked at while nothing arrives at the sockets.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Debug, clap::Args)]
pub(super) struct Doctor {
    /// Listen for this time (10s, 5m) after this machine has been looked at
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "15s")]
    duration: Duration,
    /// Print an object for each finding
    #[arg(long)]
    json: bool,
    /// Exit with 4 for a warning, too
    #[arg(long)]
    strict: bool,
    /// Whether findings have colours; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Color::Auto, hide_default_value = true)]
    color: Color,
    /// Types that are known, besides those of this machine's collectd; may be repeated
    #[arg(long, value_name = "FILE")]
    types_db: Vec<PathBuf>,
    #[command(flatten)]
    listening: Listening,
    #[command(flatten)]
    opening: Opening,
}

#[cfg(feature = "config")]
impl Doctor {
    /// What is wrong with these settings on this machine.
    pub(super) fn check(&self) -> Vec<super::check::Finding> {
        self.listening.check(&self.opening)
    }
}

pub(super) fn run(arguments: &Doctor) -> Result<Exit, Failure> {
    // What is left out as heard before would look as if it was lost.
    let settings = Settings { dedup: None, ..arguments.listening.settings(true) };
    let types = read_types(&arguments.types_db)?;
    // What is wrong with a file is a matter of the command line, and comes first.
    let mut profiles: Vec<Profile> = Vec::new();
    for Endpoint { profile, .. } in settings.wanted_endpoints() {
        if !profiles.contains(&profile) {
            profiles.push(profile);
        }
    }
    let opened = arguments.opening.open_all(None, &profiles)?;
    let profiles: Vec<_> = profiles.into_iter().zip(opened).collect();

    let mut report =
        Report { json: arguments.json, color: arguments.color.is_wanted(), counts: [0; 4], written: Ok(()) };
    let usable = examine(&settings, &mut |finding| report.tell(&finding));
    let machine_fails = report.count(Severity::Failure) > 0;
    let mut nothing = true;
    if !usable.endpoints.is_empty() {
        nothing = listen(arguments, &usable, &profiles, types, &mut report)? == 0;
    }
    if !nothing && report.count(Severity::Failure) + report.count(Severity::Warning) == 0 {
        report.tell(&Finding::healthy());
    }
    report.written?;
    let [okay, notes, warnings, failures] = report.counts;
    let count = |number, what| Count(number, what);
    let (failed, warned, noted) = (count(failures, "failure"), count(warnings, "warning"), count(notes, "note"));
    say(format_args!("{failed}, {warned}, {noted}, {okay} okay"));
    Ok(match () {
        () if machine_fails => Exit::Failed,
        () if nothing => Exit::Nothing,
        () if failures > 0 || arguments.strict && warnings > 0 => Exit::Rejected,
        () => Exit::Done,
    })
}

/// Listens, and tells what that shows; how many packets came.
fn listen(
    arguments: &Doctor,
    settings: &Settings,
    known: &[(Profile, (Option<Users>, SecurityLevel))],
    types: TypesDb,
    report: &mut Report,
) -> Result<u64, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::Runtime(format!("cannot listen: {error}"));
    let listener = Listener::open(settings).map_err(|error| failed(&error))?;
    let opened = |profile: &Profile| known.iter().find(|(other, _)| other == profile).map(|(_, opened)| opened.clone());
    let mut profiles: Vec<_> = listener.profiles().iter().filter_map(opened).collect();
    let bound: Vec<_> = listener.addresses().collect();
    let listening = listener.to_string();
    let mut inbox = listener.start().map_err(|error| failed(&error))?;
    stop::on_signal(inbox.stopper()).map_err(|error| Failure::Runtime(format!("cannot catch signals: {error}")))?;
    let replays = inbox.replays();
    let mut watch = Watch::begin(settings, &bound, types);
    say(format_args!("listening on {listening}, for {} s", arguments.duration.as_secs_f64()));

    // A time that the clock cannot hold never comes.
    let end = Instant::now().checked_add(arguments.duration);
    let mut open = |inbox: &mut Inbox, watch: &mut Watch| {
        let share = inbox.share();
        if let Some((users, level)) = profiles.get_mut(share.profile()) {
            passwords::refresh(users);
            while let Some(packet) = share.pop() {
                watch.packet(packet, users.as_ref(), *level, replays.as_deref());
            }
        }
    };
    loop {
        watch.look();
        let left = end.map_or(LOOK, |end| end.saturating_duration_since(Instant::now()));
        match inbox.wait(Some(left.min(LOOK))) {
            Wake::Arrived => open(&mut inbox, &mut watch),
            Wake::Timeout if left.is_zero() => break,
            Wake::Timeout => {}
            Wake::Stopped => break,
        }
        if left.is_zero() {
            break;
        }
    }
    watch.last_look();
    // What has reached the interfaces until now has reached the sockets, too.
    inbox.stop();
    while inbox.wait(None) == Wake::Arrived {
        open(&mut inbox, &mut watch);
    }
    let packets = watch.packets();
    watch.end(&inbox.losses(), &mut |finding| report.tell(&finding));
    Ok(packets)
}

/// Prints findings as they come, and counts them.
struct Report {
    json: bool,
    color: bool,
    /// Of each severity.
    counts: [u64; 4],
    /// The first failure to print.
    written: Result<(), Failure>,
}

impl Report {
    fn tell(&mut self, finding: &Finding) {
        if let Some(count) = self.counts.get_mut(finding.severity as usize) {
            *count += 1;
        }
        let mut text = String::new();
        if self.json {
            finding.json(&mut text);
        } else {
            finding.text(self.color, &mut text);
        }
        if self.written.is_ok() {
            let mut stdout = io::stdout().lock();
            self.written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Failure::Output);
        }
    }

    fn count(&self, severity: Severity) -> u64 {
        self.counts.get(severity as usize).copied().unwrap_or_default()
    }
}
