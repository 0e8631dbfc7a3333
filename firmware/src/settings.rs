//! Settings: what a board is told, as text in its flash.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::str;
use core::time::Duration;

use collectd_net::{Filter, FilterError, GROUP_V4, GROUP_V6, Key, PORT, SecurityLevel, Text, User};
use heapless::Vec;
use smoltcp::wire::{IpAddress, IpCidr, Ipv4Cidr, Ipv6Cidr};

use crate::address::{address, cidr, cut, first, socket};
use crate::alarm::Threshold;

/// Groups that a node can join.
pub const GROUPS: usize = 8;
/// Users whose passwords a node can know.
pub const USERS: usize = 4;
/// Thresholds that a node can watch.
pub const THRESHOLDS: usize = 8;

/// Where the IPv4 address comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// From a DHCP server.
    Dhcp,
    /// It is this one.
    Static(Ipv4Cidr),
    /// There is none.
    Off,
}

/// Where IPv6 addresses come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address6 {
    /// The link-local one, and those that routers advertise prefixes for.
    Slaac,
    /// The link-local one and this one.
    Static(Ipv6Cidr),
    /// There are none.
    Off,
}

/// What a node is told: `key = value` lines, read by [`Settings::parse`].
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    /// `name`: the host that the board reports as; its own name and the end of its hardware address unless told otherwise.
    pub name: Option<&'a str>,
    /// `address`: `dhcp`, `off`, or an IPv4 address with its prefix length.
    pub address: Address,
    /// `gateway`: the router for a static address.
    pub gateway: Option<Ipv4Addr>,
    /// `address6`: `slaac`, `off`, or an IPv6 address with its prefix length.
    pub address6: Address6,
    /// `groups`: the multicast groups to join, with commas between them.
    pub groups: Vec<IpAddress, GROUPS>,
    /// `port`: the UDP port to listen on.
    pub port: u16,
    /// `security-level`: `none`, `sign` or `encrypt`, the least that is taken.
    pub security_level: SecurityLevel,
    /// `user`: a name and a password, once for each user.
    pub users: Vec<User<'a>, USERS>,
    /// `filter`: which items are logged.
    pub filter: Option<Filter>,
    /// `log-rate`: items logged in a second at most.
    pub log_rate: u16,
    /// `missing-after`: for how many of its intervals a host may be silent.
    pub missing_after: u16,
    /// `threshold`: an expression that means an alarm when an item fits it, once for each.
    pub thresholds: Vec<Threshold<'a>, THRESHOLDS>,
    /// `alarms`: whether alarms are sent as notifications.
    pub alarms: bool,
    /// `report`: how often the board sends its own readings; `None` is never.
    pub report: Option<Duration>,
    /// `report-to`: where readings and alarms are sent; the first group unless told otherwise.
    pub report_to: Option<SocketAddr>,
    /// `report-user`: the name and password that sign what is sent.
    pub report_user: Option<(&'a str, Key)>,
    /// `sntp`: the time server.
    pub sntp: Option<IpAddress>,
    /// `http`: whether there is a status page.
    pub http: bool,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        let mut groups = Vec::new();
        for group in [IpAddress::Ipv4(GROUP_V4), IpAddress::Ipv6(GROUP_V6)] {
            _ = groups.push(group);
        }
        Self {
            name: None,
            address: Address::Dhcp,
            gateway: None,
            address6: Address6::Slaac,
            groups,
            port: PORT,
            security_level: SecurityLevel::None,
            users: Vec::new(),
            filter: None,
            log_rate: 20,
            missing_after: 3,
            thresholds: Vec::new(),
            alarms: false,
            report: Some(Duration::from_secs(10)),
            report_to: None,
            report_user: None,
            sntp: None,
            http: true,
        }
    }
}

