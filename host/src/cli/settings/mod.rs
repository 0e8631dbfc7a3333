//! Where settings come from: flags, then environment variables, then a file, then what is built in.
//!
//! ```text
//! --foo-bar VALUE        typed
//! COLLECTD_TAP_FOO_BAR   environment   ┐ become defaults of the flag,
//! foo-bar = VALUE        file          ┘ so what is typed wins
//! ```
//!
//! A setting is declared once, as a flag; its variable, its key and its place in the commented default file follow. A value is
//! judged by the flag's own parser, wherever it was written, and what is wrong with it is said with that place.

mod catalog;
mod environment;
#[cfg(feature = "config")]
mod file;
mod judge;
mod problem;

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command, FromArgMatches as _};

pub(super) use catalog::{Setting, all, is_switch, takes_settings};
pub(super) use judge::lenient;
pub(super) use problem::{Place, Problem};

use super::Everywhere;
use catalog::of;

/// The subcommand that is meant when none is typed.
pub(super) const DEFAULT: &str = "listen";

/// Why the settings are not what they should be.
#[derive(Debug)]
pub(super) enum Refusal {
    /// What was typed is wrong.
    Typed(clap::Error),
    /// What variables or the file say is wrong.
    Set(Vec<Problem>),
}

/// What was typed, over what variables and the file say.
#[derive(Debug)]
pub(super) struct Parsed {
    /// All of it together.
    pub(super) matches: ArgMatches,
    /// What variables and the file say.
    pub(super) layers: Layers,
}

/// The value that a variable or the file gives a setting.
#[derive(Debug)]
pub(super) struct Assignment {
    /// The setting.
    pub(super) name: String,
    /// The values, as they would stand behind the flag.
    pub(super) values: Vec<OsString>,
    /// The subcommand for which alone the file says so.
    pub(super) section: Option<String>,
    /// Where it stands.
    pub(super) place: Place,
}

/// Where it stands, and what is set to what.
impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if let Some(section) = &self.section {
            write!(f, "{section}.")?;
        }
        write!(f, "{} =", self.name)?;
        self.values.iter().try_for_each(|value| write!(f, " {}", super::shown(value)))
    }
}

/// What variables and the file say.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// The file, as far as there is one.
    #[cfg(feature = "config")]
    pub(super) file: Option<std::path::PathBuf>,
    variables: Vec<Assignment>,
    entries: Vec<Assignment>,
    /// What is wrong with them.
    pub(super) problems: Vec<Problem>,
}

/// Which file to read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Choice<'a> {
    /// This one.
    #[cfg_attr(not(feature = "config"), expect(dead_code, reason = "there are no files without the feature"))]
    Named(&'a Path),
    /// The first that there is, of the usual places.
    Usual,
    /// None at all.
    #[cfg_attr(not(feature = "config"), expect(dead_code, reason = "there are no files without the feature"))]
    None,
}

/// The command with what is the same for all its flags: a switch `--x` that variables or the file can turn on is turned off by
/// `--no-x`.
pub(super) fn complete(command: Command) -> Command {
    let with_opposites = |command: Command| {
        let switches: Vec<_> = command.get_arguments().filter(|arg| is_switch(arg)).cloned().collect();
        switches.into_iter().fold(command, |command, switch| {
            let opposite = catalog::opposite(&switch);
            let id = opposite.get_id().clone();
            command.arg(opposite).mut_arg(switch.get_id(), |switch| switch.overrides_with(id))
        })
    };
    let names: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let names = names.into_iter().filter(|name| takes_settings(name));
    let command = names.fold(command, |command, name| command.mut_subcommand(name, with_opposites));
    with_opposites(command)
}

/// Parses what was typed, over what variables and the file say.
pub(super) fn parse(command: &Command, words: &[OsString]) -> Result<Parsed, Refusal> {
    let typed = typed(command, words).map_err(Refusal::Typed)?;
    let (name, matches) = typed.subcommand().unwrap_or((DEFAULT, &typed));
    if !takes_settings(name) {
        let matches = command.clone().try_get_matches_from(words).map_err(Refusal::Typed)?;
        return Ok(Parsed { matches, layers: Layers::default() });
    }
    let everywhere = Everywhere::from_arg_matches(matches).map_err(Refusal::Typed)?;
    let layers = Layers::load(command, everywhere.choice());
    if !layers.problems.is_empty() {
        return Err(Refusal::Set(layers.problems));
    }
    let matches = layers.apply(command, name, matches).try_get_matches_from(words).map_err(Refusal::Typed)?;
    Ok(Parsed { matches, layers })
}

/// Parses what was typed, alone.
fn typed(command: &Command, words: &[OsString]) -> Result<ArgMatches, clap::Error> {
    let matches = lenient(command).try_get_matches_from(words).map_err(|error| {
        // What is not lenient knows better what has to be there.
        command.clone().try_get_matches_from(words).err().unwrap_or(error)
    })?;
    let Some(name) = matches.subcommand_name() else { return Ok(matches) };
    let before = |arg: &&clap::Arg| {
        !arg.is_global_set() && matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
    };
    match command.get_arguments().find(before) {
        None => Ok(matches),
        Some(arg) => {
            let flag = arg.get_long().unwrap_or_else(|| arg.get_id().as_str());
            let program = command.get_name();
            let message = format!("--{flag} belongs behind the subcommand: '{program} {name} --{flag} ...'");
            Err(command.clone().error(ErrorKind::ArgumentConflict, message))
        }
    }
}

