//! Frames between a FIFO of words and octets in memory.
//!
//! ```text
//! octet     0        2                          16
//!           │ length │ Ethernet header (14)     │ IP packet …
//! word      0                 1        2        4
//! ```
//!
//! Both chips hand out frames with two octets before them, so that the IP packet begins at a word.

#![allow(unsafe_code)]

use core::{iter, slice};

use collectd_node::smoltcp::phy::{self, PacketMeta};

use crate::register::Register;

/// Octets of the longest frame, without its checksum.
pub const LONGEST: usize = collectd_node::LONGEST_FRAME;
/// Octets before a frame.
pub const BEFORE: usize = 2;
/// Octets of its checksum.
pub const CHECKSUM: usize = 4;
/// Words of the longest frame with what is before it, and its checksum.
const WORDS: usize = (BEFORE + LONGEST + CHECKSUM).div_ceil(4);
/// The first word of the IP packet.
const PACKET: usize = (BEFORE + 14) / 4;

/// Room for one frame.
#[derive(Debug)]
pub struct Frame([u32; WORDS]);

impl Frame {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "it is too large to be made anywhere but in a static")]
    pub const fn new() -> Self {
        Self([0; WORDS])
    }

    /// The octets of a frame of this length, or as many as there is room for.
    #[inline]
    pub fn octets(&mut self, len: usize) -> &mut [u8] {
        // SAFETY: the words are ours alone while `self` is borrowed, any octet is a valid `u8`, and the length is theirs.
        let octets = unsafe { slice::from_raw_parts_mut(self.0.as_mut_ptr().cast::<u8>(), size_of::<Self>()) };
        &mut octets[BEFORE..BEFORE + len.min(LONGEST)]
    }

    /// The first word: two octets for the chip, and the first two of the frame.
    pub fn head(&mut self) -> &mut u32 {
        &mut self.0[0]
    }

    /// Reads so many words out of a FIFO, from `first` on, which is of the Ethernet header. Those without room are read, too, and
    /// forgotten. Gives the sum of those behind that header.
    #[inline]
    pub fn pull(&mut self, fifo: Register, first: usize, words: usize) -> u32 {
        let kept = words.min(WORDS - first);
        let (header, packet) = self.0[first..first + kept].split_at_mut(kept.min(PACKET - first));
        for word in header {
            *word = fifo.read();
        }
        let (eights, rest) = packet.as_chunks_mut::<8>();
        let mut sum = fifo.read_eights(eights);
        for word in rest {
            *word = fifo.read();
            sum = add(sum, *word);
        }
        for _ in kept..words {
            _ = fifo.read();
        }
        sum
    }

    /// A frame of this length that was pulled, checksum and all, and gave this sum.
    #[inline]
    pub fn received(&mut self, len: usize, sum: u32) -> Received<'_> {
        // Without the checksum, and what else is in its words.
        let end = BEFORE + len;
        let behind = self.0[end / 4..(end + CHECKSUM).div_ceil(4)].iter();
        let masks = iter::once(u32::MAX << (end % 4 * 8)).chain(iter::repeat(u32::MAX));
        let sum = behind.zip(masks).fold(sum, |sum, (word, mask)| add(sum, !(word & mask)));
        Received { octets: self.octets(len), sum }
    }

    /// Writes a frame of this length, and what is before it, into a FIFO.
    pub fn push(&self, fifo: Register, len: usize) {
        for word in &self.0[..(BEFORE + len).div_ceil(4)] {
            fifo.write(*word);
        }
    }
}

/// Room for a frame in each direction.
#[derive(Debug)]
pub struct Frames {
    /// The last frame received.
    pub received: Frame,
    /// The next frame to transmit.
    pub transmitted: Frame,
}

impl Frames {
    /// Empty ones.
    #[expect(clippy::new_without_default, reason = "they are too large to be made anywhere but in a static")]
    pub const fn new() -> Self {
        Self { received: Frame::new(), transmitted: Frame::new() }
    }
}

/// A frame that was received, and what the words behind its Ethernet header add up to.
#[derive(Debug)]
pub struct Received<'a> {
    octets: &'a [u8],
    sum: u32,
}

impl phy::RxToken for Received<'_> {
    #[inline]
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.octets)
    }

    #[inline]
    fn meta(&self) -> PacketMeta {
        let mut meta = PacketMeta::default();
        meta.id = self.sum;
        meta
    }
}

/// A sum whose carry is added at the other end.
#[inline]
const fn add(sum: u32, word: u32) -> u32 {
    let (sum, carry) = sum.overflowing_add(word);
    sum.wrapping_add(carry as u32)
}
