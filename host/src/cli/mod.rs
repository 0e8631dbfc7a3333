//! The command line. One file for each subcommand: flags as typed become settings as meant.

#[cfg(feature = "config")]
mod check;
#[cfg(feature = "completions")]
mod completions;
#[cfg(feature = "config")]
mod config;
mod decode;
mod demo;
mod examples;
#[cfg(feature = "config")]
mod import;
mod listen;
#[cfg(feature = "man")]
mod man;
mod output;
mod settings;
mod stop;
mod talk;

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use collectd_net::{Filter, Item, SecurityLevel, Text};

use self::settings::{Choice, Parsed, Refusal};
use self::talk::{complain, note, say, warn};
use crate::sink::Format;
use crate::users::{Refresh, Users};

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
    /// Print what a small made-up fleet sends, to see how it looks without a collectd
    Demo(demo::Demo),
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
    config: Option<PathBuf>,
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

/// What all subcommands that print items have in common.
#[derive(Debug, clap::Args)]
struct Printing {
    /// Passwords to verify and decrypt with: a file of collectd's form, `user: password` on each line
    #[arg(short, long, value_name = "FILE")]
    auth_file: Option<PathBuf>,
    /// Print only what is protected at least so: none, sign or encrypt
    #[arg(
        short,
        long,
        value_name = "LEVEL",
        default_value = "none",
        hide_default_value = true,
        hide_possible_values = true
    )]
    #[arg(ignore_case = true, value_parser = security_level())]
    security_level: SecurityLevel,
    /// Print only the items that fit this expression, such as 'host ~ "web*" and value > 5'
    #[arg(short, long, value_name = "EXPRESSION", value_parser = filter, allow_hyphen_values = true)]
    filter: Option<ItemFilter>,
    /// Print only value lists, or only notifications
    #[arg(long, value_name = "KIND")]
    only: Option<Only>,
    /// How to print: blog, json or putval (a line for each item) or exact (a line for each packet)
    #[arg(
        short = 'o',
        long,
        value_name = "FORMAT",
        default_value = "blog",
        hide_default_value = true,
        hide_possible_values = true
    )]
    #[arg(value_parser = PossibleValuesParser::new(Format::NAMES).try_map(|name| name.parse::<Format>()))]
    format: Format,
    /// Print what was refused, too, and why
    #[arg(long)]
    rejects: bool,
    /// Exit with 4 if anything was refused
    #[arg(long)]
    strict: bool,
    /// End after this many items (packets, with the format exact)
    #[arg(short, long, value_name = "N")]
    count: Option<u64>,
}

/// What is said to a security level without passwords.
const WITHOUT_PASSWORDS: &str = "this security level needs passwords: name a file with --auth-file";

/// A filter with room for what people write on a command line.
type ItemFilter = Arc<Filter<256, 4096>>;

/// One of the kinds of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    Values,
    Notifications,
}

/// The security levels, in any case, as the daemon takes them.
fn security_level() -> impl clap::builder::TypedValueParser<Value = SecurityLevel> {
    PossibleValuesParser::new(["none", "sign", "encrypt"]).try_map(|level| level.parse::<SecurityLevel>())
}

/// Compiles a filter; an error shows the place.
fn filter(expression: &str) -> Result<ItemFilter, String> {
    Filter::new(expression).map(Arc::new).map_err(|error| {
        let before: String = expression.chars().take(error.column.saturating_sub(1)).map(|_| ' ').collect();
        format!("{error}\n  {expression}\n  {before}^")
    })
}

impl Printing {
    /// Whether this item is to be printed.
    fn wants(&self, item: &Item<'_>) -> bool {
        let kind = match item {
            Item::ValueList(_) => Only::Values,
            Item::Notification(_) => Only::Notifications,
        };
        self.only.is_none_or(|only| only == kind) && self.filter.as_ref().is_none_or(|filter| filter.matches(item))
    }

    /// What is wrong with these settings, as far as they can be read.
    #[cfg(feature = "config")]
    fn check(&self) -> Vec<check::Finding> {
        use check::Finding;

        let Some(path) = &self.auth_file else {
            let without = (self.security_level != SecurityLevel::None).then_some(WITHOUT_PASSWORDS);
            return without.into_iter().map(|message| Finding::error("security-level", message)).collect();
        };
        match Users::open(path) {
            Err(error) => vec![Finding::error("auth-file", error.to_string())],
            Ok(users) => {
                let warnings = [
                    (users.is_empty(), "there is no user in it"),
                    (users.world_readable(), "its passwords can be read by everybody on this machine"),
                ];
                let warning = |message: &str| Finding { is_warning: true, ..Finding::error("auth-file", message) };
                warnings.into_iter().filter(|(is_so, _)| *is_so).map(|(_, message)| warning(message)).collect()
            }
        }
    }

    /// Reads the password file, if there is one.
    fn users(&self) -> Result<Option<Users>, Failure> {
        let Some(path) = &self.auth_file else {
            if self.security_level == SecurityLevel::None {
                return Ok(None);
            }
            return Err(Failure::Usage(WITHOUT_PASSWORDS.into()));
        };
        let users = Users::open(path).map_err(|error| {
            Failure::Usage(format!("cannot read the passwords in {}: {error}", shown(path.as_os_str())))
        })?;
        if users.world_readable() {
            note(format_args!("the passwords in {} can be read by everybody on this machine", shown_path(&users)));
        }
        Ok(Some(users))
    }
}

/// Reads the password file again if it has changed, and says so.
fn refresh(users: &mut Option<Users>) {
    let Some(users) = users else { return };
    match users.refresh() {
        Refresh::Same => {}
        Refresh::Read(count) => say(format_args!("read {count} users again from {}", shown_path(users))),
        Refresh::Failed(error) => {
            warn(format_args!("cannot read {} again: {error}; the users stay as they were", shown_path(users)));
        }
    }
}

fn shown_path(users: &Users) -> Text<'_> {
    shown(users.path().as_os_str())
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
    talk::finish();
    exit
}

fn dispatch(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        None => listen::run(&arguments.listen),
        Some(Command::Listen(arguments)) => listen::run(arguments),
        Some(Command::Decode(arguments)) => decode::run(arguments),
        Some(Command::Demo(arguments)) => demo::run(arguments),
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
fn duration(text: &str) -> Result<Duration, String> {
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