impl<'a> Settings<'a> {
    /// Reads `text`: lines of `key = value`; empty lines and those that begin with `#` say nothing. It ends at the first octet that
    /// is 0x00 or 0xff, as flash that was never written begins.
    ///
    /// What a line says wrongly goes to `complain`, and the line counts for nothing.
    #[must_use]
    pub fn parse(text: &'a [u8], complain: impl FnMut(SettingsError<'a>)) -> Self {
        let mut settings = Self::default();
        settings.read(text, complain);
        settings
    }

    /// The same, in place: settings are large for a board's stack.
    pub fn read(&mut self, text: &'a [u8], mut complain: impl FnMut(SettingsError<'a>)) {
        let end = text.iter().position(|octet| matches!(octet, 0x00 | 0xff)).unwrap_or(text.len());
        let lines = text.get(..end).unwrap_or_default().split(|octet| *octet == b'\n');
        for (number, line) in (1..).zip(lines) {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            if let Err(cause) = self.line(line) {
                complain(SettingsError { line: number, text: Text::new(line), cause });
            }
        }
    }

    #[inline(never)]
    fn line(&mut self, line: &'a [u8]) -> Result<(), SettingsCause> {
        let line = str::from_utf8(line).map_err(|_| SettingsCause::Expected("text in UTF-8"))?;
        let (key, value) = cut(line, b'=').ok_or(SettingsCause::Expected("key = value"))?;
        let (key, value) = (key.trim_ascii(), value.trim_ascii());
        match key {
            "filter" => self.filter(value),
            "threshold" => self.threshold(value),
            _ => self.set(key, value).map_err(|wrong| match wrong {
                Wrong::Key => SettingsCause::Key,
                Wrong::Expected(what) => SettingsCause::Expected(what),
                Wrong::Full(what) => SettingsCause::Full(what),
            }),
        }
    }

    // Each apart, and so each with a small piece of the stack.

    /// The keys without expressions.
    #[inline(never)]
    fn set(&mut self, key: &str, value: &'a str) -> Result<(), Wrong> {
        match key {
            "name" => self.name = Some(non_empty(value, "a host name")?),
            "address" | "gateway" | "address6" | "groups" | "report-to" | "sntp" => return self.place(key, value),
            "user" | "report-user" => return self.user(key == "report-user", value),
            "port" => self.port = positive(value, "a port")?,
            "security-level" => {
                self.security_level = value.parse().map_err(|_| Wrong::Expected("none, sign or encrypt"))?;
            }
            "log-rate" => self.log_rate = number(value, "lines in a second")?,
            "missing-after" => self.missing_after = positive(value, "a number of intervals")?,
            "alarms" => self.alarms = on_or_off(value)?,
            "report" => {
                self.report = match value {
                    "off" => None,
                    _ => Some(Duration::from_secs(positive(value, "off or a number of seconds")?.into())),
                }
            }
            "http" => self.http = on_or_off(value)?,
            _ => return Err(Wrong::Key),
        }
        Ok(())
    }

    /// The keys of addresses.
    #[inline(never)]
    fn place(&mut self, key: &str, value: &str) -> Result<(), Wrong> {
        match key {
            "address" => {
                self.address = match value {
                    "dhcp" => Address::Dhcp,
                    "off" => Address::Off,
                    _ => match cidr(value) {
                        Some(IpCidr::Ipv4(cidr)) => Address::Static(cidr),
                        _ => return Err(Wrong::Expected("dhcp, off or an address like 10.0.0.2/24")),
                    },
                }
            }
            "gateway" => match ip(value, "an IPv4 address")? {
                IpAddr::V4(gateway) => self.gateway = Some(gateway),
                IpAddr::V6(_) => return Err(Wrong::Expected("an IPv4 address")),
            },
            "address6" => {
                self.address6 = match value {
                    "slaac" => Address6::Slaac,
                    "off" => Address6::Off,
                    _ => match cidr(value) {
                        Some(IpCidr::Ipv6(cidr)) => Address6::Static(cidr),
                        _ => return Err(Wrong::Expected("slaac, off or an address like fd00::2/64")),
                    },
                }
            }
            "groups" => {
                let mut groups = Vec::new();
                let mut rest = Some(value);
                while let Some(value) = rest {
                    const GROUP: &str = "multicast addresses with commas between them";
                    let group;
                    (group, rest) = first(value, b',');
                    let group = group.trim_ascii();
                    if group.is_empty() {
                        continue;
                    }
                    let group = IpAddress::from(ip(group, GROUP)?);
                    let group = group.is_multicast().then_some(group).ok_or(Wrong::Expected(GROUP))?;
                    groups.push(group).map_err(|_| Wrong::Full("groups"))?;
                }
                self.groups = groups;
            }
            "report-to" => {
                const PLACE: &str = "an address, with a port or without";
                let place = socket(value, PORT).ok_or(Wrong::Expected(PLACE))?;
                self.report_to = (place.port() > 0 && !place.ip().is_unspecified()).then_some(place);
                self.report_to.ok_or(Wrong::Expected(PLACE))?;
            }
            _ => self.sntp = Some(ip(value, "an address")?.into()),
        }
        Ok(())
    }

    #[inline(never)]
    fn user(&mut self, reports: bool, value: &'a str) -> Result<(), Wrong> {
        let (name, password) = credentials(value)?;
        if reports {
            self.report_user = Some((name, Key::new(password.as_bytes())));
            return Ok(());
        }
        self.users.push(User::new(name, password)).map_err(|_| Wrong::Full("users"))
    }

    #[inline(never)]
    fn filter(&mut self, value: &str) -> Result<(), SettingsCause> {
        self.filter = Some(Filter::new(value).map_err(SettingsCause::Filter)?);
        Ok(())
    }

    #[inline(never)]
    fn threshold(&mut self, value: &'a str) -> Result<(), SettingsCause> {
        let threshold = Threshold::parse(value).map_err(SettingsCause::Filter)?;
        self.thresholds.push(threshold).map_err(|_| SettingsCause::Full("thresholds"))
    }

    /// Where readings and alarms are sent: where `report-to` says, otherwise to the first group.
    #[must_use]
    pub fn destination(&self) -> Option<SocketAddr> {
        self.report_to.or_else(|| self.groups.first().map(|group| SocketAddr::new((*group).into(), PORT)))
    }

    /// The addresses that are the board's from the start.
    pub(crate) fn static_addresses(&self) -> impl Iterator<Item = IpCidr> {
        let four = match self.address {
            Address::Static(cidr) => Some(IpCidr::Ipv4(cidr)),
            Address::Dhcp | Address::Off => None,
        };
        let six = match self.address6 {
            Address6::Static(cidr) => Some(IpCidr::Ipv6(cidr)),
            Address6::Slaac | Address6::Off => None,
        };
        four.into_iter().chain(six)
    }
}

