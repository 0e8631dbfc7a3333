//! `collectd-tap config --import`: what collectd's network plugin does, in our words.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use collectd_net::{SecurityLevel, Text};

use super::config::quoted;
use crate::collectd_conf::{self, Item, Note, Value};

/// The settings that a `collectd.conf` comes to, and what has no equivalent in them.
pub(super) struct Imported {
    /// A file of settings.
    pub(super) toml: String,
    /// What is left out, and what to know.
    pub(super) notes: Vec<Note>,
}

/// Reads a `collectd.conf`.
pub(super) fn import(path: &Path) -> Result<Imported, Note> {
    let mut import = Import::default();
    let items = collectd_conf::read(path, &mut import.notes)?;
    let plugins: Vec<&Item> = items.iter().filter(|item| item.is("Plugin") && names_network(item)).collect();
    if plugins.is_empty() {
        import.notes.extend(items.first().map(|item| {
            let place = collectd_conf::Place { line: None, ..item.place.clone() };
            Note::new(place, "there is no <Plugin network> in it")
        }));
    }
    for option in plugins.iter().flat_map(|plugin| &plugin.children) {
        import.option(option);
    }
    for item in items.iter().filter(|item| item.is("TypesDB")) {
        import.types_db.extend(item.values.iter().filter_map(Value::text).map(str::to_owned));
    }
    let mut toml = format!("# What <Plugin network> of {} says, for collectd-tap.\n", super::shown(path.as_os_str()));
    import.write(&mut toml);
    Ok(Imported { toml, notes: import.notes })
}

fn names_network(plugin: &Item) -> bool {
    plugin.name().is_some_and(|name| name.eq_ignore_ascii_case("network"))
}

#[derive(Default)]
struct Import {
    listen: Vec<Socket>,
    servers: Vec<Server>,
    types_db: Vec<String>,
    notes: Vec<Note>,
}

/// A `Listen`.
struct Socket {
    host: String,
    port: Option<String>,
    interface: Option<String>,
    security: Security,
}

/// What a socket accepts.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Security {
    level: Option<&'static str>,
    auth_file: Option<String>,
}

/// A `Server` that sends to a group, which can be heard there.
struct Server {
    group: IpAddr,
    port: Option<String>,
    interface: Option<String>,
    user: Option<String>,
    place: collectd_conf::Place,
}

impl Import {
    fn note(&mut self, item: &Item, message: impl Into<String>) {
        self.notes.push(Note::new(item.place.clone(), message));
    }

    /// An option of the plugin.
    fn option(&mut self, option: &Item) {
        let key = option.key.as_str();
        match key.to_ascii_lowercase().as_str() {
            "listen" => self.listen(option),
            "server" => self.server(option),
            "maxpacketsize" => self.note(option, "MaxPacketSize is not needed: packets of any size are taken"),
            "timetolive" => self.note(option, "TimeToLive has no equivalent: it is for what is sent"),
            "forward" | "reportstats" if option.only_value() == Some(&Value::Boolean(false)) => {}
            "forward" => self.note(option, "Forward has no equivalent: what arrives is printed, not sent on"),
            "reportstats" => self.note(option, "ReportStats has no equivalent: counters are told at the end"),
            _ => self.note(option, format!("'{key}' is no option of the network plugin")),
        }
    }

    fn listen(&mut self, listen: &Item) {
        let Some((host, port)) = self.address(listen) else { return };
        let mut socket = Socket { host, port, interface: None, security: Security::default() };
        for option in &listen.children {
            let Some(value) = self.text(option) else { continue };
            match option.key.to_ascii_lowercase().as_str() {
                "interface" => socket.interface = Some(value),
                "authfile" => {
                    if Path::new(&value).is_relative() {
                        self.note(option, "AuthFile is relative to collectd's BaseDir here; write the whole path");
                    }
                    socket.security.auth_file = Some(value);
                }
                "securitylevel" => match value.parse() {
                    Ok(level) => socket.security.level = word(level),
                    Err(_) => self.note(
                        option,
                        format!(
                            "'{}' is no security level, for which reason collectd takes everything here: write \
                             security-level = \"sign\" or \"encrypt\" if that is not meant",
                            Text::from(value.as_str())
                        ),
                    ),
                },
                _ => self.note(option, format!("'{}' is no option of a <Listen> block", option.key)),
            }
        }
        if socket.security.level.is_some() && socket.security.auth_file.is_none() {
            self.note(listen, "collectd does not open this socket: its security level needs an AuthFile");
        }
        self.listen.push(socket);
    }

