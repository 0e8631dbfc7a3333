//! Settings in a file of TOML. Keys are the long flags; a table with the name of a subcommand is for that one alone.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::Command;
use collectd_net::Text;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::catalog::is_only_typed;
use super::problem::Spot;
use super::{Assignment, Choice, Place, Problem, Setting, all, counts, environment, is_switch, judge, takes_settings};
use crate::suggest::{did_you_mean, question};
use crate::{listen, send};

/// The file of the whole machine.
pub(super) const SYSTEM: &str = "/etc/collectd-tap.toml";

/// Longer than any configuration, so that a wrong file is noticed before it fills the memory.
const MAX_LENGTH: u64 = 1 << 20;

/// The file to read; none if none was named and the usual places are empty.
pub(super) fn find(choice: Choice<'_>) -> Result<Option<PathBuf>, Problem> {
    match choice {
        Choice::None => Ok(None),
        Choice::Named(path) => Ok(Some(path.to_owned())),
        Choice::Usual => {
            if let Some(path) = env::var_os(environment::FILE).filter(|path| !path.is_empty()) {
                return Ok(Some(path.into()));
            }
            for path in usual() {
                match path.try_exists() {
                    Ok(true) => return Ok(Some(path)),
                    Ok(false) => {}
                    // A home that may not be looked into has no file for us.
                    Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                    Err(error) => {
                        return Err(Problem::new(
                            Place::File { path, spot: None },
                            format!("cannot look for it: {error}"),
                        ));
                    }
                }
            }
            Ok(None)
        }
    }
}

/// The usual places, the user's own first.
pub(in crate::cli) fn usual() -> impl Iterator<Item = PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let own = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    own.map(|own| own.join("collectd-tap/config.toml")).into_iter().chain([SYSTEM.into()])
}

/// Takes what a file says.
pub(super) fn read(command: &Command, path: &Path, assignments: &mut Vec<Assignment>, problems: &mut Vec<Problem>) {
    let file = |spot| Place::File { path: path.to_owned(), spot };
    let text = match text(path) {
        Ok(text) => text,
        Err(error) => return problems.push(Problem::new(file(None), format!("cannot read it: {error}"))),
    };
    let place = |octets: Range<usize>| file(Some(Spot::new(&text, &octets)));
    let table = match DeTable::parse(&text) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let message = Text::from(error.message()).to_string();
            return problems.push(Problem::new(file(error.span().map(|span| Spot::new(&text, &span))), message));
        }
    };
    let settings = all(command);
    let mut reader = Reader { command, settings: &settings, place: &place, assignments, problems };
    reader.table(&table, None);
    reader.problems.sort_by_key(|problem| problem.place.line());
    reader.assignments.sort_by_key(|assignment| assignment.place.line());
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = Vec::new();
    File::open(path)?.take(MAX_LENGTH + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_LENGTH {
        return Err(io::Error::other("it is too long for a configuration"));
    }
    String::from_utf8(text).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|octet| **octet == b'\n').count() + 1;
        io::Error::other(format!("it is not in UTF-8 (line {line})"))
    })
}

struct Reader<'a> {
    command: &'a Command,
    settings: &'a [(Setting<'a>, Vec<&'a str>)],
    place: &'a dyn Fn(Range<usize>) -> Place,
    assignments: &'a mut Vec<Assignment>,
    problems: &'a mut Vec<Problem>,
}

type Key<'i> = Spanned<DeString<'i>>;
type Value<'i> = Spanned<DeValue<'i>>;
/// Where a value is wrong, and how.
type Wrong = (Range<usize>, String);

