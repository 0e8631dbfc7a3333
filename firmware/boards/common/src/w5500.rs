//! WIZnet's W5500 as a smoltcp device: socket 0 carries raw frames and has all of the chip's memory.
//!
//! ```text
//! octet   0      2         3
//!         │ offset │ block, direction │ data …        one transaction on the SPI
//! ```
//!
//! A received frame stands in the chip's ring behind its length, which counts itself. Offsets in the ring go on for ever; the
//! chip wraps them.

use collectd_node::ethernet;
use collectd_node::smoltcp::phy::{Device, DeviceCapabilities, RxToken, TxToken};
use collectd_node::smoltcp::time::Instant;
use embedded_hal::spi::{Operation, SpiDevice};

/// Octets of the longest frame, without its checksum.
const LONGEST: usize = collectd_node::LONGEST_FRAME;
/// Octets of the shortest frame that can be one: its header.
const SHORTEST: usize = 14;
/// The chip's memory for each direction.
const KILOBYTES: u8 = 16;
const MEMORY: u16 = 16 * 1024;
/// Looks for a change that takes microseconds, or a frame's time.
const LOOKS: usize = 1000;

/// A place in the chip: block and offset.
type Place = (u8, u16);

const MODE: Place = (0, 0x00);
const MODE_RESET: u8 = 0x80;
const ADDRESS: Place = (0, 0x09);
const PHY: Place = (0, 0x2e);
const PHY_LINK: u8 = 0x01;
const VERSION: Place = (0, 0x39);

const SOCKET_MODE: Place = (1, 0x00);
/// All frames on the wire. The chip could drop those to other stations, but of multicasts its filter is said to pass those of
/// IPv4 only; the node looks at addresses itself.
const RAW: u8 = 0x04;
const COMMAND: Place = (1, 0x01);
const OPEN: u8 = 0x01;
const CLOSE: u8 = 0x10;
const SEND: u8 = 0x20;
const RECEIVE: u8 = 0x40;
const RECEIVE_MEMORY: Place = (1, 0x1e);
const TRANSMIT_MEMORY: Place = (1, 0x1f);
const TRANSMIT_FREE: Place = (1, 0x20);
const TRANSMIT_POINTER: Place = (1, 0x24);
const RECEIVED: Place = (1, 0x26);
const RECEIVE_POINTER: Place = (1, 0x28);
const TRANSMIT_RING: u8 = 2;
const RECEIVE_RING: u8 = 3;

/// Room for a frame in each direction.
#[derive(Debug)]
pub struct Frames {
    received: [u8; LONGEST],
    transmitted: [u8; LONGEST],
}

impl Frames {
    /// Empty ones.
    #[expect(clippy::new_without_default, reason = "they are too large to be made anywhere but in a static")]
    pub const fn new() -> Self {
        Self { received: [0; LONGEST], transmitted: [0; LONGEST] }
    }
}

/// The chip at the other end of these wires.
#[derive(Debug)]
pub struct W5500<S> {
    chip: Chip<S>,
    frames: &'static mut Frames,
    lost: u32,
}

impl<S: SpiDevice> W5500<S> {
    /// Sets it up, some 100 ms after its reset; `None` if no W5500 answers.
    pub fn new(wires: S, frames: &'static mut Frames, mac: [u8; 6]) -> Option<Self> {
        let mut chip = Chip(wires);
        chip.write(MODE, &[MODE_RESET])?;
        chip.comes_to(MODE, |mode| mode & MODE_RESET == 0)?;
        chip.comes_to(VERSION, |version| version == 4)?;
        chip.write(ADDRESS, &mac)?;
        chip.write(RECEIVE_MEMORY, &[KILOBYTES])?;
        chip.write(TRANSMIT_MEMORY, &[KILOBYTES])?;
        chip.open()?;
        Some(Self { chip, frames, lost: 0 })
    }

