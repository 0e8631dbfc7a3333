//! `collectd-tap generate`: the packets of a made-up fleet, and what a receiver has to get of them.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::builder::PossibleValuesParser;
use collectd_net::{Decoder, Interval, Item, Kind, PACKET_SIZE, Time};

use super::output::Count;
use super::progress::Progress;
use super::send::{interval, wall_clock};
use super::{Exit, Failure, duration, replay, say, servers, single, stop, talk};
use crate::generate::{Damage, Generator, Packet, Plan};
use crate::replay::Pace;
use crate::send::{Destination, MAX_AGE, Server};
use crate::sink::{Entry, Format, Look, Origin, Sink};
use crate::sources::{Dictionary, Sources};

/// How long a name may take to be resolved, at the end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to sleep at the most before it is asked whether to go on.
const NAP: Duration = Duration::from_millis(100);
/// What is due so soon is sent at once, so that packets leave in batches.
const SOON: Duration = Duration::from_millis(1);
/// Octets of text that are kept back until they are printed.
const KEPT_BACK: usize = 1 << 16;

#[derive(Debug, clap::Args)]
pub(super) struct Generate {
    /// Send to this group or address, instead of collectd's two groups; may be repeated. Options as of send
    #[arg(short = 'S', long, value_name = "HOST[:PORT][%IFACE][,OPTION=VALUE]...")]
    server: Vec<Server>,
    /// How many hosts there are
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    hosts: u64,
    /// How many series each host has
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    plugins: u64,
    /// How often each series has a value; 10 s if nothing says otherwise
    #[arg(long, value_name = "TIME", value_parser = interval)]
    interval: Option<Interval>,
    /// Send so many items a second (1000/s), whatever the interval is, or max
    #[arg(long, value_name = "VALUE-LISTS/s", value_parser = replay::rate)]
    list_rate: Option<Pace>,
    /// Kinds of values: gauge, counter, derive, absolute
    #[arg(long, value_name = "KIND,...", value_delimiter = ',', default_values = ["gauge", "counter", "derive", "absolute"])]
    #[arg(value_parser = kind)]
    kinds: Vec<Kind>,
    /// This share of the items are notifications (0.05, 5%)
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0")]
    notifications: f64,
    /// Damage this share of the packets (0.05, 5%)
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0")]
    damaged: f64,
    /// The same number makes the same items and the same damage
    #[arg(long, value_name = "N", default_value = "0")]
    seed: u64,
    /// The time of the first item in seconds since 1970, if it is not now
    #[arg(long, value_name = "SECONDS", value_parser = single::time)]
    start: Option<Time>,
    /// End after this many items: value lists and notifications
    #[arg(short, long, value_name = "N")]
    count: Option<u64>,
    /// End after this time
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    lasts: Option<Duration>,
    /// Octets of a packet at the most: what the receivers take, 1024 to 65535
    #[arg(long, value_name = "OCTETS", default_value_t = PACKET_SIZE as u32)]
    #[arg(value_parser = clap::value_parser!(u32).range(1024..=65_535))]
    packet_size: u32,
    /// Send a packet that is not full after this time
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1s")]
    max_age: Duration,
    /// Print what a receiver has to get, as of listen: exact (a line for each packet) or json
    #[arg(long, value_name = "FORMAT")]
    #[arg(value_parser = PossibleValuesParser::new(["exact", "json"]), hide_possible_values = true)]
    report: Option<String>,
}

#[cfg(feature = "config")]
impl Generate {
    /// What is wrong with these settings on this machine.
    pub(super) fn check(&self) -> Vec<super::check::Finding> {
        servers::check(&self.server)
    }
}

pub(super) fn run(arguments: &Generate) -> Result<Exit, Failure> {
    let destinations = servers::open(&arguments.server)?;
    let stopped = stop::flag()?;
    let mut run = Run {
        generator: Generator::new(arguments.plan(&destinations)),
        destinations,
        report: arguments.report.as_deref().map(Report::new).transpose()?,
        stopped,
        start: Instant::now(),
        progress: arguments.count.map_or_else(Progress::spinner, Progress::bar),
    };
    // Without a pace it is the clock that tells when it is over.
    let lasts = arguments.lasts.filter(|_| arguments.list_rate == Some(Pace::Unlimited));
    let outcome = run.all(lasts);
    run.end(outcome, arguments.server.is_empty())
}