impl Reader<'_> {
    /// The whole file, or the section of a subcommand.
    fn table(&mut self, table: &DeTable<'_>, section: Option<&str>) {
        for (key, value) in table {
            let name: &str = key.get_ref();
            let is_section = section.is_none() && takes_settings(name) && self.command.find_subcommand(name).is_some();
            match value.get_ref() {
                DeValue::Table(table) if is_section => self.table(table, Some(name)),
                _ => self.entry(key, value, section, is_section),
            }
        }
    }

    fn entry(&mut self, key: &Key<'_>, value: &Value<'_>, section: Option<&str>, is_section: bool) {
        let name: &str = key.get_ref();
        let here = |subcommands: &[&str]| section.is_none_or(|section| subcommands.contains(&section));
        let Some((setting, subcommands)) = self.settings.iter().find(|(setting, _)| setting.name == name) else {
            let is_typed = is_only_typed(self.command, name);
            let message = if is_section {
                format!("'{name}' is a section: write [{name}] and its settings below")
            } else if is_typed {
                format!("'{name}' is no setting, but for one time alone: type --{name}")
            } else {
                format!("no setting is called '{}'", Text::from(name))
            };
            let known =
                self.settings.iter().filter(|(_, subcommands)| here(subcommands)).map(|(setting, _)| setting.name);
            let sections = self.command.get_subcommands().map(Command::get_name).filter(|name| takes_settings(name));
            let names = known.chain(sections.filter(|_| section.is_none()));
            let tip = question(name, names).filter(|_| !is_section && !is_typed);
            self.problems.push(Problem::new((self.place)(key.span()), message).with_tip(tip));
            return;
        };
        if !here(subcommands) {
            let whose = match subcommands.as_slice() {
                [] => "it is the whole program's and stands above all sections".into(),
                subcommands => format!("it is a setting of {}", subcommands.join(", ")),
            };
            let message = format!("'{name}' does not belong into [{}]", section.unwrap_or_default());
            self.problems.push(Problem::new((self.place)(key.span()), message).with_tip(Some(whose)));
            return;
        }
        let own = section.as_slice();
        let judges = if section.is_some() { own } else { subcommands.as_slice() };
        match self.values(setting, judges, value) {
            Ok(values) => self.assignments.push(Assignment {
                name: name.to_owned(),
                values,
                section: section.map(str::to_owned),
                place: (self.place)(value.span()),
            }),
            Err(wrong) => {
                let problems = wrong.into_iter().map(|(span, message)| Problem::new((self.place)(span), message));
                self.problems.extend(problems);
            }
        }
    }

    /// The values of a setting, judged.
    fn values(
        &self,
        setting: &Setting<'_>,
        subcommands: &[&str],
        value: &Value<'_>,
    ) -> Result<Vec<OsString>, Vec<Wrong>> {
        let wrong = |message: String| vec![(value.span(), message)];
        match value.get_ref() {
            DeValue::Array(values) if setting.is_list() => {
                let (mut all, mut problems) = (Vec::new(), Vec::new());
                for value in values {
                    match self.values(setting, subcommands, value) {
                        Ok(values) => all.extend(values),
                        Err(wrong) => problems.extend(wrong),
                    }
                }
                return if problems.is_empty() { Ok(all) } else { Err(problems) };
            }
            DeValue::Boolean(on) if is_switch(setting.arg) => return Ok(vec![on.to_string().into()]),
            _ if is_switch(setting.arg) => return Err(wrong(format!("'{}' is true or false", setting.name))),
            DeValue::Boolean(true) if setting.is_optional() && !counts(setting.arg) => {
                return judge::bare(self.command, setting, subcommands).map_err(wrong);
            }
            DeValue::Boolean(false) if setting.is_optional() => return Ok(Vec::new()),
            _ => {}
        }
        let text = match value.get_ref() {
            DeValue::Table(table) if setting.is_address() => {
                address(table, value.span(), options(setting)).map_err(|wrong| vec![wrong])?
            }
            value => scalar(value).ok_or_else(|| wrong(format!("'{}' takes {}", setting.name, expected(setting))))?,
        };
        judge::value(self.command, setting, subcommands, OsStr::new(&text)).map_err(wrong)?;
        Ok(vec![text.into()])
    }
}

