//! Numbers for tests, logged whenever they have risen: packets and the time they took, lost frames, and how much of the stack was ever used. That is
//! painted at the start, and what is still painted was not used.

#![allow(unsafe_code)]

use core::ptr::addr_of;
use core::time::Duration;

/// What cortex-m-rt paints the stack with.
const PAINT: u32 = 0xcccc_cccc;

/// What was logged last.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    stack: usize,
    counts: (u64, u32),
    polled: u64,
    spent: Duration,
}

impl Meter {
    /// A poll took so long, and after it so many packets are received in all. Only polls that received some count.
    pub(crate) fn polled(&mut self, packets: u64, took: Duration) {
        if packets != self.polled {
            self.polled = packets;
            self.spent += took;
        }
    }

    /// Looks what has risen.
    pub(crate) fn look(&mut self, packets: u64, lost_frames: u32) {
        if self.counts != (packets, lost_frames) {
            self.counts = (packets, lost_frames);
            let nanos = self.spent.as_nanos() as u64;
            defmt::info!("received: {=u64} packets in {=u64} ns, lost: {=u32} frames", packets, nanos, lost_frames);
        }
        let (used, size) = stack();
        if used > self.stack {
            self.stack = used;
            defmt::info!("stack: {=usize} of {=usize} octets", used, size);
        }
    }
}

/// Octets of the stack that were ever used, and that there are.
fn stack() -> (usize, usize) {
    unsafe extern "C" {
        static _stack_start: u32;
        static _stack_end: u32;
    }
    let (top, bottom) = (addr_of!(_stack_start), addr_of!(_stack_end));
    let words = (top.addr() - bottom.addr()) / 4;
    // SAFETY: these words are the stack, from its end on; below the mark nobody writes while we look.
    let painted = (0..words).take_while(|at| unsafe { bottom.add(*at).read_volatile() } == PAINT).count();
    ((words - painted) * 4, words * 4)
}
