//! The page for browsers: flags of the subcommands that show something live.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::Failure;
use crate::watching::{Tell, Tone, Watching};
use crate::web::{Counts, PORT, Server, Settings, default_addresses};

#[derive(Debug, clap::Args)]
pub(super) struct Web {
    /// Serve live graphs for browsers: at port 8258 of this machine alone, or at an address, a port, or both (192.168.1.7, :8080,
    /// [::]:80)
    #[arg(long, value_name = "ADDR", num_args = 0..=1, require_equals = true, default_missing_value = ":8258")]
    #[arg(value_parser = place)]
    web: Option<Place>,
    /// Answer browsers that ask for this name of this machine, besides localhost and the address; may be repeated
    #[arg(long, value_name = "NAME", requires = "web")]
    web_host: Vec<String>,
}

/// Addresses to serve at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place(Vec<SocketAddr>);

impl Web {
    /// Whether there is to be one.
    pub(super) const fn is_wanted(&self) -> bool {
        self.web.is_some()
    }

    /// Serves the page of what is watched, if that is wanted, and says where.
    pub(super) fn start(&self, watching: &Arc<Watching>, tell: &Tell) -> Result<Option<Page>, Failure> {
        let Some(Place(addresses)) = &self.web else { return Ok(None) };
        let settings = Settings { addresses: addresses.clone(), names: self.web_host.clone(), ..Settings::default() };
        let server = Server::start(watching, &settings).map_err(|error| Failure::Runtime(error.to_string()))?;
        let pages: Vec<_> = server.addresses().iter().map(|address| format!("http://{address}/")).collect();
        tell(Tone::Plain, &format!("live graphs at {}", pages.join(" and ")));
        Ok(Some(Page { server, tell: Arc::clone(tell) }))
    }
}

/// The page, served until this is dropped. Then it is told which browsers did not get what they asked for.
pub(super) struct Page {
    server: Server,
    tell: Tell,
}

impl Drop for Page {
    fn drop(&mut self) {
        let Counts { slow, refused_connections, refused_streams, refused_requests, .. } = self.server.counts();
        for (count, what) in [
            (slow, "connections dropped: their browsers were too slow"),
            (refused_connections, "connections refused: there were enough"),
            (refused_streams, "pages refused: there were enough"),
            (refused_requests, "requests refused"),
        ] {
            if count > 0 {
                (self.tell)(Tone::Plain, &format!("{count} {what}"));
            }
        }
    }
}

/// `192.168.1.7:8080`, `192.168.1.7`, `[::1]:8080`, `::1`, `:8080`.
fn place(text: &str) -> Result<Place, String> {
    const EXPECTED: &str =
        "an address of this machine is written as 192.168.1.7, 192.168.1.7:8080 or [::1]:8080, a port as :8080";
    if let Some(port) = text.strip_prefix(':').and_then(|port| port.parse().ok()) {
        return Ok(Place(default_addresses(port).into()));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(Place(vec![address]));
    }
    let ip = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text).parse::<IpAddr>();
    ip.map(|ip| Place(vec![SocketAddr::new(ip, PORT)])).map_err(|_| EXPECTED.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_address_a_port_or_both() {
        let of = |addresses: &[&str]| {
            Ok(Place(addresses.iter().map(|address| address.parse().expect("an address")).collect()))
        };
        assert_eq!(place(&format!(":{PORT}")), of(&["127.0.0.1:8258", "[::1]:8258"]));
        assert_eq!(place(":0"), of(&["127.0.0.1:0", "[::1]:0"]));
        assert_eq!(place("192.168.1.7"), of(&["192.168.1.7:8258"]));
        assert_eq!(place("[::]:80"), of(&["[::]:80"]));
        for text in ["::1", "[::1]"] {
            assert_eq!(place(text), of(&["[::1]:8258"]));
        }
        for text in ["", ":", ":65536", "localhost", "localhost:80", "1.2.3.4:", "8080", "http://[::1]/"] {
            assert!(place(text).is_err(), "{text}");
        }
    }
}
