//! Registers of the chips.

#![allow(unsafe_code)]

use crate::copy::read_eights;

/// A register of 32 bits.
#[derive(Clone, Copy, Debug)]
pub struct Register(usize);

impl Register {
    /// The register at an address.
    ///
    /// # Safety
    /// There must be a register of 32 bits at this address for as long as the program runs, and neither reading nor writing it
    /// may touch memory that Rust knows of.
    #[must_use]
    pub const unsafe fn new(address: usize) -> Self {
        Self(address)
    }

    /// Reads it.
    #[inline(always)]
    #[must_use]
    pub fn read(self) -> u32 {
        // SAFETY: `new` was promised a register here that touches no memory.
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    /// Reads it for each of these places in turn, and gives the sum of all, each carry added at the other end.
    #[inline]
    #[must_use]
    pub fn read_eights(self, places: &mut [[u32; 8]]) -> u32 {
        if places.is_empty() {
            return 0;
        }
        // SAFETY: `new` was promised a register here that touches no memory, and the places are one behind the other, ours alone,
        // and at least one.
        unsafe { read_eights(self.0 as *const u32, places.as_mut_ptr(), places.as_mut_ptr_range().end) }
    }

    /// Writes it.
    #[inline(always)]
    pub fn write(self, value: u32) {
        // SAFETY: `new` was promised a register here that touches no memory.
        unsafe { (self.0 as *mut u32).write_volatile(value) }
    }

    /// Whether it comes to satisfy `done` soon. A chip that does not answer must not stop the board for good.
    pub fn comes_to(self, done: impl Fn(u32) -> bool) -> bool {
        (0..100_000).any(|_| done(self.read()))
    }
}

/// The registers of a device, by their distance from the first.
#[derive(Clone, Copy, Debug)]
pub struct Registers(usize);

impl Registers {
    /// The registers from an address on.
    ///
    /// # Safety
    /// The 4 KiB from there must be registers as [`Register::new`] wants them.
    #[must_use]
    pub const unsafe fn new(address: usize) -> Self {
        Self(address)
    }

    /// The register at a distance in octets below 4 KiB.
    #[inline(always)]
    #[must_use]
    pub const fn at(self, offset: u16) -> Register {
        // SAFETY: `new` was promised registers in these 4 KiB.
        unsafe { Register::new(self.0 + (offset & 0xffc) as usize) }
    }
}
