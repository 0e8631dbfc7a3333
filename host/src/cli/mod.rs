//! The command line. One file for each subcommand: flags as typed become settings as meant.

mod answers;
#[cfg(feature = "config")]
mod check;
#[cfg(feature = "completions")]
mod completions;
#[cfg(feature = "config")]
mod config;
mod decode;
mod demo;
#[cfg(feature = "doctor")]
mod doctor;
mod dry_run;
mod examples;
mod generate;
#[cfg(feature = "config")]
mod import;
mod lines;
mod listen;
mod listening;
mod look;
#[cfg(feature = "man")]
mod man;
mod output;
mod passwords;
mod presence;
mod printing;
mod progress;
mod record;
mod relay;
mod replay;
mod seconds;
mod send;
mod servers;
mod settings;
mod single;
mod stop;
mod talk;
#[cfg(any(feature = "tui", feature = "web"))]
mod top;
mod types;
#[cfg(feature = "tui")]
mod view;
#[cfg(any(feature = "tui", feature = "web"))]
mod watching;
#[cfg(feature = "web")]
mod web;
mod worker;

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use collectd_net::Text;

use self::printing::Printing;
use self::settings::{Choice, Parsed, Refusal};
use self::talk::{complain, note, say, warn};

/// Hear collectd: print what the daemons of a network send.
///
/// Without arguments it joins collectd's two groups, 239.192.74.66 and ff18::efc0:4a42, port 25826, on every interface, and
/// prints a line for each value list and notification. Items go to standard output, everything else to standard error.
#[derive(Debug, Parser)]
#[command(name = "collectd-tap", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    everywhere: Everywhere,
    #[command(flatten)]
    listen: listen::Listen,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print what arrives (this is also what happens without a subcommand)
    Listen(listen::Listen),
    /// Print what is in captures (pcap, pcapng) and in files that are one packet (*.bin)
    Decode(decode::Decode),
    /// Show live graphs of what arrives, or of captures, in the terminal
    #[cfg(any(feature = "tui", feature = "web"))]
    Top(Box<top::Top>),
    /// Print what a small made-up fleet sends, to see how it looks without a collectd
    Demo(demo::Demo),
    /// Tell why nothing is received: look at this machine, and then at what arrives
    ///
    /// Ends with 1 if something on this machine keeps packets away, else with 3 if nothing arrived, else with 4 if nothing of some
    /// sender came through. Changes no setting, and sends nothing that leaves the machine but that groups are joined.
    #[cfg(feature = "doctor")]
    Doctor(doctor::Doctor),
    /// Send commands from standard input, PUTVAL and PUTNOTIF, or one item
    Send(Box<send::Send>),
    /// Send on what arrives, packet by packet or item by item, and nothing twice
    Relay(relay::Relay),
    /// Write what arrives to a capture, as it is, still sealed
    Record(record::Record),
    /// Send the packets of captures again, at their pace or another
    Replay(replay::Replay),
    /// Send what a made-up fleet of any size measures, and tell what a receiver has to get of it
    Generate(generate::Generate),
    /// Look types up in types.db, or check it
    Types(types::Types),
    /// Test the settings in the file and in environment variables, and show them
    #[cfg(feature = "config")]
    Check(check::Check),
    /// Print a file with all settings, to begin with
    #[cfg(feature = "config")]
    Config(config::Config),
    /// Print a script that makes the Tab key of a shell know all this
    #[cfg(feature = "completions")]
    Completions(completions::Completions),
    /// Print the manual, for man
    #[cfg(feature = "man")]
    Man(man::Manual),
}

/// What all subcommands have in common.
#[derive(Debug, clap::Args)]
struct Everywhere {
    /// Read settings from this file, instead of the first of the usual places that has one
    #[cfg(feature = "config")]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Settings", value_hint = clap::ValueHint::FilePath)]
    config: Option<std::path::PathBuf>,
    /// Read no file with settings
    #[cfg(feature = "config")]
    #[arg(long, global = true, help_heading = "Settings", conflicts_with = "config")]
    no_config: bool,
    /// Say on standard error what is at least so important: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", global = true, help_heading = "Talk", default_value = "info")]
    #[arg(value_parser = PossibleValuesParser::new(talk::LEVELS), hide_possible_values = true)]
    log: String,
    /// Say more; twice for even more
    #[arg(short, long, global = true, help_heading = "Talk", action = clap::ArgAction::Count)]
    verbose: u8,
    /// Say less: only warnings; twice for only errors
    #[arg(short, long, global = true, help_heading = "Talk", action = clap::ArgAction::Count)]
    quiet: u8,
}