    /// Whether the cable carries a link.
    pub fn link(&mut self) -> bool {
        self.chip.octet(PHY).is_some_and(|phy| phy & PHY_LINK != 0)
    }

    /// Whether a frame waits.
    pub fn pending(&mut self) -> bool {
        self.chip.waiting().is_some()
    }

    /// Frames lost since the start, but for those that the chip drops when its memory is full: these it does not count.
    pub const fn lost_frames(&self) -> u32 {
        self.lost
    }

    /// Reads the next frame, and tells its length.
    #[inline(never)]
    fn pull(&mut self) -> Option<usize> {
        let waiting = self.chip.waiting()?;
        let start = self.chip.word(RECEIVE_POINTER)?;
        let total = self.chip.word((RECEIVE_RING, start))?;
        let len = usize::from(total).checked_sub(2).filter(|len| (SHORTEST..=LONGEST).contains(len));
        let Some(len) = len.filter(|_| total <= waiting) else {
            // Whatever stands there is no frame, and where the next one begins nobody knows.
            self.lost = self.lost.wrapping_add(1);
            self.chip.command(CLOSE)?;
            self.chip.open()?;
            return None;
        };
        self.chip.read((RECEIVE_RING, start.wrapping_add(2)), self.frames.received.get_mut(..len)?)?;
        self.chip.write(RECEIVE_POINTER, &start.wrapping_add(total).to_be_bytes())?;
        self.chip.command(RECEIVE)?;
        Some(len)
    }
}

impl<S: SpiDevice> Device for W5500<S> {
    type RxToken<'a>
        = Received<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Transmitted<'a, S>
    where
        Self: 'a;

    fn receive(&mut self, _: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        let len = self.pull()?;
        let Frames { received, transmitted } = self.frames;
        Some((Received(received.get(..len)?), Transmitted { chip: &mut self.chip, frame: transmitted }))
    }

    fn transmit(&mut self, _: Instant) -> Option<Self::TxToken<'_>> {
        Some(Transmitted { chip: &mut self.chip, frame: &mut self.frames.transmitted })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        ethernet()
    }
}

/// A frame that was received.
#[derive(Debug)]
pub struct Received<'a>(&'a [u8]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

/// A frame to be sent.
#[derive(Debug)]
pub struct Transmitted<'a, S> {
    chip: &'a mut Chip<S>,
    frame: &'a mut [u8; LONGEST],
}

impl<S: SpiDevice> TxToken for Transmitted<'_, S> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        // No frame is longer than the capabilities say.
        let frame = self.frame.get_mut(..len).unwrap_or_default();
        let result = write(frame);
        // As on a wire, what cannot be sent is lost.
        _ = self.chip.send(frame);
        result
    }
}

/// The chip's registers and memory; `None` stands for wires that fail, or a chip that does not do what it should.
#[derive(Debug)]
pub struct Chip<S>(S);

impl<S: SpiDevice> Chip<S> {
    /// Begins with empty memory.
    fn open(&mut self) -> Option<()> {
        self.write(SOCKET_MODE, &[RAW])?;
        self.command(OPEN)
    }

    /// Octets of frames that wait.
    fn waiting(&mut self) -> Option<u16> {
        // Its two octets are not taken at once: it is what it is twice.
        let mut last = self.word(RECEIVED)?;
        for _ in 0..LOOKS {
            let now = self.word(RECEIVED)?;
            if now == last {
                return Some(now).filter(|octets| *octets > 0);
            }
            last = now;
        }
        None
    }

    /// Sends a frame, when the one before has left.
    #[inline(never)]
    fn send(&mut self, frame: &[u8]) -> Option<()> {
        // One that never leaves is given up: there is room for several.
        _ = (0..LOOKS).find(|_| self.word(TRANSMIT_FREE) == Some(MEMORY));
        let start = self.word(TRANSMIT_POINTER)?;
        self.write((TRANSMIT_RING, start), frame)?;
        let end = start.wrapping_add(u16::try_from(frame.len()).ok()?);
        self.write(TRANSMIT_POINTER, &end.to_be_bytes())?;
        self.command(SEND)
    }

