//! Which settings there are: the long flags of the subcommands that do the work.

use clap::{Arg, ArgAction, Command};

/// Subcommands that are about the program itself. Nothing is set for them.
const ABOUT: [&str; 5] = ["check", "completions", "config", "help", "man"];

/// Flags that are no settings: they say where settings come from, ask for a text, are one item to send, or are for one time alone,
/// such as to send nothing, or to lose what was recorded before.
const NOT_SETTINGS: [&str; 18] = [
    "at",
    "config",
    "dry-run",
    "help",
    "host",
    "lint",
    "loop",
    "message",
    "no-config",
    "overwrite",
    "plugin",
    "plugin-instance",
    "severity",
    "shift-time",
    "type",
    "type-instance",
    "value",
    "version",
];

/// Before the names of switches in the ids of their opposites.
const OFF: &str = "off:";

/// A flag that variables and the file can set.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Setting<'a> {
    /// The long flag without its dashes, which is the key of the file.
    pub(in crate::cli) name: &'a str,
    /// The flag.
    pub(in crate::cli) arg: &'a Arg,
    /// Whether it belongs to the program, not to a subcommand.
    pub(super) is_everywhere: bool,
    /// The command that has the flag.
    command: &'a Command,
}

impl<'a> Setting<'a> {
    fn new(command: &'a Command, arg: &'a Arg, is_everywhere: bool) -> Option<Self> {
        let name = arg.get_long()?;
        let wanted = !NOT_SETTINGS.contains(&name) && !arg.get_id().as_str().starts_with(OFF);
        wanted.then_some(Self { name, arg, is_everywhere, command })
    }

    /// The environment variable of this setting.
    pub(in crate::cli) fn variable(&self) -> String {
        super::environment::PREFIX.to_owned() + &self.name.to_uppercase().replace('-', "_")
    }

    /// Flags that cannot stand beside this one.
    pub(super) fn rivals(&self) -> Vec<&'a Arg> {
        let others = self.command.get_arg_conflicts_with(self.arg);
        others.into_iter().filter(|other| !other.get_id().as_str().starts_with(OFF)).collect()
    }

    /// Whether it may have several values.
    pub(in crate::cli) fn is_list(&self) -> bool {
        let many = self.arg.get_num_args().is_some_and(|count| count.max_values() > 1);
        many || matches!(self.arg.get_action(), ArgAction::Append) || self.arg.get_value_delimiter().is_some()
    }

    /// Whether the flag may stand without a value, too.
    pub(super) fn is_optional(&self) -> bool {
        !is_switch(self.arg) && self.arg.get_num_args().is_some_and(|count| count.min_values() == 0)
    }

    /// Whether its values are addresses, which the file may spell as a table.
    #[cfg(feature = "config")]
    pub(super) fn is_address(&self) -> bool {
        self.arg.get_value_names().is_some_and(|names| names.iter().any(|name| name.starts_with("HOST")))
    }
}

/// Whether something can be set for this subcommand.
pub(in crate::cli) fn takes_settings(subcommand: &str) -> bool {
    !ABOUT.contains(&subcommand)
}

/// The settings of a subcommand, in the order of its help, and then those of the program.
pub(in crate::cli) fn of<'a>(command: &'a Command, subcommand: &str) -> impl Iterator<Item = Setting<'a>> {
    let sub = command.find_subcommand(subcommand).filter(|_| takes_settings(subcommand));
    let own = sub.into_iter().flat_map(|sub| {
        sub.get_arguments().filter(|arg| !arg.is_global_set()).filter_map(|arg| Setting::new(sub, arg, false))
    });
    own.chain(everywhere(command))
}

/// All settings, each once, with the subcommands that have it; those of the program have none.
pub(in crate::cli) fn all(command: &Command) -> Vec<(Setting<'_>, Vec<&str>)> {
    let mut all: Vec<(Setting<'_>, Vec<&str>)> = Vec::new();
    for sub in command.get_subcommands() {
        let name = sub.get_name();
        for setting in of(command, name).filter(|setting| !setting.is_everywhere) {
            match all.iter_mut().find(|(known, _)| known.name == setting.name) {
                Some((_, subcommands)) => subcommands.push(name),
                None => all.push((setting, vec![name])),
            }
        }
    }
    all.extend(everywhere(command).map(|setting| (setting, Vec::new())));
    all
}

/// Whether a name is that of a flag which can only be typed.
pub(super) fn is_only_typed(command: &Command, name: &str) -> bool {
    let has = |command: &Command| command.get_arguments().any(|arg| arg.get_long() == Some(name));
    NOT_SETTINGS.contains(&name) && command.get_subcommands().chain([command]).any(has)
}

fn everywhere(command: &Command) -> impl Iterator<Item = Setting<'_>> {
    let global = command.get_arguments().filter(|arg| arg.is_global_set());
    global.filter_map(|arg| Setting::new(command, arg, true))
}

/// Whether a flag is on or off.
pub(in crate::cli) fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
        && arg.get_long().is_some_and(|name| !NOT_SETTINGS.contains(&name))
        && !arg.get_id().as_str().starts_with(OFF)
}

/// The flag that turns a switch off again.
pub(super) fn opposite(switch: &Arg) -> Arg {
    let name = switch.get_long().unwrap_or_default();
    let name = name.strip_prefix("no-").map_or_else(|| format!("no-{name}"), str::to_owned);
    Arg::new(opposite_id(switch))
        .long(name)
        .action(ArgAction::SetTrue)
        .overrides_with(switch.get_id())
        .global(switch.is_global_set())
        .hide(true)
}

/// What clap knows that flag by.
pub(super) fn opposite_id(switch: &Arg) -> String {
    format!("{OFF}{}", switch.get_id())
}
