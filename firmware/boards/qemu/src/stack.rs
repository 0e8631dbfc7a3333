//! How much of the stack was ever used: it is painted at the start, and what is still painted was not.

#![allow(unsafe_code)]

use core::ptr::addr_of;

/// What cortex-m-rt paints the stack with.
const PAINT: u32 = 0xcccc_cccc;

/// Logs the highest mark whenever it has risen.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    most: usize,
}

impl Meter {
    /// Looks how far it has risen.
    pub(crate) fn look(&mut self) {
        unsafe extern "C" {
            static _stack_start: u32;
            static _stack_end: u32;
        }
        let (top, bottom) = (addr_of!(_stack_start), addr_of!(_stack_end));
        let words = (top.addr() - bottom.addr()) / 4;
        // SAFETY: these words are the stack, from its end on; below the mark nobody writes while we look.
        let painted = (0..words).take_while(|at| unsafe { bottom.add(*at).read_volatile() } == PAINT).count();
        let used = (words - painted) * 4;
        if used > self.most {
            self.most = used;
            defmt::info!("stack: {=usize} of {=usize} octets", used, words * 4);
        }
    }
}
