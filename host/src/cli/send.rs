//! `collectd-tap send`: commands on standard input, or an item of flags, become packets.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use collectd_net::{Interval, Item, PACKET_SIZE, Time};

use super::answers::Answers;
use super::dry_run::DryRun;
use super::lines::{Input, Next};
use super::look::Typed;
use super::output::Count;
use super::printing::Formats;
use super::single::Single;
use super::{Exit, Failure, duration, say, servers, talk, talk::tell, warn};
use crate::send::{Counts, MAX_AGE, Notice, Sender, Server, Settings, TooLong};
use crate::sink::Format;
use crate::types_db::TypesDb;
use collectd_tap_stream::command::{DataSetHint, Done, Reader, Refused, built_in};

/// How long a name gets at the end that has no address yet.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub(super) struct Send {
    #[command(flatten)]
    typed: Typed,
    /// Send to this group or address, instead of collectd's two groups; may be repeated. Options: username=NAME,
    /// password-file=FILE or auth-file=FILE, security-level=none, sign, encrypt or encrypt-and-sign, ttl=N, interface=NAME,
    /// bind-address=ADDRESS, resolve-interval=TIME
    #[arg(short = 'S', long, value_name = "HOST[:PORT][%IFACE][,OPTION=VALUE]...")]
    server: Vec<Server>,
    /// Octets of a packet at the most: what the receivers take, 1024 to 65535
    #[arg(long, value_name = "OCTETS", default_value_t = PACKET_SIZE as u32)]
    #[arg(value_parser = clap::value_parser!(u32).range(1024..=65_535))]
    packet_size: u32,
    /// Send a packet that is not full after this time
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1s")]
    max_age: Duration,
    /// The interval of value lists that do not say theirs
    #[arg(long, value_name = "TIME", value_parser = interval)]
    interval: Option<Interval>,
    /// Kinds of values by their types, besides those of this machine's collectd; may be repeated
    #[arg(long, value_name = "FILE")]
    types_db: Vec<PathBuf>,
    /// The kinds of a type's values, such as load=gauge,gauge,gauge; may be repeated
    #[arg(long, value_name = "TYPE=KIND,...")]
    data_set: Vec<DataSetHint>,
    /// Print what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// How to print it, as of decode: blog, long, json, putval, raw (a line for each packet) ...
    #[arg(short = 'o', long, value_name = "FORMAT", default_value = "blog", hide_default_value = true)]
    #[arg(value_parser = Formats, hide_possible_values = true)]
    format: Format,
    /// Do not answer commands on standard output
    #[arg(long)]
    no_answers: bool,
    #[command(flatten)]
    single: Single,
}

#[cfg(feature = "config")]
impl Send {
    /// What is wrong with these settings on this machine.
    pub(super) fn check(&self) -> Vec<super::check::Finding> {
        servers::check(&self.server)
    }
}

pub(super) fn interval(text: &str) -> Result<Interval, String> {
    let interval = Interval::try_from(duration(text)?).map_err(|error| error.to_string())?;
    if interval.raw() > 0 { Ok(interval) } else { Err("an interval is longer than nothing".into()) }
}

pub(super) fn run(arguments: &Send) -> Result<Exit, Failure> {
    if arguments.typed.has("format") && !arguments.dry_run {
        return Err(Failure::Usage("--format says how --dry-run prints; nothing is printed without that".into()));
    }
    let types = arguments.types()?;
    let mut way = Way::open(arguments, &types)?;
    let mut tally = Tally::default();
    let answers = Answers::start(!arguments.no_answers && !arguments.dry_run);
    let mut answers = answers.map_err(|error| Failure::Runtime(format!("cannot start to answer: {error}")))?;
    let outcome = match &arguments.single.item(arguments.interval, &types)? {
        Some(item) => {
            let sent = way.push(&item.item(), Instant::now());
            sent.map(|()| tally.note(&item.item())).map_err(|error| Failure::Usage(format!("the item is {error}")))
        }
        None => Run { arguments, way: &mut way, tally: &mut tally, answers: &mut answers }.lines(types),
    };
    // Whatever ended it: what was taken is sent.
    let ended = way.finish(&tally, arguments);
    answers.finish();
    outcome?;
    let exit = ended?;
    Ok(if exit == Exit::Done && tally.refused > 0 { Exit::Rejected } else { exit })
}

impl Send {
    /// The kinds of values by their types.
    fn types(&self) -> Result<TypesDb, Failure> {
        let mut types = super::look::read_types(&self.types_db)?;
        if types.is_empty() {
            types = built_in();
        }
        self.data_set.iter().for_each(|hint| hint.add_to(&mut types));
        Ok(types)
    }

    fn settings(&self) -> Settings {
        Settings {
            servers: self.server.clone(),
            max_packet_size: usize::try_from(self.packet_size).unwrap_or(PACKET_SIZE),
            max_age: self.max_age,
        }
    }
}

/// What was taken and what was not.
#[derive(Debug, Default)]
struct Tally {
    value_lists: u64,
    notifications: u64,
    refused: u64,
}

impl Tally {
    fn note(&mut self, item: &Item<'_>) {
        match item {
            Item::ValueList(_) => self.value_lists += 1,
            Item::Notification(_) => self.notifications += 1,
        }
    }
}

/// Where items go: to servers, or to standard output.
enum Way {
    Servers(Box<Sender>),
    Print(Box<DryRun>),
}