    fn server(&mut self, server: &Item) {
        let Some((host, port)) = self.address(server) else { return };
        let (mut interface, mut user) = (None, None);
        for option in &server.children {
            match option.key.to_ascii_lowercase().as_str() {
                "interface" => interface = self.text(option),
                "username" => user = self.text(option),
                // Passwords stay where they are; the rest is for sending only.
                "password" | "securitylevel" | "bindaddress" | "resolveinterval" => {}
                _ => self.note(option, format!("'{}' is no option of a <Server> block", option.key)),
            }
        }
        match host.parse() {
            Ok(group @ (IpAddr::V4(_) | IpAddr::V6(_))) if group.is_multicast() => {
                self.note(
                    server,
                    "Server has no equivalent: nothing is sent; see the comment for how to hear this group",
                );
                self.servers.push(Server { group, port, interface, user, place: server.place.clone() });
            }
            _ => self.note(server, "Server has no equivalent: nothing is sent"),
        }
    }

    /// The host and the port behind `Listen` or `Server`.
    fn address(&mut self, item: &Item) -> Option<(String, Option<String>)> {
        let (host, port) = match item.values.as_slice() {
            [Value::Text(host)] => (host, None),
            [Value::Text(host), Value::Text(port)] => (host, Some(port)),
            [Value::Text(host), Value::Number(port)] => {
                self.note(item, format!("collectd wants quotes around the port and leaves this {} out", item.key));
                (host, Some(port))
            }
            _ => {
                self.note(item, format!("{} takes a host and a port, both in quotes; it is left out", item.key));
                return None;
            }
        };
        let Some(port) = port else { return Some((host.clone(), None)) };
        if !matches!(port.parse::<u16>(), Ok(1..)) {
            let port = Text::from(port.as_str());
            self.note(item, format!("the port '{port}' is no number from 1 to 65535; this {} is left out", item.key));
            return None;
        }
        Some((host.clone(), Some(port.clone())))
    }

    /// The value of an option that takes one string.
    fn text(&mut self, option: &Item) -> Option<String> {
        let text = option.only_value().and_then(Value::text).map(str::to_owned);
        if text.is_none() {
            self.note(option, format!("{} takes exactly one string; it is left out", option.key));
        }
        text
    }

    fn write(&self, toml: &mut String) {
        let kinds: BTreeSet<&Security> = self.listen.iter().map(|socket| &socket.security).collect();
        let alike = kinds.len() == 1;
        if let Some(security) = kinds.first().filter(|_| alike) {
            toml.push('\n');
            security.write(toml);
        }
        if !self.types_db.is_empty() {
            let files: Vec<_> = self.types_db.iter().map(|file| quoted(file)).collect();
            let _ = writeln!(toml, "\ntypes-db = [{}]", files.join(", "));
        }
        if self.listen.is_empty() {
            toml.push_str("\n# It does not listen. Without more, collectd-tap listens on the two default groups.\n");
        }
        for socket in &self.listen {
            let table = table(&socket.host, socket.port.as_deref(), socket.interface.as_deref());
            let _ = write!(toml, "\n{table}");
            if !alike {
                socket.security.write(toml);
            }
        }
        for server in &self.servers {
            server.write(toml);
        }
    }
}

impl Security {
    fn write(&self, toml: &mut String) {
        if let Some(level) = self.level {
            let _ = writeln!(toml, "security-level = {}", quoted(level));
        }
        if let Some(path) = &self.auth_file {
            let _ = writeln!(toml, "auth-file = {}", quoted(path));
        }
    }
}

impl Server {
    /// How to hear what is sent there, as a comment.
    fn write(&self, toml: &mut String) {
        let place = &self.place;
        let _ = writeln!(toml, "\n# It sends to a group ({place}). To hear that:");
        if let Some(user) = &self.user {
            let _ = writeln!(toml, "# (as user {}, whose password belongs into the file of auth-file)", quoted(user));
        }
        let table = table(&self.group.to_string(), self.port.as_deref(), self.interface.as_deref());
        table.lines().for_each(|line| {
            let _ = writeln!(toml, "#{line}");
        });
    }
}

/// An address as a table.
fn table(host: &str, port: Option<&str>, interface: Option<&str>) -> String {
    let mut table = format!("[[listen]]\nhost = {}\n", quoted(host));
    if let Some(port) = port {
        // TOML has no numbers with zeros before them.
        let _ = writeln!(table, "port = {}", port.trim_start_matches(['0', '+']));
    }
    if let Some(interface) = interface {
        let _ = writeln!(table, "interface = {}", quoted(interface));
    }
    table
}

/// The word of a level, unless it is none.
const fn word(level: SecurityLevel) -> Option<&'static str> {
    match level {
        SecurityLevel::None => None,
        SecurityLevel::Sign => Some("sign"),
        SecurityLevel::Encrypt => Some("encrypt"),
    }
}