    /// Gives a command, and waits until it is taken.
    fn command(&mut self, command: u8) -> Option<()> {
        self.write(COMMAND, &[command])?;
        self.comes_to(COMMAND, |command| command == 0)
    }

    /// Waits until a register is as it should be.
    fn comes_to(&mut self, place: Place, is: impl Fn(u8) -> bool) -> Option<()> {
        (0..LOOKS).find(|_| self.octet(place).is_some_and(&is)).map(|_| ())
    }

    fn octet(&mut self, place: Place) -> Option<u8> {
        let mut octet = [0];
        self.read(place, &mut octet).map(|()| octet[0])
    }

    fn word(&mut self, place: Place) -> Option<u16> {
        let mut octets = [0; 2];
        self.read(place, &mut octets).map(|()| u16::from_be_bytes(octets))
    }

    #[inline(never)]
    fn read(&mut self, (block, offset): Place, octets: &mut [u8]) -> Option<()> {
        let [high, low] = offset.to_be_bytes();
        self.0.transaction(&mut [Operation::Write(&[high, low, block << 3]), Operation::Read(octets)]).ok()
    }

    #[inline(never)]
    fn write(&mut self, (block, offset): Place, octets: &[u8]) -> Option<()> {
        let [high, low] = offset.to_be_bytes();
        self.0.transaction(&mut [Operation::Write(&[high, low, block << 3 | 1 << 2]), Operation::Write(octets)]).ok()
    }
}

#[cfg(test)]
mod tests {
    use core::convert::Infallible;
    use std::boxed::Box;
    use std::vec::Vec;

    use embedded_hal::spi::ErrorType;

    use super::*;

    /// A chip by its data sheet: registers, and a ring for each direction.
    struct Model {
        registers: [[u8; 64]; 2],
        rings: [[u8; MEMORY as usize]; 2],
        sent: Vec<Vec<u8>>,
        version: u8,
    }

    impl Model {
        fn new() -> Self {
            Self { registers: [[0; 64]; 2], rings: [[0; MEMORY as usize]; 2], sent: Vec::new(), version: 4 }
        }

        fn word(&self, (block, offset): Place) -> u16 {
            let at = usize::from(offset);
            u16::from_be_bytes([self.registers[usize::from(block)][at], self.registers[usize::from(block)][at + 1]])
        }

        fn set(&mut self, (block, offset): Place, word: u16) {
            self.registers[usize::from(block)][usize::from(offset)..][..2].copy_from_slice(&word.to_be_bytes());
        }

        fn octet(&mut self, block: u8, offset: u16) -> &mut u8 {
            match block {
                0 | 1 => &mut self.registers[usize::from(block)][usize::from(offset)],
                _ => &mut self.rings[usize::from(block - 2)][usize::from(offset % MEMORY)],
            }
        }

        /// Puts a frame into its memory, with this for a length.
        fn arrives(&mut self, total: u16, frame: &[u8]) {
            let end = self.word(RECEIVE_POINTER).wrapping_add(self.word(RECEIVED));
            for (offset, octet) in total.to_be_bytes().iter().chain(frame).enumerate() {
                *self.octet(RECEIVE_RING, end.wrapping_add(offset as u16)) = *octet;
            }
            let waiting = self.word(RECEIVED) + 2 + frame.len() as u16;
            self.set(RECEIVED, waiting);
        }

