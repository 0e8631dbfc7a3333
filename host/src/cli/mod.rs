//! The command line. One file for each subcommand: flags as typed become settings as meant.

mod decode;
mod demo;
mod listen;
mod listening;
mod look;
mod output;
mod seconds;
mod stop;
mod types;
mod worker;

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use collectd_net::{Item, SecurityLevel, Text};

use crate::selection::Selection;
use crate::sink::Format;
use crate::users::{Refresh, Users};

/// Hear collectd: print what the daemons of a network send.
///
/// Without arguments it joins collectd's two groups, 239.192.74.66 and ff18::efc0:4a42, port 25826, on every interface, and
/// prints a line for each value list and notification. Items go to standard output, everything else to standard error.
#[derive(Debug, Parser)]
#[command(name = "collectd-tap", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
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
    /// Look types up in types.db, or check it
    Types(types::Types),
}

/// What all subcommands that print items have in common.
#[derive(Debug, clap::Args)]
struct Printing {
    /// Passwords to verify and decrypt with: a file of collectd's form, `user: password` on each line
    #[arg(short, long, value_name = "FILE")]
    auth_file: Option<PathBuf>,
    /// Print only what is protected at least so: none, sign or encrypt
    #[arg(short, long, value_name = "LEVEL", default_value = "none", hide_default_value = true)]
    security_level: SecurityLevel,
    /// Print only the items that fit: 'host =~ "^web" and value > 5', or a pattern of identifiers such as 'web*/cpu-*'
    #[arg(short, long, value_name = "EXPRESSION", value_parser = filter, allow_hyphen_values = true)]
    filter: Option<Arc<Selection>>,
    /// Print only value lists, or only notifications
    #[arg(long, value_name = "KIND")]
    only: Option<Only>,
    /// How to print: blog, long, json, csv, influx, graphite, prometheus (at the end), putval, exact or raw (a line for each
    /// packet), or a template such as '{host} {plugin} {value}'
    #[arg(short = 'o', long, value_name = "FORMAT", default_value = "blog", hide_default_value = true)]
    format: Format,
    /// Print what was refused, too, and why
    #[arg(long)]
    rejects: bool,
    /// Exit with 4 if anything was refused
    #[arg(long)]
    strict: bool,
    /// End after this many items (packets, with the formats exact and raw)
    #[arg(short, long, value_name = "N")]
    count: Option<u64>,
    #[command(flatten)]
    looks: look::Looks,
}

/// One of the kinds of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    Values,
    Notifications,
}

/// Compiles a filter; an error shows the place.
fn filter(expression: &str) -> Result<Arc<Selection>, String> {
    Selection::new(expression).map(Arc::new).map_err(|error| {
        let before: String = expression.chars().take(error.column.saturating_sub(1)).map(|_| ' ').collect();
        format!("{error}\n  {expression}\n  {before}^")
    })
}

impl Printing {
    /// Whether items of this kind are to be printed.
    fn wants_kind(&self, item: &Item<'_>) -> bool {
        let kind = match item {
            Item::ValueList(_) => Only::Values,
            Item::Notification(_) => Only::Notifications,
        };
        self.only.is_none_or(|only| only == kind)
    }

    /// Whether the filter, if there is one, lets this item pass.
    fn filter_matches(&self, item: &Item<'_>) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.matches(item))
    }

    /// Whether this item is wanted, as it was sent.
    fn wants(&self, item: &Item<'_>) -> bool {
        self.wants_kind(item) && self.filter_matches(item)
    }

    /// Whether what is printed depends on what was printed before, so that one thread has to print all of it.
    fn one_by_one(&self) -> bool {
        self.count.is_some() || self.format.is_whole() || self.looks.rates().is_some()
    }

    /// Whether values decide what is printed.
    fn looks_at_values(&self) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.looks_at_values())
    }

    /// Whether some items are not to be printed.
    const fn selects(&self) -> bool {
        self.filter.is_some() || self.only.is_some()
    }

    /// Reads the password file, if there is one.
    fn users(&self) -> Result<Option<Users>, Failure> {
        open_users(self.auth_file.as_deref(), self.security_level)
    }
}

/// Reads a password file, if there is one; this security level may need it.
fn open_users(path: Option<&Path>, level: SecurityLevel) -> Result<Option<Users>, Failure> {
    let Some(path) = path else {
        if level == SecurityLevel::None {
            return Ok(None);
        }
        return Err(Failure::Usage("this security level needs passwords: name a file with --auth-file".into()));
    };
    let users = Users::open(path).map_err(|error| {
        Failure::Usage(format!("cannot read the passwords in {}: {error}", shown(path.as_os_str())))
    })?;
    if users.world_readable() {
        say(format_args!("warning: the passwords in {} can be read by everybody on this machine", shown_path(&users)));
    }
    Ok(Some(users))
}

/// Reads the password file again if it has changed, and says so.
fn refresh(users: &mut Option<Users>) {
    let Some(users) = users else { return };
    match users.refresh() {
        Refresh::Same => {}
        Refresh::Read(count) => say(format_args!("read {count} users again from {}", shown_path(users))),
        Refresh::Failed(error) => {
            say(format_args!("cannot read {} again: {error}; the users stay as they were", shown_path(users)));
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

/// Runs the program with the arguments of the process.
#[must_use]
pub fn run() -> Exit {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help that cannot be printed is nobody's problem.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    let outcome = match arguments.command {
        None => listen::run(&arguments.listen),
        Some(Command::Listen(arguments)) => listen::run(&arguments),
        Some(Command::Decode(arguments)) => decode::run(&arguments),
        Some(Command::Demo(arguments)) => demo::run(&arguments),
        Some(Command::Types(arguments)) => types::run(&arguments),
    };
    match outcome {
        Ok(exit) => exit,
        // Whoever read has seen enough.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(Failure::Output(error)) => {
            say(format_args!("cannot write to standard output: {error}"));
            Exit::Failed
        }
        Err(Failure::Runtime(message)) => {
            say(format_args!("{message}"));
            Exit::Failed
        }
        Err(Failure::Usage(message)) => {
            say(format_args!("{message}"));
            Exit::Usage
        }
    }
}

/// Says something to whoever runs the program.
fn say(message: fmt::Arguments<'_>) {
    use io::Write as _;
    // One write, so that lines of several programs do not mix; and if nobody listens, so be it.
    let _ = io::stderr().write_all(format!("collectd-tap: {message}\n").as_bytes());
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
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
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
