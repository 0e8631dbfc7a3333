//! Settings in environment variables.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::Command;

use super::catalog::is_only_typed;
use super::{Assignment, Place, Problem, Setting, all, counts, is_switch, judge};
use crate::suggest::question;

/// What the names of all our variables begin with.
pub(super) const PREFIX: &str = "COLLECTD_TAP_";

/// The variable that names the file.
pub(super) const FILE: &str = "COLLECTD_TAP_CONFIG";

/// Takes what variables say. An empty one says nothing.
pub(super) fn read(command: &Command, assignments: &mut Vec<Assignment>, problems: &mut Vec<Problem>) {
    let settings = all(command);
    let mut variables: Vec<_> = env::vars_os()
        .filter(|(name, value)| name.as_bytes().starts_with(PREFIX.as_bytes()) && !value.is_empty() && name != FILE)
        .collect();
    variables.sort();
    for (name, value) in variables {
        let place = Place::Variable(name.to_string_lossy().into_owned());
        let Some((setting, subcommands)) = settings.iter().find(|(setting, _)| *setting.variable() == *name) else {
            let flag = name.to_string_lossy().trim_start_matches(PREFIX).to_lowercase().replace('_', "-");
            if is_only_typed(command, &flag) {
                let message = format!("'{flag}' is no setting, but for one time alone: type --{flag}");
                problems.push(Problem::new(place, message));
                continue;
            }
            let names: Vec<_> = settings.iter().map(|(setting, _)| setting.variable()).chain([FILE.into()]).collect();
            let tip = question(&name.to_string_lossy(), names.iter().map(String::as_str));
            problems.push(Problem::new(place, "no setting has this variable").with_tip(tip));
            continue;
        };
        match values(command, setting, subcommands, &value) {
            Ok(values) => {
                assignments.push(Assignment { name: setting.name.into(), values, section: None, place });
            }
            Err(message) => problems.push(Problem::new(place, message)),
        }
    }
}

/// The values of a variable, judged. Blanks separate those of a flag that may be repeated.
fn values(
    command: &Command,
    setting: &Setting<'_>,
    subcommands: &[&str],
    text: &OsStr,
) -> Result<Vec<OsString>, String> {
    if is_switch(setting.arg) {
        return switch(&text.to_string_lossy()).map(|on| vec![on.to_string().into()]);
    }
    if setting.is_optional() && !counts(setting.arg) {
        match switch(&text.to_string_lossy()) {
            Ok(true) => return judge::bare(command, setting, subcommands),
            Ok(false) => return Ok(Vec::new()),
            Err(_) => {}
        }
    }
    let values: Vec<OsString> = if setting.is_list() && setting.arg.get_value_delimiter().is_none() {
        let words = text.as_bytes().split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        words.map(|word| OsString::from_vec(word.to_vec())).collect()
    } else {
        vec![text.to_owned()]
    };
    values.iter().try_for_each(|value| judge::value(command, setting, subcommands, value))?;
    Ok(values)
}

/// Whether a word turns a switch on.
fn switch(word: &str) -> Result<bool, String> {
    match word.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(format!("'{}' is neither true nor false", collectd_net::Text::from(word))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_on_or_off_or_misspelt() {
        for (word, on) in [("1", true), ("True", true), ("on", true), ("0", false), ("NO", false), ("off", false)] {
            assert_eq!(switch(word), Ok(on), "{word}");
        }
        assert!(switch("maybe").is_err());
        assert_eq!(switch("\u{1b}[2J"), Err(r"'\x1b[2J' is neither true nor false".into()));
    }
}
