//! Where to send, and how: an address with its options.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use collectd_net::{GROUP_V4, GROUP_V6, PORT, Text};

use crate::listen::Address;
use crate::suggest::did_you_mean;

/// How often a name is resolved again, if nothing else is said.
const RESOLVE_INTERVAL: Duration = Duration::from_secs(60);

/// Octets of a user name, at the most: what the daemon, too, can encrypt with (`WIRE §10.1`).
const MAX_USERNAME: usize = 64;

/// `HOST[:PORT][%INTERFACE][,OPTION=VALUE]…`: an [`Address`], and how packets go there.
///
/// ```
/// use collectd_tap::send::{Level, Server};
///
/// let server: Server = "239.192.74.66%eth0,ttl=2,security-level=sign,username=web,password-file=/run/secret".parse()?;
/// assert_eq!((server.ttl, server.level), (Some(2), Level::Sign));
/// # Ok::<(), collectd_tap::send::ServerError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// A group or a machine; an interface is where packets leave through.
    pub address: Address,
    /// How packets are protected.
    pub level: Level,
    /// Whose password protects them.
    pub username: Option<String>,
    /// A file that is the password, up to a line break at its end.
    pub password_file: Option<PathBuf>,
    /// A file of users and passwords, as receivers have it: collectd's `AuthFile`.
    pub auth_file: Option<PathBuf>,
    /// How many networks packets may cross: the hop limit. The system's own is 1 for groups and mostly 64 for machines.
    pub ttl: Option<u8>,
    /// The address of this machine that packets come from.
    pub bind_address: Option<IpAddr>,
    /// How often a name is resolved again; never, if it is zero.
    pub resolve_interval: Duration,
}

/// How packets are protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Not at all.
    #[default]
    None,
    /// Signed: everybody can read them, and nobody can change them.
    Sign,
    /// Encrypted, as the daemon does. Who knows what is in a packet can forge others (`WIRE §10.3`).
    Encrypt,
    /// Encrypted, and signed around that. The daemon takes it, but cannot do it.
    EncryptAndSign,
}

impl Level {
    /// The words for them.
    pub const NAMES: [&'static str; 4] = ["none", "sign", "encrypt", "encrypt-and-sign"];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Sign => "sign",
            Self::Encrypt => "encrypt",
            Self::EncryptAndSign => "encrypt-and-sign",
        }
    }
}

impl FromStr for Level {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        let levels = [Self::None, Self::Sign, Self::Encrypt, Self::EncryptAndSign];
        levels.into_iter().find(|level| text.eq_ignore_ascii_case(level.name())).ok_or_else(|| {
            let (known, meant) = (Self::NAMES.join(", "), did_you_mean(text, Self::NAMES));
            ServerError(format!("the security level '{}' is none of {known}{meant}", Text::from(text)))
        })
    }
}

impl From<Address> for Server {
    fn from(address: Address) -> Self {
        Self {
            address,
            level: Level::None,
            username: None,
            password_file: None,
            auth_file: None,
            ttl: None,
            bind_address: None,
            resolve_interval: RESOLVE_INTERVAL,
        }
    }
}

/// The options by name.
pub(crate) const OPTIONS: [&str; 8] = [
    "username",
    "password-file",
    "auth-file",
    "security-level",
    "ttl",
    "interface",
    "bind-address",
    "resolve-interval",
];

/// Text that is not an address with options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError(String);

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ServerError {}

impl FromStr for Server {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        let mut words = text.split(',');
        let address = words.next().unwrap_or_default().parse::<Address>();
        let mut server = Self::from(address.map_err(|error| ServerError(error.to_string()))?);
        let (mut level, mut interval) = (None, None);
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            if name == "password" {
                let why =
                    "everybody on this machine sees what is on a command line: write it into a file for password-file";
                return Err(ServerError(why.into()));
            }
            if value.is_empty() {
                return Err(ServerError(format!("expected NAME=VALUE instead of '{}'", Text::from(word))));
            }
            let twice = match name {
                "username" => server.username.replace(value.into()).is_some(),
                "password-file" => server.password_file.replace(value.into()).is_some(),
                "auth-file" => server.auth_file.replace(value.into()).is_some(),
                "security-level" => level.replace(value.parse()?).is_some(),
                "ttl" => server.ttl.replace(ttl(value)?).is_some(),
                "interface" => server.address.interface.replace(value.into()).is_some(),
                "bind-address" => server.bind_address.replace(bind_address(value)?).is_some(),
                "resolve-interval" => interval.replace(seconds(value)?).is_some(),
                _ => {
                    let (known, meant) = (OPTIONS.join(", "), did_you_mean(name, OPTIONS));
                    return Err(ServerError(format!("'{}' is none of the options {known}{meant}", Text::from(name))));
                }
            };
            if twice {
                return Err(ServerError(format!("'{name}' is said twice")));
            }
        }
        server.level = level.unwrap_or_default();
        server.resolve_interval = interval.unwrap_or(server.resolve_interval);
        server.checked()
    }
}