impl Way {
    fn open(arguments: &Send, types: &TypesDb) -> Result<Self, Failure> {
        if arguments.dry_run {
            return Ok(Self::Print(Box::new(DryRun::new(&arguments.settings(), &arguments.format, types.clone()))));
        }
        let settings = arguments.settings();
        let sender = Sender::open(&settings, |notice| match notice {
            Notice::Failing { .. } => warn(format_args!("{notice}")),
            _ => say(format_args!("{notice}")),
        });
        let sender = sender.map_err(|error| servers::failure(&error))?;
        servers::note_exposed(&settings.servers);
        Ok(Self::Servers(Box::new(sender)))
    }

    fn push(&mut self, item: &Item<'_>, now: Instant) -> Result<(), TooLong> {
        match self {
            Self::Servers(sender) => sender.push(item, now),
            Self::Print(print) => print.push(item, now),
        }
    }

    /// When something is to be sent that waits.
    fn due(&self, now: Instant) -> Option<Instant> {
        match self {
            Self::Servers(sender) => sender.due(now),
            Self::Print(print) => print.due(),
        }
    }

    fn tick(&mut self, now: Instant) -> Result<(), Failure> {
        match self {
            Self::Servers(sender) => sender.tick(now),
            Self::Print(print) => print.flush(Some(now))?,
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        match self {
            Self::Servers(sender) => sender.flush(),
            Self::Print(print) => print.flush(None)?,
        }
        Ok(())
    }

    /// Sends the rest, says what there was, and how that went.
    fn finish(&mut self, tally: &Tally, arguments: &Send) -> Result<Exit, Failure> {
        let sender = match self {
            Self::Print(print) => {
                print.end()?;
                return Ok(Exit::Done);
            }
            Self::Servers(sender) => sender,
        };
        sender.finish(PATIENCE);
        talk::catch_up();
        let mut said = format!(
            "{} and {}, {} refused",
            Count(tally.value_lists, "value list"),
            Count(tally.notifications, "notification"),
            Count(tally.refused, "line")
        );
        for (server, counts) in sender.counts() {
            said += &format!("; {server}: {}", sent(&counts));
        }
        tell(format_args!("{said}"));
        let all: Vec<Counts> = sender.counts().map(|(_, counts)| counts).collect();
        // Of the default groups one is enough: many machines have one of the protocols only.
        let is_well = match arguments.server.len() {
            0 => all.iter().any(|counts| counts.lost() == 0),
            _ => all.iter().all(|counts| counts.lost() == 0),
        };
        Ok(if is_well { Exit::Done } else { Exit::Failed })
    }
}

/// What was sent to a server, and what was not.
fn sent(counts: &Counts) -> String {
    let mut text = format!("{} of {} sent", Count(counts.packets, "packet"), Count(counts.octets, "octet"));
    if counts.failed_packets > 0 {
        let items = Count(counts.failed_items, "item");
        text += &format!(", {} with {items} not sent", Count(counts.failed_packets, "packet"));
    }
    if counts.unreachable > 0 {
        text += &format!(", {} reported as not arrived", counts.unreachable);
    }
    text
}

/// Commands from standard input, one after the other.
struct Run<'a> {
    arguments: &'a Send,
    way: &'a mut Way,
    tally: &'a mut Tally,
    answers: &'a mut Answers,
}

impl Run<'_> {
    fn lines(mut self, types: TypesDb) -> Result<(), Failure> {
        let mut reader = Reader::new(types, self.arguments.interval);
        let unreadable = |error| Failure::Runtime(format!("cannot read standard input: {error}"));
        let mut input = Input::open().map_err(unreadable)?;
        let mut number = 0_u64;
        loop {
            let now = Instant::now();
            while let Some(line) = input.line() {
                number += 1;
                match line {
                    Ok(line) => self.line(&mut reader, line, number, now)?,
                    Err(length) => {
                        self.refuse(&format!("-1 Line too long. It has more than {length} octets."));
                        warn(format_args!("line {number} is left out: it has more than {length} octets"));
                    }
                }
            }
            self.answers.flush();
            self.way.tick(Instant::now())?;
            let now = Instant::now();
            let left = self.way.due(now).map(|due| due.saturating_duration_since(now));
            match input.wait(left).map_err(unreadable)? {
                Next::More => {}
                Next::End => break,
            }
        }
        Ok(())
    }

    fn line(&mut self, reader: &mut Reader, line: &[u8], number: u64, now: Instant) -> Result<(), Failure> {
        let Self { way, tally, .. } = self;
        let outcome = reader.read(line, &wall_clock, &mut |item| {
            way.push(item, now)?;
            tally.note(item);
            Ok(())
        });
        match outcome {
            Ok(Done::Nothing) => {}
            Ok(Done::ValueLists(1)) => self.answers.add("0 Success: 1 value has been dispatched."),
            Ok(Done::ValueLists(count)) if self.answers.are_wanted() => {
                self.answers.add(&format!("0 Success: {count} values have been dispatched."));
            }
            Ok(Done::ValueLists(_)) => {}
            Ok(Done::Notification) => self.answers.add("0 Success"),
            Ok(Done::Flush) => {
                self.way.flush()?;
                self.answers.add("0 Done: 1 successful, 0 errors");
            }
            Err(refused) => self.refuse_line(&refused, line, number),
        }
        Ok(())
    }

    fn refuse_line(&mut self, refused: &Refused, line: &[u8], number: u64) {
        self.refuse(&refused.answer(line));
        warn(format_args!("line {number}, {}", refused.complaint(line)));
    }

    fn refuse(&mut self, answer: &str) {
        self.tally.refused += 1;
        self.answers.add(answer);
    }
}

/// The time of day, for values that are of now.
pub(super) fn wall_clock() -> Time {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::try_from(now).unwrap_or_default()
}

const _: () = assert!(MAX_AGE.as_secs() == 1, "the default of --max-age");