fn non_empty<'a>(value: &'a str, expected: &'static str) -> Result<&'a str, Wrong> {
    if value.is_empty() { Err(Wrong::Expected(expected)) } else { Ok(value) }
}

#[inline(never)]
fn ip(value: &str, expected: &'static str) -> Result<IpAddr, Wrong> {
    address(value).ok_or(Wrong::Expected(expected))
}

#[inline(never)]
fn number(value: &str, expected: &'static str) -> Result<u16, Wrong> {
    value.parse().map_err(|_| Wrong::Expected(expected))
}

fn positive(value: &str, expected: &'static str) -> Result<u16, Wrong> {
    number(value, expected).and_then(|number| if number > 0 { Ok(number) } else { Err(Wrong::Expected(expected)) })
}

fn on_or_off(value: &str) -> Result<bool, Wrong> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Wrong::Expected("on or off")),
    }
}

/// The password is everything behind the first space, as it may have spaces itself.
fn credentials(value: &str) -> Result<(&str, &str), Wrong> {
    let (name, password) = cut(value, b' ').ok_or(Wrong::Expected("a name and a password"))?;
    Ok((name, password.trim_ascii_start()))
}

/// The causes that are small: most of what fails is one of these, and hands it through several functions.
enum Wrong {
    Key,
    Expected(&'static str),
    Full(&'static str),
}

/// A line of the settings that says nothing, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingsError<'a> {
    /// Which line, from 1.
    pub line: u16,
    /// What stands there. It may be a password.
    pub text: Text<'a>,
    /// What is wrong with it.
    pub cause: SettingsCause,
}

/// Why a line of the settings counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsCause {
    /// Nobody knows the key.
    Key,
    /// Something else was expected.
    Expected(&'static str),
    /// The expression is none; its columns count from the value.
    Filter(FilterError),
    /// There are too many of these.
    Full(&'static str),
}

// Without Display, whose text would be on the board; so it is on the PC.
#[cfg(feature = "defmt")]
impl defmt::Format for SettingsError<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "settings, line {=u16}: {}", self.line, self.cause);
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for SettingsCause {
    fn format(&self, f: defmt::Formatter<'_>) {
        match self {
            Self::Key => defmt::write!(f, "unknown key"),
            Self::Expected(what) => defmt::write!(f, "expected {=str}", what),
            Self::Filter(error) => defmt::write!(f, "{}", error),
            Self::Full(what) => defmt::write!(f, "too many {=str}", what),
        }
    }
}

impl fmt::Display for SettingsError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "settings, line {}: ", self.line)?;
        match self.cause {
            SettingsCause::Key => f.write_str("unknown key"),
            SettingsCause::Expected(what) => write!(f, "expected {what}"),
            SettingsCause::Filter(error) => error.fmt(f),
            SettingsCause::Full(what) => write!(f, "too many {what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collectd_net::Passwords;
    use std::string::ToString;

    fn good(text: &str) -> Settings<'_> {
        Settings::parse(text.as_bytes(), |error| panic!("{error}"))
    }

    fn complaints(text: &[u8]) -> std::vec::Vec<std::string::String> {
        let mut complaints = std::vec::Vec::new();
        _ = Settings::parse(text, |error| complaints.push(error.to_string()));
        complaints
    }

    #[test]
    fn every_key_is_understood() {
        let settings = good(
            "# a board\n\nname = lab\naddress=10.0.0.2/24\r\n  gateway = 10.0.0.1\naddress6 = fd00::2/64\n\
             groups = 239.1.2.3, ff18::1,\nport = 25827\nsecurity-level = sign\nuser = alice wonder land \nuser = bob b\n\
             filter = \"web\" in host\nlog-rate = 0\nmissing-after = 5\nthreshold = plugin == \"load\" and value > 5\n\
             alarms = on\nreport = 60\nreport-to = 10.0.0.9\nreport-user = me secret\nsntp = fd00::1\nhttp = off",
        );
        assert_eq!((settings.name, settings.port), (Some("lab"), 25827));
        assert_eq!(settings.address, Address::Static("10.0.0.2/24".parse().unwrap()));
        assert_eq!(settings.address6, Address6::Static("fd00::2/64".parse().unwrap()));
        assert_eq!(settings.gateway, Some(Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!(
            settings.groups.iter().map(ToString::to_string).collect::<std::vec::Vec<_>>(),
            ["239.1.2.3", "ff18::1"]
        );
        assert_eq!(settings.security_level, SecurityLevel::Sign);
        assert!(settings.users.key(b"alice").is_some() && settings.users.key(b"bob").is_some());
        assert!(settings.filter.is_some() && settings.thresholds.len() == 1);
        assert_eq!((settings.log_rate, settings.missing_after), (0, 5));
        assert_eq!(settings.report, Some(Duration::from_secs(60)));
        assert_eq!(settings.destination(), Some("10.0.0.9:25826".parse().unwrap()));
        assert_eq!(settings.report_user.as_ref().map(|(name, _)| *name), Some("me"));
        assert_eq!(settings.sntp.map(|address| address.to_string()).as_deref(), Some("fd00::1"));
        assert!(settings.alarms && !settings.http);
        assert_eq!(settings.static_addresses().count(), 2);
    }

    #[test]
    fn without_a_word_it_is_what_most_want() {
        for erased in [&b""[..], b"\xff\xff\xff", b"\0name = x", b"\n# nothing\n"] {
            let settings = Settings::parse(erased, |error| panic!("{error}"));
            assert_eq!((settings.address, settings.address6), (Address::Dhcp, Address6::Slaac));
            assert_eq!(settings.destination(), Some(SocketAddr::new(GROUP_V4.into(), PORT)));
            assert_eq!((settings.port, settings.groups.len(), settings.name), (PORT, 2, None));
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_the_rest_counts() {
        let text = b"colour = red\nport = 0\nport\nuser = alice\nfilter = host ==\n\xfe\ngroups = 10.0.0.1\nreport-to = ::\nport = 7";
        assert_eq!(
            complaints(text),
            [
                "settings, line 1: unknown key",
                "settings, line 2: expected a port",
                "settings, line 3: expected key = value",
                "settings, line 4: expected a name and a password",
                "settings, line 5: column 8: expected a field, a string or a number, found the end",
                "settings, line 6: expected text in UTF-8",
                "settings, line 7: expected multicast addresses with commas between them",
                "settings, line 8: expected an address, with a port or without",
            ]
        );
        assert_eq!(Settings::parse(text, |_| ()).port, 7);
    }

    #[test]
    fn there_is_an_end_to_everything() {
        let text = "user = a b\n".repeat(USERS + 1) + &"threshold = value > 1\n".repeat(THRESHOLDS + 1);
        assert_eq!(
            complaints(text.as_bytes()),
            ["settings, line 5: too many users", "settings, line 14: too many thresholds"]
        );
        let groups = "groups = ".to_owned() + &"ff18::1,".repeat(GROUPS + 1);
        assert_eq!(complaints(groups.as_bytes()), ["settings, line 1: too many groups"]);
    }
}
