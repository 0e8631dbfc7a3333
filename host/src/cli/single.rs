//! One value list or notification, said with flags.

use collectd_net::{
    Identifier, Interval, Item, Kind, Notification, Protection, Severity, Text, Time, ValueList, Values,
};

use super::Failure;
use super::send::wall_clock;
use crate::OwnedItem;
use crate::types_db::TypesDb;
use collectd_tap_stream::command::{MESSAGE, NAME, encode, seconds, value};

/// What makes the item; without a value and a message there is none, and commands are read.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "One item instead of commands")]
pub(super) struct Single {
    /// A value of a value list, such as 1.5 or derive:7; once for each of the type's values
    #[arg(long, value_name = "[KIND:]NUMBER", allow_hyphen_values = true)]
    #[arg(requires_all = ["plugin", "type_"], conflicts_with_all = ["message", "severity"])]
    value: Vec<String>,
    /// The message of a notification
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, requires = "severity")]
    message: Option<String>,
    /// How bad it is: failure, warning or okay
    #[arg(long, value_name = "SEVERITY", requires = "message", value_parser = severity)]
    severity: Option<Severity>,
    /// The host of the item, if it is not this machine
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// The plugin of the item
    #[arg(long, value_name = "NAME")]
    plugin: Option<String>,
    /// The plugin instance of the item
    #[arg(long, value_name = "NAME")]
    plugin_instance: Option<String>,
    /// The type of the item
    #[arg(id = "type_", long = "type", value_name = "NAME")]
    type_: Option<String>,
    /// The type instance of the item
    #[arg(long, value_name = "NAME")]
    type_instance: Option<String>,
    /// The time of the item in seconds since 1970, if it is not now
    #[arg(long, value_name = "SECONDS", value_parser = time)]
    at: Option<Time>,
}

fn severity(text: &str) -> Result<Severity, String> {
    let all = [Severity::Failure, Severity::Warning, Severity::Okay];
    let meant = all.into_iter().find(|severity| severity.name().eq_ignore_ascii_case(text));
    meant.ok_or_else(|| "a severity is failure, warning or okay".into())
}

pub(super) fn time(text: &str) -> Result<Time, String> {
    let units = seconds(text.as_bytes()).filter(|units| *units > 0);
    units.map(Time::from_raw).ok_or_else(|| "a time is a number of seconds since 1970".into())
}

impl Single {
    /// The item, if there is one.
    pub(super) fn item(&self, interval: Option<Interval>, types: &TypesDb) -> Result<Option<OwnedItem>, Failure> {
        if self.value.is_empty() && self.message.is_none() {
            return Ok(None);
        }
        let host = match &self.host {
            Some(host) => host.clone(),
            None => nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).map_err(|error| {
                Failure::Runtime(format!("this machine has no name ({error}): say one with --host"))
            })?,
        };
        let name = |name: &'static str, text: Option<&String>| {
            let text = text.map(String::as_str).unwrap_or_default();
            match text.len() > NAME || text.contains('\0') {
                true => Err(Failure::Usage(format!("--{name} has {NAME} octets at the most"))),
                false => Ok(text.to_owned()),
            }
        };
        let [host, plugin, plugin_instance, type_, type_instance] = [
            name("host", Some(&host))?,
            name("plugin", self.plugin.as_ref())?,
            name("plugin-instance", self.plugin_instance.as_ref())?,
            name("type", self.type_.as_ref())?,
            name("type-instance", self.type_instance.as_ref())?,
        ];
        let identifier = Identifier {
            host: host.as_str().into(),
            plugin: plugin.as_str().into(),
            plugin_instance: plugin_instance.as_str().into(),
            type_: type_.as_str().into(),
            type_instance: type_instance.as_str().into(),
        };
        let time = self.at.unwrap_or_else(wall_clock);
        let (protection, user) = (Protection::None, None);
        if let (Some(message), Some(severity)) = (&self.message, self.severity) {
            if message.is_empty() || message.len() > MESSAGE || message.contains('\0') {
                return Err(Failure::Usage(format!("a message has 1 to {MESSAGE} octets")));
            }
            let message = Text::from(message.as_str());
            let item = Item::Notification(Notification { identifier, time, severity, message, protection, user });
            return Ok(Some(OwnedItem::new(&item, None)));
        }
        if identifier.host.is_empty() || identifier.plugin.is_empty() || identifier.type_.is_empty() {
            return Err(Failure::Usage("a value list has a host, a plugin and a type".into()));
        }
        let (kinds, octets) = self.values(identifier.type_, types)?;
        let values = Values::new(&kinds, &octets).map_err(|cause| Failure::Usage(cause.to_string()))?;
        let item = Item::ValueList(ValueList { identifier, time, interval, values, protection, user });
        Ok(Some(OwnedItem::new(&item, None)))
    }

    /// The values as they stand in a packet. Kinds that are not said are those of the type.
    fn values(&self, type_: Text<'_>, types: &TypesDb) -> Result<(Vec<u8>, Vec<[u8; 8]>), Failure> {
        let set = types.get(type_);
        if let Some(set) = set.filter(|set| set.sources.len() != self.value.len()) {
            let (wanted, found) = (set.sources.len(), self.value.len());
            return Err(Failure::Usage(format!("values of type {type_}: {wanted}, and there are {found}")));
        }
        let mut all = (Vec::new(), Vec::new());
        for (place, text) in self.value.iter().enumerate() {
            let (kind, number) = match text.split_once(':') {
                Some((word, number)) => (kind(word)?, number),
                None => {
                    let source = set.and_then(|set| set.sources.get(place)).ok_or_else(|| {
                        let text = Text::from(text.as_str());
                        Failure::Usage(format!("no types.db has the type {type_}: say the kind, --value gauge:{text}"))
                    })?;
                    (source.kind, text.as_str())
                }
            };
            let shown = Text::from(text.as_str());
            let value = value(number.as_bytes(), kind)
                .map_err(|why| Failure::Usage(format!("'{shown}' is no value: {why}")))?;
            let (kind, octets) = encode(value);
            all.0.push(kind);
            all.1.push(octets);
        }
        Ok(all)
    }
}

fn kind(word: &str) -> Result<Kind, Failure> {
    collectd_tap_stream::command::kind(word).map_err(Failure::Usage)
}
