// The linker script alone knows where the settings are.
#![allow(unsafe_code)]

use collectd_node::Settings;

unsafe extern "C" {
    static __settings_start: u8;
    static __settings_end: u8;
}

/// The settings in flash, without what is wrong with them.
pub fn settings() -> Settings<'static> {
    Settings::parse(text(), |_| {})
}

/// Logs what is wrong with the settings in flash.
pub fn complain_of_settings() {
    _ = Settings::parse(text(), |error| defmt::warn!("{}", defmt::Display2Format(&error)));
}

/// The flash from `__settings_start` to `__settings_end`, which the board's memory.x sets.
fn text() -> &'static [u8] {
    let start = &raw const __settings_start;
    let end = &raw const __settings_end;
    // SAFETY: memory.x sets both to the borders of a region of flash that nothing else is linked to, start before end; it can be
    // read at any time and nothing writes to it while the program runs.
    unsafe { core::slice::from_raw_parts(start, end.addr() - start.addr()) }
}
