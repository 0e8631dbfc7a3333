//! `collectd-tap config`: a file with all settings, to begin with.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use super::settings::{self, Setting};
use super::{Exit, Failure, command};

#[derive(Debug, clap::Args)]
pub(super) struct Config {}

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

pub(super) fn run(_arguments: &Config) -> Result<Exit, Failure> {
    io::stdout().lock().write_all(template(&command()).as_bytes()).map_err(Failure::Output)?;
    Ok(Exit::Done)
}

/// A file with every setting, each commented out.
fn template(command: &clap::Command) -> String {
    let mut text = HEAD.to_owned();
    let working = command.get_subcommands().filter(|sub| settings::takes_settings(sub.get_name())).count();
    for (setting, subcommands) in settings::all(command) {
        if setting.arg.is_hide_set() {
            continue;
        }
        text.push('\n');
        let help = setting.arg.get_long_help().or_else(|| setting.arg.get_help()).map(ToString::to_string);
        for line in help.unwrap_or_default().lines() {
            let _ = writeln!(text, "# {line}");
        }
        let words: Vec<_> = setting.arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        if !settings::is_switch(setting.arg) && !setting.arg.is_hide_possible_values_set() && !words.is_empty() {
            let _ = writeln!(text, "# One of: {}.", words.join(", "));
        }
        if !subcommands.is_empty() && subcommands.len() < working {
            let _ = writeln!(text, "# For: {}.", subcommands.join(", "));
        }
        let _ = writeln!(text, "#{} = {}", setting.name, value(&setting));
    }
    text + TAIL
}

/// The default of a setting in TOML, or else one of its words, or what stands for its value in the help.
fn value(setting: &Setting<'_>) -> String {
    if settings::is_switch(setting.arg) {
        return "false".into();
    }
    let quoted = |text: &str| match text.parse::<i64>() {
        Ok(number) => number.to_string(),
        Err(_) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
    };
    let quoted_all = |values: &[String]| values.iter().map(|value| quoted(value)).collect::<Vec<_>>();
    let defaults = setting.arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
    let words = setting.arg.get_possible_values().into_iter().take(1).map(|value| value.get_name().to_owned());
    let names = setting.arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string);
    let kinds: [Vec<String>; 3] = [defaults.collect(), words.collect(), names.collect()];
    let values = kinds.iter().find(|values| !values.is_empty()).map(|values| quoted_all(values)).unwrap_or_default();
    match values.as_slice() {
        [value] if !setting.is_list() => value.clone(),
        // A flag that only counts has no name for its value.
        [] => "0".into(),
        _ => format!("[{}]", values.join(", ")),
    }
}
