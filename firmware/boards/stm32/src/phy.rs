//! The LAN8742A beside the chip, on all of these boards at address 0.

use core::task::Context;

use embassy_stm32::eth::{Phy, StationManagement};

const ADDRESS: u8 = 0;

const CONTROL: u8 = 0;
const CONTROL_RESET: u16 = 1 << 15;
const CONTROL_NEGOTIATE: u16 = 1 << 12;
const CONTROL_RENEGOTIATE: u16 = 1 << 9;

const STATUS: u8 = 1;
const STATUS_NEGOTIATED: u16 = 1 << 5;
const STATUS_LINK: u16 = 1 << 2;

const ADVERTISEMENT: u8 = 4;
const ADVERTISEMENT_100_FULL_DUPLEX: u16 = 1 << 8;
const ADVERTISEMENT_802_3: u16 = 1;

/// Negotiates 100 Mbit/s with full duplex and nothing else, since the MAC's driver knows nothing else: with another partner
/// there is no link, rather than one that loses frames.
pub struct Lan8742<M>(M);

impl<M: StationManagement> Lan8742<M> {
    /// Over these wires.
    pub const fn new(wires: M) -> Self {
        Self(wires)
    }
}

impl<M: StationManagement> Phy for Lan8742<M> {
    fn phy_reset(&mut self) {
        self.0.smi_write(ADDRESS, CONTROL, CONTROL_RESET);
        // The standard allows half a second; a read takes some 30 µs.
        let done = (0..20_000).any(|_| self.0.smi_read(ADDRESS, CONTROL) & CONTROL_RESET == 0);
        assert!(done, "the Ethernet PHY does not answer");
    }

    fn phy_init(&mut self) {
        self.0.smi_write(ADDRESS, ADVERTISEMENT, ADVERTISEMENT_100_FULL_DUPLEX | ADVERTISEMENT_802_3);
        self.0.smi_write(ADDRESS, CONTROL, CONTROL_NEGOTIATE | CONTROL_RENEGOTIATE);
    }

    // A link that was lost in between is lost at the next look: the bit stays clear until then.
    fn poll_link(&mut self, _: &mut Context<'_>) -> bool {
        let up = STATUS_NEGOTIATED | STATUS_LINK;
        self.0.smi_read(ADDRESS, STATUS) & up == up
    }
}
