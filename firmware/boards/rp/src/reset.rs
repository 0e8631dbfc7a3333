//! How the program ends, and why it started.

// Exception handlers are unsafe to declare.
#![allow(unsafe_code)]

use core::panic::PanicInfo;

use boards_common::last_words;
use cortex_m_rt::{ExceptionFrame, exception};
use embassy_rp::peripherals::WATCHDOG;
use embassy_rp::watchdog::Watchdog;

/// Why the program started again; `None` after power on or the reset button.
pub(crate) fn reason<'a>(watchdog: &Watchdog, text: &'a mut [u8; last_words::SIZE]) -> Option<&'a str> {
    // Memory that was without power holds nothing.
    watchdog.reset_reason()?;
    last_words::take(text).or(Some("watchdog"))
}

/// The watchdog resets all but the oscillators; the core's own request would leave the rest of the chip as it is.
fn reset() -> ! {
    // SAFETY: interrupts are off and nothing else runs any more.
    Watchdog::new(unsafe { WATCHDOG::steal() }).trigger_reset();
    loop {
        cortex_m::asm::nop();
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    cortex_m::interrupt::disable();
    last_words::panicked(info);
    reset()
}

// SAFETY: it keeps to its own memory and does not return.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    cortex_m::interrupt::disable();
    last_words::faulted(frame.pc(), frame.lr());
    reset()
}
