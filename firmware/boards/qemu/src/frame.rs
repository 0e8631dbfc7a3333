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

use core::slice;

use crate::register::Register;

/// Octets of the longest frame, without its checksum.
pub const LONGEST: usize = collectd_node::LONGEST_FRAME;
/// Octets before a frame.
pub const BEFORE: usize = 2;
/// Words of the longest frame with what is before it, and its checksum.
const WORDS: usize = (BEFORE + LONGEST + 4).div_ceil(4);

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

    /// Reads so many words out of a FIFO, from `first` on. Those without room are read, too, and forgotten.
    #[inline]
    pub fn pull(&mut self, fifo: Register, first: usize, words: usize) {
        let kept = words.min(WORDS - first);
        let (eights, rest) = self.0[first..first + kept].as_chunks_mut::<8>();
        for eight in eights {
            *eight = [(); 8].map(|()| fifo.read());
        }
        for word in rest {
            *word = fifo.read();
        }
        for _ in kept..words {
            _ = fifo.read();
        }
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

/// A frame that was received.
#[derive(Debug)]
pub struct Received<'a>(pub &'a [u8]);

impl collectd_node::smoltcp::phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}