impl Server {
    /// collectd's two default groups.
    #[must_use]
    pub fn default_groups() -> [Self; 2] {
        let group = |host: String| Self::from(Address { host, port: PORT, interface: None });
        [group(GROUP_V4.to_string()), group(GROUP_V6.to_string())]
    }

    /// Options that contradict each other are errors.
    fn checked(self) -> Result<Self, ServerError> {
        let error = |text: &str| Err(ServerError(text.into()));
        let files = usize::from(self.password_file.is_some()) + usize::from(self.auth_file.is_some());
        match (self.level, &self.username) {
            (Level::None, None) if files > 0 => {
                error("a password without a security level and a username does nothing")
            }
            (Level::None, Some(_)) => error(
                "a username without a security level does nothing: add security-level=sign, encrypt or encrypt-and-sign",
            ),
            (Level::None, None) => Ok(()),
            (_, None) => error("this security level needs a username, and a password-file or an auth-file"),
            (_, Some(_)) if files == 0 => error("this security level needs a password-file or an auth-file"),
            (_, Some(_)) if files == 2 => error("there is either a password-file or an auth-file"),
            (_, Some(name)) if name.len() > MAX_USERNAME => {
                Err(ServerError(format!("a username has {MAX_USERNAME} octets at the most")))
            }
            (_, Some(_)) => Ok(()),
        }?;
        if let (Some(from), Ok(to)) = (self.bind_address, self.address.host.parse::<IpAddr>())
            && from.is_ipv4() != to.is_ipv4()
        {
            return Err(ServerError(format!("nothing goes from {from} to {to}: they are of different families")));
        }
        Ok(self)
    }
}

/// The address alone: what it is called in what is said.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Text::from(self.address.to_string().as_str()))
    }
}

fn ttl(text: &str) -> Result<u8, ServerError> {
    match text.parse() {
        Ok(ttl) if ttl > 0 => Ok(ttl),
        _ => Err(ServerError("a ttl is a number from 1 to 255".into())),
    }
}

fn bind_address(text: &str) -> Result<IpAddr, ServerError> {
    match text.parse::<IpAddr>() {
        Ok(address) if !address.is_multicast() => Ok(address),
        _ => Err(ServerError(format!("a bind-address is an address of this machine, not '{}'", Text::from(text)))),
    }
}

fn seconds(text: &str) -> Result<Duration, ServerError> {
    crate::cli::duration(text).map_err(ServerError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_stand_behind_the_address() {
        let parse = |text: &str| text.parse::<Server>().expect("a server");
        let plain = parse("collector.example");
        assert_eq!(plain, Server::from("collector.example".parse::<Address>().expect("an address")));
        let all = parse(
            "[fe80::1]:1%eth0,username=web,password-file=/a=b,security-level=Encrypt-And-Sign,ttl=255,bind-address=::1,resolve-interval=1m30s",
        );
        assert_eq!((all.address.port, all.address.interface.as_deref()), (1, Some("eth0")));
        assert_eq!((all.level, all.username.as_deref()), (Level::EncryptAndSign, Some("web")));
        assert_eq!((all.password_file, all.auth_file), (Some("/a=b".into()), None));
        assert_eq!((all.ttl, all.bind_address), (Some(255), "::1".parse().ok()));
        assert_eq!(all.resolve_interval, Duration::from_secs(90));
        assert_eq!(parse("a,security-level=sign,username=u,auth-file=/f").auth_file, Some("/f".into()));
        assert_eq!(parse("a,resolve-interval=0").resolve_interval, Duration::ZERO);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, said) in [
            (":1,ttl=1", "host"),
            ("a,", "NAME=VALUE"),
            ("a,ttl", "NAME=VALUE"),
            ("a,ttl=0", "1 to 255"),
            ("a,ttl=256", "1 to 255"),
            ("a,tll=1", "did you mean 'ttl'?"),
            ("a,TimeToLive=1", "none of the options"),
            ("a,ttl=1,ttl=2", "twice"),
            ("a%b,interface=c", "twice"),
            ("a,password=secret", "password-file"),
            ("a,password", "password-file"),
            ("a,security-level=Sgin", "did you mean 'sign'?"),
            ("a,security-level=sign", "needs a username"),
            ("a,security-level=sign,username=u", "needs a password-file"),
            ("a,username=u,password-file=/f", "add security-level"),
            ("a,password-file=/f", "does nothing"),
            ("a,security-level=sign,username=u,password-file=/f,auth-file=/g", "either"),
            ("10.0.0.1,bind-address=::1", "different families"),
            ("a,bind-address=239.1.1.1", "of this machine"),
            ("a,resolve-interval=soon", "10s"),
        ] {
            let error = text.parse::<Server>().expect_err(text).to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
        let long = format!("a,security-level=sign,password-file=/f,username={}", "u".repeat(65));
        assert!(long.parse::<Server>().expect_err("too long").to_string().contains("64"));
    }

    #[test]
    fn default_groups_are_those_that_are_listened_on() {
        assert_eq!(
            Server::default_groups().map(|server| server.to_string()),
            ["239.192.74.66:25826", "[ff18::efc0:4a42]:25826"]
        );
    }
}
