//! The log: defmt's frames over a UART, each in its own piece of rzCOBS.

#![allow(unsafe_code)]

use core::cell::{Cell, UnsafeCell};

use critical_section::{Mutex, RestoreState};
use defmt::Encoder;

use crate::register::Register;

/// A UART that was set up, as far as writing needs it.
#[derive(Clone, Copy, Debug)]
pub struct Uart {
    /// Takes an octet.
    pub data: Register,
    /// Tells whether it can.
    pub status: Register,
    /// The bits of `status` that are set while it cannot.
    pub full: u32,
}

static UART: Mutex<Cell<Option<Uart>>> = Mutex::new(Cell::new(None));

/// Where the log goes from now on; nowhere before.
pub fn log_to(uart: Uart) {
    critical_section::with(|cs| UART.borrow(cs).set(Some(uart)));
}

fn write(octets: &[u8]) {
    let Some(uart) = critical_section::with(|cs| UART.borrow(cs).get()) else {
        return;
    };
    for octet in octets {
        // A UART that stays full is given up: better an incomplete log than a board that stands still.
        if !uart.status.comes_to(|status| status & uart.full == 0) {
            return;
        }
        uart.data.write(u32::from(*octet));
    }
}

#[defmt::global_logger]
struct Logger;

/// What belongs to whoever is logging.
struct Frame {
    encoder: Encoder,
    before: RestoreState,
    taken: bool,
}

struct Current(UnsafeCell<Frame>);

// SAFETY: touched only between `acquire` and `release`, with interrupts off on the only processor.
unsafe impl Sync for Current {}

static CURRENT: Current =
    Current(UnsafeCell::new(Frame { encoder: Encoder::new(), before: RestoreState::invalid(), taken: false }));

/// The frame of whoever is logging.
///
/// # Safety
/// Interrupts must be off, and no other reference to the frame may be in use.
unsafe fn current<'a>() -> &'a mut Frame {
    // SAFETY: the caller makes sure that this is the only reference.
    unsafe { &mut *CURRENT.0.get() }
}

// SAFETY: `acquire` turns interrupts off on the only processor and `release` restores them, so that nobody else logs between.
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        // SAFETY: `release` restores this state.
        let before = unsafe { critical_section::acquire() };
        // SAFETY: interrupts are off, and nobody can be between `acquire` and `release`, or else the next line ends it.
        let frame = unsafe { current() };
        assert!(!frame.taken, "a log line within a log line");
        frame.taken = true;
        frame.before = before;
        frame.encoder.start_frame(write);
    }

    unsafe fn flush() {
        // Octets are with the UART as soon as they are written.
    }

    unsafe fn release() {
        // SAFETY: defmt calls this once after `acquire`, so interrupts are off.
        let frame = unsafe { current() };
        frame.encoder.end_frame(write);
        frame.taken = false;
        let before = frame.before;
        // SAFETY: this is the state that `acquire` was given.
        unsafe { critical_section::release(before) };
    }

    unsafe fn write(octets: &[u8]) {
        // SAFETY: defmt calls this between `acquire` and `release`, so interrupts are off.
        unsafe { current() }.encoder.write(octets, write);
    }
}
