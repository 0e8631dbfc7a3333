//! Ethernet of the MPS2: SMSC's LAN9118, with a FIFO of frames and one of their status in each direction, a hash filter for
//! multicast, and a PHY inside.

use collectd_node::ethernet;
use collectd_node::smoltcp::phy::{self, DeviceCapabilities};
use collectd_node::smoltcp::time::Instant;

use crate::board::Ethernet;
use crate::frame::{BEFORE, CHECKSUM, Frame, Frames, LONGEST, Received};
use crate::multicast::Hash;
use crate::register::Registers;

const RECEIVE_FIFO: u16 = 0x00;
const TRANSMIT_FIFO: u16 = 0x20;
const RECEIVE_STATUS: u16 = 0x40;
const RECEIVE_STATUS_ERROR: u32 = 1 << 15;

const INTERRUPT_CONFIGURATION: u16 = 0x54;
const INTERRUPT_ON: u32 = 1 << 8;
const INTERRUPT_HIGH: u32 = 1 << 4;
const INTERRUPT_PUSH_PULL: u32 = 1 << 0;

/// What happened, and what of it interrupts; writing a bit of the former forgets it.
const STATUS: u16 = 0x58;
const INTERRUPTS: u16 = 0x5c;
/// More frames wait than `LEVELS` says.
const RECEIVED: u32 = 1 << 3;
const STATUS_FIFO_FULL: u32 = 1 << 4;
const RECEIVE_ERROR: u32 = 1 << 14;
const LEVELS: u16 = 0x68;

const RECEIVE_CONFIGURATION: u16 = 0x6c;
const RECEIVE_DUMP: u32 = 1 << 15;
const TRANSMIT_CONFIGURATION: u16 = 0x70;
const TRANSMIT_DUMP: u32 = 0b11 << 14;
/// Nobody reads how transmitting went.
const IGNORE_TRANSMIT_STATUS: u32 = 1 << 2;
const TRANSMIT_ON: u32 = 1 << 1;

const HARDWARE: u16 = 0x74;
const HARDWARE_RESET: u32 = 1 << 0;
/// 5 KiB for transmitting, and frames leave when they are whole.
const HARDWARE_SET_UP: u32 = 5 << 16 | 1 << 20;
const RECEIVE_LEVEL: u16 = 0x7c;
const TRANSMIT_LEVEL: u16 = 0x80;
/// Frames dropped since it was last read. In QEMU it is always 0.
const DROPPED: u16 = 0xa0;

const MAC_COMMAND: u16 = 0xa4;
const MAC_DATA: u16 = 0xa8;
const MAC_BUSY: u32 = 1 << 31;
const MAC_READ: u32 = 1 << 30;

// Registers of the MAC, behind MAC_COMMAND.
const MAC_CONTROL: u32 = 1;
const MAC_RECEIVE: u32 = 1 << 2;
const MAC_TRANSMIT: u32 = 1 << 3;
/// Multicast by the hash, everything else by our address.
const MAC_HASH_MULTICAST: u32 = 1 << 13;
const MAC_FULL_DUPLEX: u32 = 1 << 20;
const MAC_ADDRESS_HIGH: u32 = 2;
const MAC_ADDRESS_LOW: u32 = 3;
const MAC_HASH_HIGH: u32 = 4;
const MAC_HASH_LOW: u32 = 5;
const MAC_PHY: u32 = 6;
const MAC_PHY_DATA: u32 = 7;

// Registers of the PHY, behind MAC_PHY.
const PHY_CONTROL: u32 = 0;
const PHY_NEGOTIATE: u32 = 1 << 12 | 1 << 9;
const PHY_STATUS: u32 = 1;
const PHY_STATUS_LINK: u32 = 1 << 2;
const PHY_PARTNER: u32 = 5;
const PHY_PARTNER_FULL_DUPLEX: u32 = 1 << 8 | 1 << 6;

/// An Ethernet header.
const HEADER: usize = 14;

/// The Ethernet of the board.
#[derive(Debug)]
pub struct Lan9118 {
    registers: Registers,
    frames: &'static mut Frames,
    lost: u32,
    up: bool,
}

impl Lan9118 {
    /// Sets it up. Until [`Self::allow`] it lets no multicast through.
    #[must_use]
    pub fn new(registers: Registers, frames: &'static mut Frames) -> Self {
        let at = |offset| registers.at(offset);
        at(HARDWARE).write(HARDWARE_RESET);
        at(HARDWARE).comes_to(|hardware| hardware & HARDWARE_RESET == 0);
        at(HARDWARE).write(HARDWARE_SET_UP);
        // The IP packet begins at a word.
        at(RECEIVE_CONFIGURATION).write(RECEIVE_DUMP | (BEFORE as u32) << 8);
        at(TRANSMIT_CONFIGURATION).write(TRANSMIT_DUMP);
        at(TRANSMIT_CONFIGURATION).write(TRANSMIT_ON | IGNORE_TRANSMIT_STATUS);
        at(LEVELS).write(0);
        at(STATUS).write(u32::MAX);
        at(INTERRUPTS).write(RECEIVED);
        at(INTERRUPT_CONFIGURATION).write(INTERRUPT_ON | INTERRUPT_HIGH | INTERRUPT_PUSH_PULL);
        let mut ethernet = Self { registers, frames, lost: 0, up: false };
        ethernet.set_phy_register(PHY_CONTROL, PHY_NEGOTIATE);
        ethernet.set_control(true);
        ethernet
    }