/// What a flag can take, in the words of TOML.
fn expected(setting: &Setting<'_>) -> &'static str {
    match (setting.is_list(), setting.is_address()) {
        (true, true) => "addresses, each a string or a table with a host",
        (true, false) => "an array of strings",
        (false, _) => "one value, not several",
    }
}

/// A value as it would be typed.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        // Digit groups and other bases are TOML's own.
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(on) => Some(on.to_string()),
        DeValue::Datetime(time) => Some(time.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// The options that an address of this setting may have.
fn options(setting: &Setting<'_>) -> &'static [&'static str] {
    if setting.name == "server" { &send::OPTIONS } else { &listen::OPTIONS }
}

/// An address spelt as a table, in the form of the flag: `HOST:PORT%INTERFACE,option=value…`.
fn address(table: &DeTable<'_>, whole: Range<usize>, known: &[&str]) -> Result<String, Wrong> {
    let mut parts = [None, None, None];
    let mut options = String::new();
    for (key, value) in table {
        let name: &str = key.get_ref();
        let values = match value.get_ref() {
            DeValue::Array(values) => values.iter().collect(),
            _ => vec![value],
        };
        for value in values {
            let wrong = |message: &str| (value.span(), format!("'{}' {message}", Text::from(name)));
            let text = scalar(value.get_ref()).ok_or_else(|| wrong("takes one value"))?;
            if text.contains(',') {
                return Err(wrong("cannot have a comma in its value"));
            }
            match ["host", "port", "interface"].iter().position(|part| *part == name) {
                Some(part) => parts[part] = Some(text),
                None if !known.contains(&name) => {
                    let known = ["host", "port"].into_iter().chain(known.iter().copied());
                    let meant = did_you_mean(name, known);
                    return Err((key.span(), format!("an address has no '{}'{meant}", Text::from(name))));
                }
                None => options += &format!(",{name}={text}"),
            }
        }
    }
    let [host, port, interface] = parts;
    let host = host.ok_or_else(|| (whole, "an address needs a host".into()))?;
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host };
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let interface = interface.map(|interface| format!("%{interface}")).unwrap_or_default();
    Ok(host + &port + &interface + &options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(toml: &str) -> Result<String, String> {
        address(DeTable::parse(toml).expect("TOML").get_ref(), 0..1, &listen::OPTIONS).map_err(|(_, message)| message)
    }

    #[test]
    fn an_address_may_be_a_table() {
        for (toml, text) in [
            (r#"host = "239.1.2.3""#, Ok("239.1.2.3")),
            ("host = \"ff18::1\"\nport = 25_827\ninterface = \"eth0\"", Ok("[ff18::1]:25827%eth0")),
            ("interface = \"eth0\"\nhost = \"a\"\nport = \"1\"", Ok("a:1%eth0")),
            (
                "host = \"a\"\nsecurity-level = \"sign\"\nsource = [\"b\", \"c\"]",
                Ok("a,security-level=sign,source=b,source=c"),
            ),
            ("host = \"a\"\nprot = 1", Err("an address has no 'prot', did you mean 'port'?")),
            ("port = 1", Err("an address needs a host")),
            ("host = \"a\"\nauth-file = \"b,c\"", Err("'auth-file' cannot have a comma in its value")),
            ("host = { a = 1 }", Err("'host' takes one value")),
        ] {
            assert_eq!(parsed(toml), text.map(str::to_owned).map_err(str::to_owned), "{toml}");
        }
    }

    #[test]
    fn a_server_has_options_of_its_own() {
        let toml = "host = \"fd00::7\"\nttl = 4\nusername = \"paris\"";
        let parsed = |known| address(DeTable::parse(toml).expect("TOML").get_ref(), 0..1, known);
        assert_eq!(parsed(&send::OPTIONS).ok().as_deref(), Some("[fd00::7],ttl=4,username=paris"));
        assert!(parsed(&listen::OPTIONS).is_err());
    }

    #[test]
    fn values_are_as_they_would_be_typed() {
        let table =
            DeTable::parse("a = 1_000\nb = 0x10\nc = 0.5\nd = \"x y\"\ne = true\nf = [1]\ng = -3").expect("TOML");
        let values: Vec<_> = table.get_ref().values().map(|value| scalar(value.get_ref())).collect();
        let expected = [Some("1000"), Some("16"), Some("0.5"), Some("x y"), Some("true"), None, Some("-3")];
        assert_eq!(values.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
    }
}
