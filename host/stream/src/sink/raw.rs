//! Each packet as it was sent, in hexadecimal: a line for each. `xxd -r -p` makes octets of it again.
//!
//! Where some items only are wanted, these are the packets that have one.

use collectd_net::Error;

use super::text::push_hex;
use super::{Entry, Origin, Sink};

/// Writes packets in hexadecimal.
#[derive(Debug, Default)]
pub struct Raw {
    /// Whether a packet needs an item to be written.
    selects: bool,
    packet: String,
    is_wanted: bool,
}

impl Raw {
    pub(super) fn new(selects: bool) -> Self {
        Self { selects, ..Self::default() }
    }
}

impl Sink for Raw {
    fn packet_start(&mut self, octets: &[u8]) {
        self.packet.clear();
        self.is_wanted = !self.selects;
        push_hex(octets, &mut self.packet);
    }

    fn item(&mut self, _: &Entry<'_>, _: &mut String) -> bool {
        self.is_wanted = true;
        true
    }

    fn refusal(&mut self, _: &Error, _: &Origin<'_>, _: &mut String) {}

    fn packet_end(&mut self, _: &Origin<'_>, out: &mut String) {
        if self.is_wanted {
            out.push_str(&self.packet);
            out.push('\n');
        }
    }
}