impl Everywhere {
    /// Which file with settings is meant.
    fn choice(&self) -> Choice<'_> {
        #[cfg(feature = "config")]
        match &self.config {
            _ if self.no_config => return Choice::None,
            Some(path) => return Choice::Named(path),
            None => {}
        }
        Choice::Usual
    }
}

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what it should.
    Done = 0,
    /// The machine did not let it.
    Failed = 1,
    /// It was asked for something impossible.
    Usage = 2,
    /// Nothing arrived in the time given.
    Nothing = 3,
    /// Something was refused, and that was not to be.
    Rejected = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why the program could not do what it should.
#[derive(Debug)]
enum Failure {
    /// What was asked for is wrong.
    Usage(String),
    /// The machine did not let it.
    Runtime(String),
    /// Standard output is gone.
    Output(io::Error),
}

/// The whole command line.
fn command() -> clap::Command {
    examples::add(settings::complete(Arguments::command()))
}

/// Runs the program with the arguments of the process.
#[must_use]
pub fn run() -> Exit {
    talk::start();
    let words: Vec<OsString> = env::args_os().collect();
    let parsed = settings::parse(&command(), &words);
    let arguments = parsed.and_then(|Parsed { matches, layers }| match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => Ok((arguments, layers)),
        Err(error) => Err(Refusal::Typed(error)),
    });
    let exit = match arguments {
        Ok((arguments, layers)) => {
            let Everywhere { log, verbose, quiet, .. } = &arguments.everywhere;
            talk::set_level(log, *verbose, *quiet);
            layers.assignments().for_each(|assignment| tracing::debug!("{assignment}"));
            ended(dispatch(&arguments))
        }
        Err(Refusal::Typed(error)) => {
            // Help that cannot be printed is nobody's problem.
            let _ = error.print();
            if error.use_stderr() { Exit::Usage } else { Exit::Done }
        }
        Err(Refusal::Set(problems)) => {
            problems.iter().for_each(|problem| complain(format_args!("{problem}")));
            Exit::Usage
        }
    };
    talk::catch_up();
    exit
}

fn dispatch(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        None => listen::run(&arguments.listen),
        Some(Command::Listen(arguments)) => listen::run(arguments),
        Some(Command::Decode(arguments)) => decode::run(arguments),
        #[cfg(any(feature = "tui", feature = "web"))]
        Some(Command::Top(arguments)) => top::run(arguments),
        Some(Command::Demo(arguments)) => demo::run(arguments),
        #[cfg(feature = "doctor")]
        Some(Command::Doctor(arguments)) => doctor::run(arguments),
        Some(Command::Send(arguments)) => send::run(arguments),
        Some(Command::Relay(arguments)) => relay::run(arguments),
        Some(Command::Record(arguments)) => record::run(arguments),
        Some(Command::Replay(arguments)) => replay::run(arguments),
        Some(Command::Generate(arguments)) => generate::run(arguments),
        Some(Command::Types(arguments)) => types::run(arguments),
        #[cfg(feature = "config")]
        Some(Command::Check(check)) => check::run(check, arguments.everywhere.choice()),
        #[cfg(feature = "config")]
        Some(Command::Config(arguments)) => config::run(arguments),
        #[cfg(feature = "completions")]
        Some(Command::Completions(arguments)) => completions::run(arguments),
        #[cfg(feature = "man")]
        Some(Command::Man(arguments)) => man::run(arguments),
    }
}

/// Says why it did not end well, if it did not.
fn ended(outcome: Result<Exit, Failure>) -> Exit {
    match outcome {
        Ok(exit) => exit,
        // Whoever read has seen enough.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(Failure::Output(error)) => {
            complain(format_args!("cannot write to standard output: {error}"));
            Exit::Failed
        }
        Err(Failure::Runtime(message)) => {
            complain(format_args!("{message}"));
            Exit::Failed
        }
        Err(Failure::Usage(message)) => {
            complain(format_args!("{message}"));
            Exit::Usage
        }
    }
}

/// A name from the system, safe to print.
pub(crate) fn shown(name: &OsStr) -> Text<'_> {
    Text::new(name.as_bytes())
}

/// The last component of a path, for output that names its source.
fn base_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// A span of time: `10s`, `1m30s`, or a number of seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "a time is written as 10s, 1m30s, 500ms, or as a number of seconds";
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| EXPECTED.into());
    }
    let duration = text.parse::<jiff::SignedDuration>().map_err(|_| EXPECTED)?;
    Duration::try_from(duration).map_err(|_| EXPECTED.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn times_have_units_or_are_seconds() {
        for (text, milliseconds) in [("10s", 10_000), ("1m30s", 90_000), ("500ms", 500), ("2", 2_000), ("0.5", 500)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "-1", "-1s", "soon", "nan", "inf"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