impl Generate {
    fn plan(&self, destinations: &[Destination]) -> Plan {
        Plan {
            seed: self.seed,
            hosts: self.hosts,
            plugins: self.plugins,
            kinds: self.kinds.clone(),
            interval: self.interval.map(Duration::from),
            pace: self.list_rate,
            notifications: self.notifications,
            damaged: self.damaged,
            sealed: destinations.iter().all(|destination| destination.seal_room() > 0),
            start: self.start.unwrap_or_else(wall_clock),
            items: self.count,
            lasts: self.lasts,
            max_packet_size: usize::try_from(self.packet_size).unwrap_or(PACKET_SIZE),
            max_age: self.max_age,
            seal_room: destinations.iter().map(Destination::seal_room).max().unwrap_or_default(),
        }
    }
}

struct Run {
    generator: Generator,
    destinations: Vec<Destination>,
    report: Option<Report>,
    stopped: Arc<AtomicBool>,
    start: Instant,
    progress: Progress,
}

impl Run {
    /// Sends everything when it is due; the clock ends it after `lasts`.
    fn all(&mut self, lasts: Option<Duration>) -> Result<(), Failure> {
        let mut steps = 0_u64;
        while let Some(due) = self.generator.due() {
            steps += 1;
            let is_over = lasts.is_some_and(|lasts| self.start.elapsed() >= lasts);
            if is_over || !self.wait(due, steps)? {
                break;
            }
            let Self { generator, destinations, report, .. } = self;
            let stepped = generator.step(|packet| send(&packet, destinations, report.as_mut()));
            stepped.map_err(|error| Failure::Runtime(format!("an item is {error}")))?;
            if report.as_ref().is_some_and(|report| report.text.len() >= KEPT_BACK) {
                self.print()?;
            }
        }
        Ok(())
    }

