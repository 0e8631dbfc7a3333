//! How the program ends, and why it started.

// Exception handlers are unsafe to declare.
#![allow(unsafe_code)]

use core::panic::PanicInfo;

use boards_common::last_words;
use cortex_m::peripheral::SCB;
use cortex_m_rt::{ExceptionFrame, exception};
use embassy_stm32::pac::RCC;

/// Why the program started again; `None` after power on or the reset button.
pub(crate) fn reason(text: &mut [u8; last_words::SIZE]) -> Option<&str> {
    #[cfg(any(feature = "nucleo-f429zi", feature = "nucleo-f767zi"))]
    let flags = {
        let flags = RCC.csr().read();
        RCC.csr().modify(|w| w.set_rmvf(true));
        flags
    };
    #[cfg(any(feature = "nucleo-h743zi", feature = "nucleo-h563zi"))]
    let flags = {
        let flags = RCC.rsr().read();
        RCC.rsr().modify(|w| w.set_rmvf(true));
        flags
    };
    #[cfg(any(feature = "nucleo-f429zi", feature = "nucleo-f767zi"))]
    let watchdog = flags.wdgrstf();
    #[cfg(feature = "nucleo-h743zi")]
    let watchdog = flags.iwdg1rstf();
    #[cfg(feature = "nucleo-h563zi")]
    let watchdog = flags.iwdgrstf();

    // Memory that was without power holds nothing, and may fail to be read.
    if flags.borrstf() {
        return None;
    }
    last_words::take(text).or(watchdog.then_some("watchdog"))
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    cortex_m::interrupt::disable();
    last_words::panicked(info);
    SCB::sys_reset()
}

// SAFETY: it keeps to its own memory and does not return.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    cortex_m::interrupt::disable();
    last_words::faulted(frame.pc(), frame.lr());
    SCB::sys_reset()
}