    /// Lets these multicast addresses through, and few others.
    pub fn allow(&mut self, hash: Hash) {
        self.set_mac_register(MAC_HASH_HIGH, hash.high());
        self.set_mac_register(MAC_HASH_LOW, hash.low());
    }

    fn set_control(&mut self, full_duplex: bool) {
        let duplex = if full_duplex { MAC_FULL_DUPLEX } else { 0 };
        self.set_mac_register(MAC_CONTROL, MAC_RECEIVE | MAC_TRANSMIT | MAC_HASH_MULTICAST | duplex);
    }

    fn mac_register(&self, number: u32) -> u32 {
        let command = self.registers.at(MAC_COMMAND);
        command.write(MAC_BUSY | MAC_READ | number);
        command.comes_to(|command| command & MAC_BUSY == 0);
        self.registers.at(MAC_DATA).read()
    }

    fn set_mac_register(&mut self, number: u32, value: u32) {
        let command = self.registers.at(MAC_COMMAND);
        self.registers.at(MAC_DATA).write(value);
        command.write(MAC_BUSY | number);
        command.comes_to(|command| command & MAC_BUSY == 0);
    }

    /// Asks the PHY, which is number 1; none if it does not answer.
    fn phy_register(&mut self, number: u32) -> Option<u32> {
        self.set_mac_register(MAC_PHY, 1 << 11 | number << 6 | 1);
        self.phy_answered().then(|| self.mac_register(MAC_PHY_DATA))
    }

    fn set_phy_register(&mut self, number: u32, value: u32) {
        self.set_mac_register(MAC_PHY_DATA, value);
        self.set_mac_register(MAC_PHY, 1 << 11 | number << 6 | 1 << 1 | 1);
        self.phy_answered();
    }

    fn phy_answered(&self) -> bool {
        (0..1_000).any(|_| self.mac_register(MAC_PHY) & 1 == 0)
    }

    /// Reads the next frame, and tells its length and the sum of its words. What is no frame is read, too, and counted.
    #[inline]
    fn pull(&mut self) -> Option<(usize, u32)> {
        while self.registers.at(RECEIVE_LEVEL).read() & 0x00ff_0000 > 0 {
            let status = self.registers.at(RECEIVE_STATUS).read();
            let total = (status >> 16 & 0x3fff) as usize;
            let words = (BEFORE + total).div_ceil(4);
            let sum = self.frames.received.pull(self.registers.at(RECEIVE_FIFO), 0, words);
            match total.checked_sub(CHECKSUM) {
                Some(len @ HEADER..=LONGEST) if status & RECEIVE_STATUS_ERROR == 0 => return Some((len, sum)),
                _ => self.lost = self.lost.wrapping_add(1),
            }
        }
        None
    }
}

impl Ethernet for Lan9118 {
    fn address(&self) -> [u8; 6] {
        let [a, b, c, d] = self.mac_register(MAC_ADDRESS_LOW).to_le_bytes();
        let [e, f, ..] = self.mac_register(MAC_ADDRESS_HIGH).to_le_bytes();
        [a, b, c, d, e, f]
    }

    fn link(&mut self) -> bool {
        let up = self.phy_register(PHY_STATUS).is_none_or(|status| status & PHY_STATUS_LINK != 0);
        if up && !self.up {
            let partner = self.phy_register(PHY_PARTNER).unwrap_or(PHY_PARTNER_FULL_DUPLEX);
            self.set_control(partner & PHY_PARTNER_FULL_DUPLEX != 0);
        }
        self.up = up;
        up
    }

    fn lost_frames(&mut self) -> u32 {
        let status = self.registers.at(STATUS);
        let dropped = self.registers.at(DROPPED).read();
        self.lost = self.lost.wrapping_add(dropped);
        let errors = status.read() & (STATUS_FIFO_FULL | RECEIVE_ERROR);
        if errors != 0 {
            status.write(errors);
            // How many were lost is in DROPPED, if it is anywhere.
            self.lost = self.lost.wrapping_add(u32::from(dropped == 0));
        }
        self.lost
    }

    fn quiet(&mut self) -> bool {
        self.registers.at(STATUS).write(RECEIVED);
        self.registers.at(RECEIVE_LEVEL).read() & 0x00ff_0000 == 0
    }
}

impl phy::Device for Lan9118 {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Send<'a>;

    #[inline]
    fn receive(&mut self, _: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        let (len, sum) = self.pull()?;
        let Frames { received, transmitted } = self.frames;
        Some((received.received(len, sum), Send { registers: self.registers, frame: transmitted }))
    }

    fn transmit(&mut self, _: Instant) -> Option<Self::TxToken<'_>> {
        let room = self.registers.at(TRANSMIT_LEVEL).read() & 0xffff;
        let frame = &mut self.frames.transmitted;
        // Two words of command, and the frame.
        (room as usize >= 8 + size_of_val(frame)).then_some(Send { registers: self.registers, frame })
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
        let result = f(self.frame.octets(len));
        let len = len.min(LONGEST);
        let fifo = self.registers.at(TRANSMIT_FIFO);
        let whole = 1 << 13 | 1 << 12;
        // Wait for room, as a reply comes without asking `transmit`; without it the frame is lost.
        let level = self.registers.at(TRANSMIT_LEVEL);
        if level.comes_to(|level| (level & 0xffff) as usize >= 8 + BEFORE + len + 3) {
            fifo.write(whole | (BEFORE as u32) << 16 | len as u32);
            fifo.write(len as u32);
            self.frame.push(fifo, len);
        }
        result
    }
}