    /// Waits until something is due; whether to go on.
    fn wait(&mut self, due: Duration, steps: u64) -> Result<bool, Failure> {
        let mut left = due.saturating_sub(self.start.elapsed());
        if left < SOON {
            if steps.is_multiple_of(1024) {
                self.show();
            }
            return Ok(!self.is_stopped());
        }
        // Nothing waits for a full batch while there is time.
        self.destinations.iter_mut().for_each(Destination::flush);
        self.print()?;
        while !left.is_zero() {
            self.show();
            thread::sleep(left.min(NAP));
            if self.is_stopped() {
                return Ok(false);
            }
            left = due.saturating_sub(self.start.elapsed());
        }
        Ok(true)
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn print(&mut self) -> Result<(), Failure> {
        let Some(report) = &mut self.report else { return Ok(()) };
        write_out(&report.text)?;
        report.text.clear();
        Ok(())
    }

    fn show(&self) {
        let failed: u64 = self.destinations.iter().map(|destination| destination.counts().lost()).sum();
        let counts = self.generator.counts();
        let items = counts.value_lists + counts.notifications + counts.lost_value_lists + counts.lost_notifications;
        self.progress.at(items, || format!("{} made, {failed} failed", Count(counts.packets, "packet")));
    }

    /// Sends what waits, whatever the outcome was so far, and tells what there was.
    fn end(mut self, outcome: Result<(), Failure>, to_groups: bool) -> Result<Exit, Failure> {
        let Self { generator, destinations, report, .. } = &mut self;
        generator.finish(|packet| send(&packet, destinations, report.as_mut()));
        self.destinations.iter_mut().for_each(|destination| destination.finish(PATIENCE));
        let took = self.start.elapsed();
        self.progress.clear();
        talk::catch_up();
        for destination in &self.destinations {
            let counts = destination.counts();
            say(format_args!(
                "{}: {} sent, {} octets, {} failed, {} reported as unreachable",
                destination.server(),
                Count(counts.packets, "packet"),
                counts.octets,
                counts.failed_packets,
                counts.unreachable
            ));
        }
        let counts = self.generator.counts();
        let (lists, notifications) = (counts.value_lists, counts.notifications);
        say(format_args!(
            "{} with {} and {} generated in {:.1} s, {} damaged",
            Count(counts.packets, "packet"),
            Count(lists + counts.lost_value_lists, "value list"),
            Count(notifications + counts.lost_notifications, "notification"),
            took.as_secs_f64(),
            counts.damaged.iter().sum::<u64>()
        ));
        outcome?;
        self.print()?;
        write_out(&self.summary())?;
        let mut lost = self.destinations.iter().map(|destination| destination.counts().lost());
        // Of the default groups one is enough: many machines have one of the protocols only.
        let is_well = if to_groups { lost.any(|lost| lost == 0) } else { lost.all(|lost| lost == 0) };
        Ok(if is_well { Exit::Done } else { Exit::Failed })
    }

    /// One JSON object.
    fn summary(&self) -> String {
        let counts = self.generator.counts();
        let mut text = String::new();
        // A `String` takes everything.
        _ = write!(
            text,
            r#"{{"kind":"generated","packets":{},"value_lists":{},"values":{},"notifications":{},"damaged":{{"#,
            counts.packets, counts.value_lists, counts.values, counts.notifications
        );
        let damaged: Vec<_> = Damage::ALL
            .into_iter()
            .zip(counts.damaged)
            .map(|(kind, count)| format!(r#""{}":{count}"#, kind.word()))
            .collect();
        _ = write!(
            text,
            r#"{}}},"lost":{{"value_lists":{},"notifications":{}}},"servers":["#,
            damaged.join(","),
            counts.lost_value_lists,
            counts.lost_notifications
        );
        for (place, destination) in self.destinations.iter().enumerate() {
            let sent = destination.counts();
            text.push_str(if place == 0 { r#"{"server":"# } else { r#",{"server":"# });
            crate::sink::json::string(destination.server().to_string().as_str().into(), &mut text);
            _ = write!(
                text,
                r#","packets":{},"octets":{},"failed_packets":{},"failed_items":{},"unreachable":{}}}"#,
                sent.packets, sent.octets, sent.failed_packets, sent.failed_items, sent.unreachable
            );
        }
        text.push_str("]}\n");
        text
    }
}

/// Sends a packet to each destination, damaged after it was sealed, and reports it.
fn send(packet: &Packet<'_>, destinations: &mut [Destination], report: Option<&mut Report>) {
    for destination in destinations {
        match packet.damage {
            None => destination.push(&packet.ready),
            Some((damage, number)) => destination.push_altered(&packet.ready, |octets| damage.apply(octets, number)),
        }
    }
    if let Some(report) = report {
        report.packet(packet);
    }
}

fn write_out(text: &str) -> Result<(), Failure> {
    if text.is_empty() {
        return Ok(());
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Failure::Output)
}

/// What a receiver has to get.
struct Report {
    sink: Box<dyn Sink>,
    dictionary: Dictionary,
    tells_names: bool,
    number: u64,
    text: String,
}

impl Report {
    fn new(format: &str) -> Result<Self, Failure> {
        let format = if format == "exact" { Format::Exact } else { Format::Json };
        Ok(Self {
            sink: format.sink(&Look::default()),
            dictionary: Dictionary::new(super::look::read_types(&[])?),
            tells_names: format.tells_names(),
            number: 0,
            text: String::new(),
        })
    }

    fn packet(&mut self, packet: &Packet<'_>) {
        self.number += 1;
        let origin = Origin { source: "generate", number: Some(self.number), from: None };
        if packet.damage.is_none_or(|(damage, _)| damage.is_harmless()) {
            for item in Decoder::new(packet.ready.octets()).flatten() {
                let sources = match &item {
                    Item::ValueList(list) if self.tells_names => self.dictionary.names(list),
                    Item::ValueList(list) => Sources::Numbered(list.values.len()),
                    Item::Notification(_) => Sources::Numbered(0),
                };
                self.sink.item(&Entry { item: &item, sources, origin: &origin }, &mut self.text);
            }
        }
        self.sink.packet_end(&origin, &mut self.text);
    }
}

fn kind(text: &str) -> Result<Kind, String> {
    let all = [Kind::Gauge, Kind::Counter, Kind::Derive, Kind::Absolute];
    let meant = all.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(text));
    meant.ok_or_else(|| "a kind is gauge, counter, derive or absolute".into())
}

/// `0.05`, `5%`.
fn share(text: &str) -> Result<f64, String> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse(),
    };
    let number = number.ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "a share is written as 0.05, or as 5%".into())
}

const _: () = assert!(MAX_AGE.as_secs() == 1, "the default of --max-age");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_numbers_up_to_one_or_percents() {
        for (text, expected) in [("0", 0.0), ("0.25", 0.25), ("25%", 0.25), ("100%", 1.0), ("1", 1.0)] {
            assert_eq!(share(text), Ok(expected), "{text}");
        }
        for text in ["", "%", "-1", "1.1", "101%", "nan", "inf", "5 %"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
