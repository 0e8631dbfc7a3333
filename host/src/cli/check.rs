//! `collectd-tap check`: whether the settings are what they should be, without doing anything with them.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{FromArgMatches as _, ValueHint};
use collectd_net::Text;

use super::settings::{self, Assignment, Choice, Layers, Problem};
use super::{Arguments, Command, Exit, Failure, command, complain, note, shown};

#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// Test this file, instead of the one that would be read
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Exit with 2 for a warning, too
    #[arg(long)]
    deny_warnings: bool,
}

/// What only shows when a setting is looked at together with others, or with the machine.
#[derive(Debug)]
pub(super) struct Finding {
    /// The setting that has to be changed.
    pub(super) setting: &'static str,
    pub(super) message: String,
    /// Whether it would work all the same.
    pub(super) is_warning: bool,
}

pub(super) fn run(arguments: &Check, usual: Choice<'_>) -> Result<Exit, Failure> {
    let command = command();
    let choice = arguments.file.as_deref().map_or(usual, Choice::Named);
    let mut layers = Layers::load(&command, choice);
    let mut problems = std::mem::take(&mut layers.problems);
    let mut warnings = Vec::new();
    for assignment in layers.assignments() {
        problems.extend(files(&command, assignment));
    }
    if problems.is_empty() {
        for (place, finding) in findings(&command, &layers)? {
            let problem = Problem::new(place, finding.message);
            if finding.is_warning { warnings.push(problem) } else { problems.push(problem) }
        }
    }
    warnings.iter().for_each(|warning| note(format_args!("{warning}")));
    problems.iter().for_each(|problem| complain(format_args!("{problem}")));
    if !problems.is_empty() || arguments.deny_warnings && !warnings.is_empty() {
        return Ok(Exit::Usage);
    }
    io::stdout().lock().write_all(summary(&layers).as_bytes()).map_err(Failure::Output)?;
    Ok(Exit::Done)
}

/// The files that a setting names and that cannot be read.
fn files(command: &clap::Command, assignment: &Assignment) -> Vec<Problem> {
    let (settings, mut problems) = (settings::all(command), Vec::new());
    let setting = settings.iter().find(|(setting, _)| setting.name == assignment.name);
    let is_path = setting
        .is_some_and(|(setting, _)| matches!(setting.arg.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath));
    for value in &assignment.values {
        // Addresses name files in their options.
        let options = value.to_str().into_iter().flat_map(|value| value.split(',').skip(1));
        let in_options = options.filter_map(|option| option.split_once('=')).filter(|(key, _)| key.ends_with("-file"));
        let whole = is_path.then_some(value.as_os_str());
        for path in in_options.map(|(_, path)| OsStr::new(path)).chain(whole) {
            if let Err(error) = File::open(path) {
                let message = format!("cannot read {}: {error}", shown(path));
                problems.push(Problem::new(assignment.place.clone(), message));
            }
        }
    }
    problems
}

/// What each subcommand says to its settings, and where those stand.
fn findings(command: &clap::Command, layers: &Layers) -> Result<Vec<(settings::Place, Finding)>, Failure> {
    let mut all: Vec<(settings::Place, Finding)> = Vec::new();
    for sub in command.get_subcommands().map(clap::Command::get_name).filter(|name| settings::takes_settings(name)) {
        let words = [command.get_name(), sub];
        // Files to decode, say, are no settings and may be missing.
        let command = settings::lenient(command);
        let wrong = |error: clap::Error| Failure::Usage(error.to_string());
        let typed = command.clone().try_get_matches_from(words).map_err(wrong)?;
        let Some((_, nothing)) = typed.subcommand() else { continue };
        let matches = layers.apply(&command, sub, nothing).try_get_matches_from(words).map_err(wrong)?;
        let arguments = Arguments::from_arg_matches(&matches).map_err(wrong)?;
        let found = match &arguments.command {
            Some(Command::Listen(listen)) => listen.check(),
            Some(Command::Decode(decode)) => decode.check(),
            #[cfg(any(feature = "tui", feature = "web"))]
            Some(Command::Top(top)) => top.check(),
            Some(Command::Demo(demo)) => demo.check(),
            #[cfg(feature = "doctor")]
            Some(Command::Doctor(doctor)) => doctor.check(),
            Some(Command::Send(send)) => send.check(),
            Some(Command::Relay(relay)) => relay.check(),
            Some(Command::Record(record)) => record.check(),
            Some(Command::Replay(replay)) => replay.check(),
            Some(Command::Generate(generate)) => generate.check(),
            _ => Vec::new(),
        };
        for finding in found {
            // What is built in is never wrong.
            let Some(assignment) = layers.value(sub, finding.setting) else { continue };
            if !all.iter().any(|(place, known)| *place == assignment.place && known.message == finding.message) {
                all.push((assignment.place.clone(), finding));
            }
        }
    }
    Ok(all)
}

/// What is set, and where.
fn summary(layers: &Layers) -> String {
    let mut text = String::new();
    let (mut variables, mut entries) = (0, 0);
    for assignment in layers.assignments() {
        let _ = writeln!(text, "{assignment}");
        *if matches!(assignment.place, settings::Place::Variable(_)) { &mut variables } else { &mut entries } += 1;
    }
    let from = |path: &Path| format!("{entries} settings from {}", shown(path.as_os_str()));
    let file = layers.file.as_deref().map_or_else(|| "no file with settings".into(), from);
    let _ = writeln!(text, "ok: {file}, {variables} from the environment");
    text
}

impl Finding {
    /// Something that would not work.
    pub(super) fn error(setting: &'static str, message: impl Into<String>) -> Self {
        Self { setting, message: message.into(), is_warning: false }
    }

    /// Something that works, and is probably not meant.
    pub(super) fn warning(setting: &'static str, message: impl Into<String>) -> Self {
        Self { is_warning: true, ..Self::error(setting, message) }
    }

    /// There is no interface of this name.
    pub(super) fn unknown_interface(setting: &'static str, name: &str) -> Option<Self> {
        let is_unknown = nix::net::if_::if_nametoindex(name).is_err();
        is_unknown.then(|| Self::error(setting, format!("no interface is called '{}'", Text::from(name))))
    }
}
