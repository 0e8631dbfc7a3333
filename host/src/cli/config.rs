//! `collectd-tap config`: a file with all settings, to begin with.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::ArgAction;

use super::import::import;
use super::settings::{self, Setting};
use super::{Exit, Failure, command, note};

#[derive(Debug, clap::Args)]
pub(super) struct Config {
    /// Print what the network plugin of a collectd.conf comes to, instead; what has no equivalent is said
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    import: Option<PathBuf>,
}

/// How wide comments are.
const WIDTH: usize = 120;

/// What stands above the settings.
const HEAD: &str = "\
# Settings of collectd-tap.
#
# Each is a flag without its dashes: 'count = 5' is '--count 5'. An environment variable says the same, COLLECTD_TAP_COUNT=5.
# What is typed comes before variables, variables before this file. 'collectd-tap check' tests it and shows what is set.
#
# The file is looked for in ~/.config/collectd-tap/config.toml (or below $XDG_CONFIG_HOME) and then in /etc/collectd-tap.toml;
# --config or COLLECTD_TAP_CONFIG name another one, --no-config none.
#
# Everything below is commented out. What has a default shows it, the rest a value or the kind of it.
";

/// What stands below them.
const TAIL: &str = r#"
# What is to be so for one subcommand only stands in a section of its name:
#
#[decode]
#strict = true

# Addresses may be tables with the words of collectd's <Listen> blocks, instead of strings:
#
#[[listen]]
#host = "239.192.74.66"
#port = 25826
#interface = "eth0"
"#;

pub(super) fn run(arguments: &Config) -> Result<Exit, Failure> {
    let command = command();
    let text = match &arguments.import {
        None => template(&command),
        Some(path) => {
            let imported = import(path).map_err(|error| Failure::Usage(error.to_string()))?;
            imported.notes.iter().for_each(|left_out| note(format_args!("{left_out}")));
            imported.toml
        }
    };
    io::stdout().lock().write_all(text.as_bytes()).map_err(Failure::Output)?;
    Ok(Exit::Done)
}

/// A file with every setting, each commented out.
fn template(command: &clap::Command) -> String {
    let mut text = HEAD.to_owned();
    let all = settings::all(command);
    // What everything has that prints items needs no list of them.
    let printing = all.iter().find(|(setting, _)| setting.name == "format").map(|(_, printing)| printing.clone());
    let printing = printing.unwrap_or_default();
    for (setting, subcommands) in all {
        if setting.arg.is_hide_set() {
            continue;
        }
        text.push('\n');
        let help = setting.arg.get_long_help().or_else(|| setting.arg.get_help()).map(ToString::to_string);
        help.unwrap_or_default().lines().for_each(|line| comment(line, &mut text));
        let words: Vec<_> = setting.arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        if !settings::is_switch(setting.arg) && !setting.arg.is_hide_possible_values_set() && !words.is_empty() {
            let _ = writeln!(text, "# One of: {}.", words.join(", "));
        }
        let all_print = printing.iter().all(|name| subcommands.contains(name));
        if !subcommands.is_empty() && !all_print {
            let _ = writeln!(text, "# For: {}.", subcommands.join(", "));
        }
        let _ = writeln!(text, "#{} = {}", setting.name, value(&setting));
    }
    text + TAIL
}

/// Writes a line of help as a comment, over as many lines as it takes.
fn comment(help: &str, text: &mut String) {
    let mut width = 0;
    for word in help.split(' ') {
        let length = word.chars().count();
        if width == 0 || width + length >= WIDTH {
            text.push_str(if width == 0 { "#" } else { "\n#" });
            width = 1;
        }
        text.push(' ');
        text.push_str(word);
        width += 1 + length;
    }
    text.push('\n');
}

/// The default of a setting in TOML, or else one of its words, or what stands for its value in the help.
fn value(setting: &Setting<'_>) -> String {
    match setting.arg.get_action() {
        _ if settings::is_switch(setting.arg) => return "false".into(),
        ArgAction::Count => return "0".into(),
        _ => {}
    }
    let plain_all = |values: &[String]| values.iter().map(|value| plain(value)).collect::<Vec<_>>();
    let defaults = setting.arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
    let words = setting.arg.get_possible_values().into_iter().take(1).map(|value| value.get_name().to_owned());
    let names = setting.arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string);
    let kinds: [Vec<String>; 3] = [defaults.collect(), words.collect(), names.collect()];
    let values = kinds.iter().find(|values| !values.is_empty()).map(|values| plain_all(values)).unwrap_or_default();
    match values.as_slice() {
        [value] if !setting.is_list() => value.clone(),
        _ => format!("[{}]", values.join(", ")),
    }
}

/// A value in TOML: a number as it is, everything else in quotes.
fn plain(text: &str) -> String {
    text.parse::<i64>().map_or_else(|_| quoted(text), |number| number.to_string())
}

/// A string in TOML.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            // Nothing else has to be escaped, but a comment must end where it seems to, and a terminal must not be told anything.
            _ if character.is_control() => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_so_that_toml_reads_them_back() {
        for text in ["", "plain", r#"say "hi" \o/"#, "two\nlines\r\u{1b}[2J\u{7f}", "ä\u{85}"] {
            let document = format!("a = {}", quoted(text));
            assert!(!document.contains(char::is_control), "{document:?}");
            let table = toml::de::DeTable::parse(&document).expect("TOML").into_inner();
            assert_eq!(table.values().next().and_then(|value| value.get_ref().as_str()), Some(text));
        }
        assert_eq!((plain("25826").as_str(), plain("any").as_str()), ("25826", "\"any\""));
    }
}