impl Layers {
    /// Reads variables and the file. What is wrong is kept, all of it.
    pub(super) fn load(command: &Command, choice: Choice<'_>) -> Self {
        let mut layers = Self::default();
        environment::read(command, &mut layers.variables, &mut layers.problems);
        #[cfg(feature = "config")]
        {
            match file::find(choice) {
                Ok(Some(path)) => {
                    file::read(command, &path, &mut layers.entries, &mut layers.problems);
                    layers.file = Some(path);
                }
                Ok(None) => {}
                Err(problem) => layers.problems.push(problem),
            }
        }
        #[cfg(not(feature = "config"))]
        let _ = choice;
        layers
    }

    /// All values that are set, variables first.
    pub(super) fn assignments(&self) -> impl Iterator<Item = &Assignment> {
        self.variables.iter().chain(&self.entries)
    }

    /// What a setting of a subcommand gets from variables or the file.
    pub(super) fn value(&self, subcommand: &str, name: &str) -> Option<&Assignment> {
        let find = |section: Option<&str>| {
            self.entries.iter().find(|entry| entry.name == name && entry.section.as_deref() == section)
        };
        let variable = self.variables.iter().find(|variable| variable.name == name);
        variable.or_else(|| find(Some(subcommand))).or_else(|| find(None))
    }

    /// The command with these values as the defaults of a subcommand's flags, as far as nothing else was typed.
    pub(super) fn apply(&self, command: &Command, subcommand: &str, typed: &ArgMatches) -> Command {
        let was_typed = |id: &str| typed.value_source(id) == Some(ValueSource::CommandLine);
        let settings: Vec<_> = of(command, subcommand).collect();
        let mut command = command.clone();
        for setting in settings {
            let arg = setting.arg;
            let opposite = catalog::opposite_id(arg);
            let beaten = |other: &&clap::Arg| other.get_id() != arg.get_id() && was_typed(other.get_id().as_str());
            if is_switch(arg) && typed.try_contains_id(&opposite).is_ok() && was_typed(&opposite)
                || setting.rivals().iter().any(beaten)
            {
                continue;
            }
            let Some(assignment) = self.value(subcommand, setting.name) else { continue };
            let values = assignment.values.clone();
            let change = |arg: clap::Arg| {
                let arg = arg.required(false);
                if values.is_empty() { arg } else { arg.default_values(values) }
            };
            command = if setting.is_everywhere || subcommand == DEFAULT {
                command.mut_arg(arg.get_id(), change.clone())
            } else {
                command
            };
            if !setting.is_everywhere {
                command = command.mut_subcommand(subcommand, |sub| sub.mut_arg(arg.get_id(), change));
            }
        }
        command
    }
}

/// What a number or a word does to a flag that only counts how often it stands there.
fn counts(arg: &clap::Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Count)
}

#[cfg(all(test, feature = "config"))]
mod tests {
    use clap::Arg;

    use super::*;

    /// What flags of kinds that the program may get come to, with this file and these words.
    fn parsed(toml: &str, words: &[&str]) -> Result<ArgMatches, String> {
        let flags = [
            Arg::new("summary").long("summary").num_args(0..=1).require_equals(true).default_missing_value("10s"),
            Arg::new("sources").long("sources").value_delimiter(',').action(ArgAction::Append),
            Arg::new("rate").long("rate").action(ArgAction::SetTrue).conflicts_with("raw"),
            Arg::new("raw").long("raw").action(ArgAction::SetTrue),
        ];
        let command = complete(Command::new("tap").args(flags.clone()).subcommand(Command::new("listen").args(flags)));
        let path = std::env::temp_dir().join(format!("collectd-tap-{}-{}", std::process::id(), toml.len()));
        std::fs::write(&path, toml).expect("a temporary file");
        let mut layers = Layers::default();
        file::read(&command, &path, &mut layers.entries, &mut layers.problems);
        std::fs::remove_file(&path).expect("it is ours");
        if let Some(problem) = layers.problems.first() {
            return Err(problem.to_string());
        }
        let words: Vec<OsString> = ["tap", "listen"].iter().chain(words).map(OsString::from).collect();
        let typed = typed(&command, &words).expect("words");
        let (name, typed) = typed.subcommand().expect("a subcommand");
        let matches = layers.apply(&command, name, typed).try_get_matches_from(&words).expect("words");
        Ok(matches.subcommand().expect("a subcommand").1.clone())
    }

    fn values(matches: &ArgMatches, id: &str) -> Vec<String> {
        matches.get_many::<String>(id).into_iter().flatten().cloned().collect()
    }

    #[test]
    fn flags_of_all_kinds_can_be_set() {
        let matches = parsed("summary = true\nsources = [\"a\", \"b,c\"]\nrate = true\n", &[]).expect("settings");
        assert_eq!(values(&matches, "summary"), ["10s"]);
        assert_eq!(values(&matches, "sources"), ["a", "b", "c"]);
        assert!(matches.get_flag("rate"));
        let matches = parsed("summary = \"5s\"\n", &["--summary"]).expect("settings");
        assert_eq!(values(&matches, "summary"), ["10s"]);
        assert_eq!(values(&parsed("summary = false", &[]).expect("settings"), "summary"), [""; 0]);
        assert!(parsed("rate = 1", &[]).expect_err("a problem").contains("'rate' is true or false"));
    }

    #[test]
    fn what_is_typed_beats_what_cannot_stand_beside_it() {
        let matches = parsed("rate = true", &["--raw"]).expect("settings");
        assert!(matches.get_flag("raw") && !matches.get_flag("rate"));
        assert!(!parsed("rate = true # off", &["--no-rate"]).expect("settings").get_flag("rate"));
    }
}
