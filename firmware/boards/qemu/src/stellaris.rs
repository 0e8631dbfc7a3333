//! Ethernet of the LM3S6965: a FIFO of 2 KiB in each direction, and a PHY behind MDIO.
//!
//! In the FIFO a frame follows its length: 16 bits that count themselves and the checksum when receiving, and only what follows
//! the Ethernet header when transmitting.

use collectd_node::ethernet;
use collectd_node::smoltcp::phy::{self, DeviceCapabilities};
use collectd_node::smoltcp::time::Instant;

use crate::board::Ethernet;
use crate::frame::{Frame, Frames, LONGEST, Received};
use crate::register::{Register, Registers};

/// What happened, and what of it interrupts; writing a bit of the former forgets it.
const STATUS: u16 = 0x00;
const INTERRUPTS: u16 = 0x04;
const RECEIVED: u32 = 1 << 0;
const TRANSMIT_ERROR: u32 = 1 << 1;
const OVERRUN: u32 = 1 << 3;
const RECEIVE_ERROR: u32 = 1 << 4;

/// A frame did not fit the FIFO, or came damaged.
const LOST: u32 = OVERRUN | RECEIVE_ERROR;

const RECEIVE: u16 = 0x08;
const RECEIVE_ON: u32 = 1 << 0;
const ALL_MULTICAST: u32 = 1 << 1;
const REJECT_BAD_CHECKSUM: u32 = 1 << 3;
const EMPTY_FIFO: u32 = 1 << 4;

const TRANSMIT: u16 = 0x0c;
const TRANSMIT_ON: u32 = 1 << 0;
const PAD: u32 = 1 << 1;
const ADD_CHECKSUM: u32 = 1 << 2;
const FULL_DUPLEX: u32 = 1 << 4;

const FIFO: u16 = 0x10;
const ADDRESS_LOW: u16 = 0x14;
const ADDRESS_HIGH: u16 = 0x18;
const WAITING: u16 = 0x34;
const SEND: u16 = 0x38;

const MDIO: u16 = 0x20;
const MDIO_BUSY: u32 = 1 << 0;
const MDIO_DIVIDER: u16 = 0x24;
const MDIO_READ: u16 = 0x30;
const PHY_STATUS: u32 = 1;
const PHY_STATUS_LINK: u32 = 1 << 2;
const PHY_IDENTIFIER: u32 = 2;

/// Octets of a received frame's length and checksum.
const OVERHEAD: usize = 6;
/// An Ethernet header.
const HEADER: usize = 14;

/// The Ethernet of the chip.
#[derive(Debug)]
pub struct Stellaris {
    registers: Registers,
    frames: &'static mut Frames,
    lost: u32,
    /// Whether a PHY answers. QEMU has none.
    phy: bool,
}

impl Stellaris {
    /// Sets it up; the processor runs at so many hertz. The chip must have its clock already.
    #[must_use]
    pub fn new(registers: Registers, frames: &'static mut Frames, hertz: u32) -> Self {
        let at = |offset| registers.at(offset);
        at(RECEIVE).write(0);
        at(INTERRUPTS).write(0);
        // What arrived before a reset is still there, perhaps half read. It is read to its end, as QEMU asks for what it has
        // held back only then.
        for _ in 0..1 << 16 {
            if at(WAITING).read() == 0 {
                break;
            }
            _ = at(FIFO).read();
        }
        at(RECEIVE).write(EMPTY_FIFO);
        at(STATUS).write(0x7f);
        // The clock of MDIO is at most 2.5 MHz.
        at(MDIO_DIVIDER).write(hertz / 5_000_000);
        at(TRANSMIT).write(TRANSMIT_ON | PAD | ADD_CHECKSUM | FULL_DUPLEX);
        at(RECEIVE).write(RECEIVE_ON | ALL_MULTICAST | REJECT_BAD_CHECKSUM);
        at(INTERRUPTS).write(RECEIVED | LOST);
        let mut ethernet = Self { registers, frames, lost: 0, phy: false };
        ethernet.phy = !matches!(ethernet.phy_register(PHY_IDENTIFIER), None | Some(0 | 0xffff));
        ethernet
    }

    /// Asks the PHY.
    fn phy_register(&self, number: u32) -> Option<u32> {
        let mdio = self.registers.at(MDIO);
        mdio.write(number << 3 | MDIO_BUSY);
        mdio.comes_to(|control| control & MDIO_BUSY == 0).then(|| self.registers.at(MDIO_READ).read())
    }

    /// Reads the next frame, and tells its length and the sum of its words. What is no frame is read, too, and counted.
    #[inline]
    fn pull(&mut self) -> Option<(usize, u32)> {
        while self.registers.at(WAITING).read() & 0x3f > 0 {
            let fifo = self.registers.at(FIFO);
            let head = fifo.read();
            let total = (head & 0xffff) as usize;
            let frame = &mut self.frames.received;
            *frame.head() = head;
            let sum = frame.pull(fifo, 1, total.div_ceil(4).saturating_sub(1));
            match total.checked_sub(OVERHEAD) {
                Some(len @ HEADER..=LONGEST) => return Some((len, sum)),
                _ => self.lost = self.lost.wrapping_add(1),
            }
        }
        None
    }
}

impl Ethernet for Stellaris {
    fn address(&self) -> [u8; 6] {
        let [a, b, c, d] = self.registers.at(ADDRESS_LOW).read().to_le_bytes();
        let [e, f, ..] = self.registers.at(ADDRESS_HIGH).read().to_le_bytes();
        [a, b, c, d, e, f]
    }

    fn link(&mut self) -> bool {
        !self.phy || self.phy_register(PHY_STATUS).is_none_or(|status| status & PHY_STATUS_LINK != 0)
    }

    fn lost_frames(&mut self) -> u32 {
        // A bit for one frame or more: the chip does not count them.
        let errors = self.registers.at(STATUS).read() & LOST;
        if errors != 0 {
            self.registers.at(STATUS).write(errors);
            self.lost = self.lost.wrapping_add(errors.count_ones());
        }
        self.lost
    }

    fn quiet(&mut self) -> bool {
        self.registers.at(STATUS).write(RECEIVED);
        self.registers.at(WAITING).read() & 0x3f == 0 && self.registers.at(STATUS).read() & LOST == 0
    }
}

impl phy::Device for Stellaris {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Send<'a>;

    #[inline]
    fn receive(&mut self, _: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        let (len, sum) = self.pull()?;
        let Frames { received, transmitted } = self.frames;
        Some((received.received(len, sum), Send { registers: self.registers, frame: transmitted }))
    }

    fn transmit(&mut self, _: Instant) -> Option<Self::TxToken<'_>> {
        Some(Send { registers: self.registers, frame: &mut self.frames.transmitted })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        ethernet()
    }
}

/// A frame to be sent.
#[derive(Debug)]
pub struct Send<'a> {
    registers: Registers,
    frame: &'a mut Frame,
}

impl phy::TxToken for Send<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let send: Register = self.registers.at(SEND);
        let result = f(self.frame.octets(len));
        let length = len.saturating_sub(HEADER) as u32;
        let head = self.frame.head();
        *head = *head & 0xffff_0000 | length & 0xffff;
        // The frame before takes 0.12 ms at 100 Mbit/s; one that never leaves is given up.
        if !send.comes_to(|send| send & 1 == 0) {
            self.registers.at(STATUS).write(TRANSMIT_ERROR);
        }
        self.frame.push(self.registers.at(FIFO), len);
        send.write(1);
        result
    }
}