        fn obey(&mut self) {
            if self.registers[0][0] & MODE_RESET != 0 {
                self.registers = [[0; 64]; 2];
                self.registers[0][usize::from(VERSION.1)] = self.version;
                self.set(TRANSMIT_FREE, MEMORY);
            }
            match self.registers[1][usize::from(COMMAND.1)] {
                OPEN => self.set(RECEIVED, 0),
                SEND => {
                    let (start, end) = (self.word((1, 0x22)), self.word(TRANSMIT_POINTER));
                    let frame =
                        (0..end.wrapping_sub(start)).map(|at| *self.octet(TRANSMIT_RING, start.wrapping_add(at)));
                    let frame = frame.collect();
                    self.sent.push(frame);
                    self.set((1, 0x22), end);
                }
                RECEIVE => {
                    let taken = self.word(RECEIVE_POINTER).wrapping_sub(self.word((1, 0x2a)));
                    let waiting = self.word(RECEIVED) - taken;
                    self.set(RECEIVED, waiting);
                }
                _ => {}
            }
            let pointer = self.word(RECEIVE_POINTER);
            self.set((1, 0x2a), pointer);
            self.registers[1][usize::from(COMMAND.1)] = 0;
        }
    }

    impl ErrorType for Model {
        type Error = Infallible;
    }

    impl SpiDevice for Model {
        fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), Infallible> {
            let [Operation::Write(head), data] = operations else { panic!("a head and data") };
            let [high, low, control] = **head else { panic!("three octets of head") };
            let (offset, block) = (u16::from_be_bytes([high, low]), control >> 3);
            match data {
                Operation::Read(octets) if control & 4 == 0 => {
                    for (at, place) in octets.iter_mut().enumerate() {
                        *place = *self.octet(block, offset.wrapping_add(at as u16));
                    }
                }
                Operation::Write(octets) if control & 4 != 0 => {
                    for (at, octet) in octets.iter().enumerate() {
                        *self.octet(block, offset.wrapping_add(at as u16)) = *octet;
                    }
                    if (block, offset) == COMMAND || (block, offset) == MODE {
                        self.obey();
                    }
                }
                _ => panic!("the direction is in the head"),
            }
            Ok(())
        }
    }

    fn device(model: Model) -> Option<W5500<Model>> {
        W5500::new(model, Box::leak(Box::new(Frames::new())), [2, 0, 0, 0, 0, 9])
    }

    fn frame(device: &mut W5500<Model>) -> Option<Vec<u8>> {
        device.receive(Instant::ZERO).map(|(token, _)| token.consume(<[u8]>::to_vec))
    }

    #[test]
    fn frames_are_read_and_sent_around_the_end_of_the_ring() {
        let mut device = device(Model::new()).unwrap();
        assert_eq!(device.chip.0.registers[0][9..15], [2, 0, 0, 0, 0, 9]);
        assert_eq!((device.pending(), frame(&mut device)), (false, None));
        for number in 0..100_u8 {
            let sent: Vec<u8> = (0..1000 + usize::from(number)).map(|at| at as u8 ^ number).collect();
            device.chip.0.arrives(sent.len() as u16 + 2, &sent);
            device.chip.0.arrives(16, &[number; 14]);
            assert!(device.pending());
            assert_eq!(frame(&mut device), Some(sent.clone()));
            assert_eq!(frame(&mut device), Some([number; 14].to_vec()));
            assert!(!device.pending());
            device.transmit(Instant::ZERO).unwrap().consume(sent.len(), |place| place.copy_from_slice(&sent));
            assert_eq!(device.chip.0.sent.pop(), Some(sent));
        }
        assert_eq!(device.lost_frames(), 0);
    }

    #[test]
    fn what_is_no_frame_is_counted_and_the_next_one_heard() {
        let mut device = device(Model::new()).unwrap();
        for (lost, total) in (1..).zip([0, 1, 2, 15, 17, 1517, 0xffff]) {
            device.chip.0.arrives(total, &[7; 14]);
            assert_eq!((frame(&mut device), device.lost_frames(), device.pending()), (None, lost, false), "{total}");
            device.chip.0.arrives(16, &[8; 14]);
            assert_eq!(frame(&mut device), Some([8; 14].to_vec()));
        }
    }

    #[test]
    fn another_chip_is_none() {
        assert!(device(Model { version: 5, ..Model::new() }).is_none());
    }
}
