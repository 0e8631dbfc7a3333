//! `collectd-tap listen`, and `collectd-tap` alone.

use std::time::{Duration, Instant};

use collectd_net::{Counters, Packet, decrypt_together};

use super::output::{Count, Output, Summary};
use super::{Exit, Failure, Printing, duration, note, refresh, say, stop};
use crate::listen::{Address, Inbox, Listener, Settings, Wake};
use crate::sink::Origin;

/// How long to hear nothing before saying so.
const SILENCE: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(super) struct Listen {
    /// Listen here instead of on the default groups: a group is joined, another address bound; may be repeated
    #[arg(short = 'L', long, value_name = "HOST[:PORT][%IFACE]")]
    listen: Vec<Address>,
    /// Listen on this interface instead of on all; may be repeated
    #[arg(short, long, value_name = "NAME")]
    interface: Vec<String>,
    #[command(flatten)]
    pub(super) printing: Printing,
    #[command(flatten)]
    pub(super) limits: Limits,
}

/// When to end without being told.
#[derive(Debug, clap::Args)]
pub(super) struct Limits {
    /// End after this time (10s, 1m30s); exit with 3 if nothing arrived
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    total: Option<Duration>,
    /// End when nothing has arrived for this time; exit with 3 if nothing ever did
    #[arg(long, value_name = "TIME", value_parser = duration)]
    idle_timeout: Option<Duration>,
}

#[cfg(feature = "config")]
impl Listen {
    /// What is wrong with these settings on this machine.
    pub(super) fn check(&self) -> Vec<super::check::Finding> {
        use super::check::Finding;

        let mut findings = self.printing.check();
        findings.extend(self.interface.iter().filter_map(|name| Finding::unknown_interface("interface", name)));
        for address in &self.listen {
            let interface = address.interface.as_deref();
            findings.extend(interface.and_then(|name| Finding::unknown_interface("listen", name)));
            if let Err(error) = address.resolve() {
                findings.push(Finding::error("listen", format!("cannot resolve {address}: {error}")));
            }
        }
        findings
    }
}

pub(super) fn run(arguments: &Listen) -> Result<Exit, Failure> {
    let settings = Settings { addresses: arguments.listen.clone(), interfaces: arguments.interface.clone() };
    let listener = Listener::open(&settings).map_err(|error| {
        let message = error.to_string();
        if error.is_usage() { Failure::Usage(message) } else { Failure::Runtime(message) }
    })?;
    print_arriving(listener, &arguments.printing, &arguments.limits)
}

/// Prints what arrives until it is enough, or time, or somebody stops it.
pub(super) fn print_arriving(listener: Listener, printing: &Printing, limits: &Limits) -> Result<Exit, Failure> {
    let mut users = printing.users()?;
    let mut output = Output::new(printing);
    let mut counters = Counters::new();
    for error in listener.left_out() {
        note(format_args!("{error}"));
    }
    let listening = listener.to_string();
    let mut inbox = listener.start().map_err(|error| Failure::Runtime(format!("cannot start to listen: {error}")))?;
    stop::on_signal(inbox.stopper()).map_err(|error| Failure::Runtime(format!("cannot catch signals: {error}")))?;
    say(format_args!("listening on {listening}"));

    let mut clock = Clock::start(limits);
    let timed_out = loop {
        if output.is_done() {
            break false;
        }
        match wait(&mut inbox, &mut output, &mut clock)? {
            Wake::Arrived => {}
            Wake::Timeout => break true,
            Wake::Stopped => break false,
        }
        refresh(&mut users);
        let mut batch = inbox.pop_all();
        decrypt_together(&mut batch, users.as_ref());
        for packet in batch {
            if output.is_done() {
                break;
            }
            let from = packet.arrival.from;
            let mut packet = Packet::of_batch(packet, users.as_ref(), printing.security_level, (), &mut counters);
            let origin = Origin { source: "listen", number: Some(clock.count_packet()), from };
            output.print(&mut packet, &origin)?;
        }
    };
    output.flush()?;

    let losses = inbox.losses();
    let mut summary = format!("{}, {} dropped by the kernel", Summary(&counters), losses.kernel);
    if losses.queue > 0 {
        summary += &format!(", {} dropped because the output was too slow", losses.queue);
    }
    if losses.errors > 0 {
        summary += &format!(", {}", Count(losses.errors, "receive error"));
    }
    say(format_args!("{summary}"));
    Ok(match () {
        () if printing.strict && counters.refused() > 0 => Exit::Rejected,
        () if timed_out && counters.packets == 0 => Exit::Nothing,
        () => Exit::Done,
    })
}

/// Waits for packets. Before it really waits, everything that is kept back is printed.
fn wait(inbox: &mut Inbox, output: &mut Output<'_>, clock: &mut Clock) -> Result<Wake, Failure> {
    if clock.is_over() {
        return Ok(Wake::Timeout);
    }
    match inbox.wait(Some(Duration::ZERO)) {
        Wake::Timeout => output.flush()?,
        wake => {
            clock.note(wake);
            return Ok(wake);
        }
    }
    loop {
        let wake = inbox.wait(clock.remaining());
        clock.note(wake);
        if wake != Wake::Timeout || clock.is_over() {
            return Ok(wake);
        }
        clock.say_if_silent();
    }
}

/// Knows when to end, and when to say that nothing is heard.
struct Clock {
    start: Instant,
    last: Instant,
    end: Option<Instant>,
    idle_timeout: Option<Duration>,
    packets: u64,
    silence_said: bool,
}

impl Clock {
    fn start(limits: &Limits) -> Self {
        let start = Instant::now();
        Self {
            start,
            last: start,
            // A time that the clock cannot hold never comes.
            end: limits.total.and_then(|total| start.checked_add(total)),
            idle_timeout: limits.idle_timeout,
            packets: 0,
            silence_said: false,
        }
    }

    fn count_packet(&mut self) -> u64 {
        self.packets += 1;
        self.packets
    }

    fn note(&mut self, wake: Wake) {
        if wake == Wake::Arrived {
            self.last = Instant::now();
        }
    }

    fn ends(&self) -> Option<Instant> {
        let idle = self.idle_timeout.and_then(|timeout| self.last.checked_add(timeout));
        [self.end, idle].into_iter().flatten().min()
    }

    fn is_over(&self) -> bool {
        self.ends().is_some_and(|end| end <= Instant::now())
    }

    /// How long to wait for packets before something else is to be done.
    fn remaining(&self) -> Option<Duration> {
        let silence = (self.packets == 0 && !self.silence_said).then(|| self.start + SILENCE);
        let next = [self.ends(), silence].into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    fn say_if_silent(&mut self) {
        if self.packets == 0 && !self.silence_said && self.start.elapsed() >= SILENCE {
            self.silence_said = true;
            say(format_args!(
                "no packet in {} s: does a collectd send here? 'collectd-tap demo' shows what it would look like",
                SILENCE.as_secs()
            ));
        }
    }
}
