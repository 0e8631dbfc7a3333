//! What a flag says to a value that was not typed behind it.

use std::ffi::{OsStr, OsString};

use clap::{ArgMatches, Command};
use collectd_net::Text;

use super::{DEFAULT, Setting, counts};

/// The command without what only matters once all layers are together: that something is missing.
pub(in crate::cli) fn lenient(command: &Command) -> Command {
    let relax = |command: Command| command.mut_args(|arg| arg.required(false));
    relax(command.clone()).mut_subcommands(relax)
}

/// Judges one value of a setting, as each of these subcommands has it.
pub(super) fn value(
    command: &Command,
    setting: &Setting<'_>,
    subcommands: &[&str],
    value: &OsStr,
) -> Result<(), String> {
    if counts(setting.arg) {
        let count = value.to_str().and_then(|text| text.parse::<u8>().ok());
        return count.map(drop).ok_or_else(|| format!("'{}' is to be a small number", setting.name));
    }
    let mut word = OsString::from(format!("--{}=", setting.name));
    word.push(value);
    alone(command, setting, subcommands, &word).map(drop)
}

/// The values that a flag has when it stands without one.
pub(super) fn bare(command: &Command, setting: &Setting<'_>, subcommands: &[&str]) -> Result<Vec<OsString>, String> {
    let word = OsString::from(format!("--{}", setting.name));
    let matches = alone(command, setting, subcommands, &word)?;
    let values = matches.as_ref().and_then(|matches| matches.get_raw(setting.arg.get_id().as_str()));
    Ok(values.into_iter().flatten().map(OsStr::to_owned).collect())
}

/// What comes of a flag that stands alone.
fn alone(
    command: &Command,
    setting: &Setting<'_>,
    subcommands: &[&str],
    word: &OsStr,
) -> Result<Option<ArgMatches>, String> {
    let mut parsed = None;
    let places = if subcommands.is_empty() { &[DEFAULT] } else { subcommands };
    for subcommand in places {
        let words = [OsStr::new(command.get_name()), OsStr::new(subcommand), word];
        let matches = lenient(command).try_get_matches_from(words).map_err(|error| message(&error, setting))?;
        parsed = matches.subcommand().map(|(_, matches)| matches.clone());
    }
    Ok(parsed)
}

/// What clap says, without what is about command lines.
fn message(error: &clap::Error, setting: &Setting<'_>) -> String {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let text = text.split("\n\nUsage:").next().unwrap_or(text);
    let text = text.split("\n\nFor more information").next().unwrap_or(text).trim_end();
    let text = without_dashes(text, setting.name).replace("\n\n", "\n");
    // Values are foreign text; what clap says around them is not.
    let lines: Vec<_> = text.lines().map(|line| Text::from(line).to_string()).collect();
    lines.join("\n")
}

/// The text with the setting's name in place of the flag and its value's name, `'--count <N>'`.
fn without_dashes(text: &str, name: &str) -> String {
    let Some((before, flag)) = text.split_once(&format!("'--{name}")) else { return text.to_owned() };
    let Some((value, after)) = flag.split_once('\'') else { return text.to_owned() };
    if value.is_empty() || value.starts_with([' ', '[']) { format!("{before}'{name}'{after}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_named_without_dashes_and_values() {
        assert_eq!(
            without_dashes("invalid value 'x' for '--count <N>': no", "count"),
            "invalid value 'x' for 'count': no"
        );
        assert_eq!(without_dashes("unexpected '--count'", "count"), "unexpected 'count'");
        assert_eq!(
            without_dashes("invalid value '--count-down' for it", "count"),
            "invalid value '--count-down' for it"
        );
        assert_eq!(without_dashes("a value is required", "count"), "a value is required");
    }
}
