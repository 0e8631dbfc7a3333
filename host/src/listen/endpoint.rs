//! Where to listen, and how: an address with its options.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use collectd_net::SecurityLevel;

use super::socket::is_link_local;
use super::{Address, ListenError, shown};
use crate::suggest::did_you_mean;

/// `HOST[:PORT][%INTERFACE][,OPTION=VALUE]…`: an [`Address`], and what holds for it alone.
///
/// ```
/// use collectd_tap::listen::Endpoint;
///
/// let endpoint: Endpoint = "232.1.2.3:25826%eth0,source=10.0.0.7,security-level=sign,auth-file=/etc/collectd/auth".parse()?;
/// assert_eq!(endpoint.address.interface.as_deref(), Some("eth0"));
/// # Ok::<(), collectd_tap::listen::EndpointError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A group, or an address of this machine.
    pub address: Address,
    /// Of a group, hear only what this sender sends (source-specific multicast).
    pub source: Option<IpAddr>,
    /// How packets are opened that arrive here.
    pub profile: Profile,
}

/// How packets are opened; what is `None` is as it is for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// What is accepted at the least.
    pub security_level: Option<SecurityLevel>,
    /// The passwords.
    pub auth_file: Option<PathBuf>,
}

impl From<Address> for Endpoint {
    fn from(address: Address) -> Self {
        Self { address, source: None, profile: Profile::default() }
    }
}

/// The options by name.
pub(crate) const OPTIONS: [&str; 4] = ["source", "security-level", "auth-file", "interface"];

/// Text that is not an address with options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointError(String);

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for EndpointError {}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let mut words = text.split(',');
        let address = words.next().unwrap_or_default().parse::<Address>();
        let mut endpoint = Self::from(address.map_err(|error| EndpointError(error.to_string()))?);
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            if value.is_empty() {
                return Err(EndpointError(format!("expected NAME=VALUE instead of '{}'", shown(word))));
            }
            let twice = match name {
                "source" => endpoint.source.replace(source(value)?).is_some(),
                "security-level" => {
                    let level = value.parse::<SecurityLevel>().map_err(|error| EndpointError(error.to_string()))?;
                    endpoint.profile.security_level.replace(level).is_some()
                }
                "auth-file" => endpoint.profile.auth_file.replace(value.into()).is_some(),
                "interface" => endpoint.address.interface.replace(value.into()).is_some(),
                _ => {
                    let (known, meant) = (OPTIONS.join(", "), did_you_mean(name, OPTIONS));
                    return Err(EndpointError(format!("'{}' is none of the options {known}{meant}", shown(name))));
                }
            };
            if twice {
                return Err(EndpointError(format!("'{}' is said twice", shown(name))));
            }
        }
        endpoint.checked()
    }
}

impl Endpoint {
    /// What is wrong if none of these interfaces is given, nor one of its own, to an address that means nothing without.
    pub(crate) fn without_interface(&self, interfaces: &[String]) -> Option<ListenError> {
        let ip = self.address.host.parse::<IpAddr>().ok()?;
        let address = SocketAddr::new(ip, self.address.port);
        let has_interface = self.address.interface.is_some() || !interfaces.is_empty();
        let needs_one = is_link_local(&address) && !ip.is_multicast();
        (needs_one && !has_interface).then_some(ListenError::LinkLocal(address))
    }

    /// Options that contradict the address are errors, as far as it is no name.
    fn checked(self) -> Result<Self, EndpointError> {
        if let (Some(source), Ok(group)) = (self.source, self.address.host.parse::<IpAddr>()) {
            if !group.is_multicast() {
                return Err(EndpointError(format!("a source is for groups, and {group} is none")));
            }
            if group.is_ipv4() != source.is_ipv4() {
                return Err(EndpointError(format!(
                    "the group {group} and the source {source} are of different families"
                )));
            }
        }
        Ok(self)
    }
}

fn source(text: &str) -> Result<IpAddr, EndpointError> {
    match text.parse::<IpAddr>() {
        Ok(source) if !source.is_multicast() && !source.is_unspecified() => Ok(source),
        _ => Err(EndpointError(format!("a source is the address of a sender, not '{}'", shown(text)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_stand_behind_the_address() {
        let parse = |text: &str| text.parse::<Endpoint>().expect("an endpoint");
        let plain = parse("[ff18::efc0:4a42]:25827%eth0");
        assert_eq!((plain.source, plain.profile), (None, Profile::default()));
        let all = parse("232.1.1.1:1%eth0,security-level=Sign,source=10.0.0.1,auth-file=/a=b");
        assert_eq!((all.address.port, all.address.interface.as_deref()), (1, Some("eth0")));
        assert_eq!(all.source, Some([10, 0, 0, 1].into()));
        assert_eq!(all.profile.security_level, Some(SecurityLevel::Sign));
        assert_eq!(all.profile.auth_file, Some("/a=b".into()));
        assert_eq!(parse("::1,interface=lo").address.interface.as_deref(), Some("lo"));
    }

    #[test]
    fn what_is_wrong_with_options_is_said() {
        for (text, said) in [
            ("239.1.1.1,", "NAME=VALUE"),
            ("239.1.1.1,source", "NAME=VALUE"),
            ("239.1.1.1,sauce=10.0.0.1", "sauce"),
            ("239.1.1.1,source=10.0.0.1,source=10.0.0.2", "twice"),
            ("239.1.1.1%a,interface=b", "twice"),
            ("239.1.1.1,source=239.1.1.2", "a sender"),
            ("239.1.1.1,source=web01", "a sender"),
            ("10.1.1.1,source=10.0.0.1", "for groups"),
            ("239.1.1.1,source=fd00::1", "different families"),
            ("239.1.1.1,security-level=Sgin", "none, sign or encrypt"),
            (":1,source=10.0.0.1", "host"),
        ] {
            let error = text.parse::<Endpoint>().expect_err(text).to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
