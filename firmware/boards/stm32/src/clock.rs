//! Whether the board has a clock from outside.

use embassy_stm32::pac::RCC;

/// Whether the 8 MHz of the board's debugger arrive, which are exact. They do not if it has no power; then the chip's own
/// oscillator must do, which is off by up to a percent.
pub fn external_clock() -> bool {
    RCC.cr().modify(|w| {
        w.set_hsebyp(true);
        #[cfg(feature = "nucleo-h563zi")]
        w.set_hseext(embassy_stm32::pac::rcc::vals::Hseext::DIGITAL);
    });
    RCC.cr().modify(|w| w.set_hseon(true));
    // Some 10 ms, where 100 µs are usual.
    (0..20_000).any(|_| RCC.cr().read().hserdy())
}
