// The linker script alone knows where the settings are.
#![allow(unsafe_code)]

use collectd_node::{Settings, SettingsError};
use static_cell::StaticCell;

/// What is wrong with the first lines of the settings that say nothing.
pub struct Complaints([Option<SettingsError<'static>>; 4]);

impl Complaints {
    /// Logs them.
    pub fn log(&self) {
        for complaint in self.0.iter().flatten() {
            defmt::warn!("{}", complaint);
        }
    }
}

/// The settings in flash, without what is wrong with them. To be called once.
#[inline(never)]
pub fn settings() -> (&'static Settings<'static>, Complaints) {
    static SETTINGS: StaticCell<Settings<'static>> = StaticCell::new();
    let settings = SETTINGS.init_with(Settings::default);
    let mut complaints = Complaints([const { None }; 4]);
    let mut places = complaints.0.iter_mut();
    settings.read(text(), |error| _ = places.next().map(|place| *place = Some(error)));
    (settings, complaints)
}

/// The flash from `__settings_start` to `__settings_end`, which the board's memory.x sets.
fn text() -> &'static [u8] {
    let start = &raw const __settings_start;
    let end = &raw const __settings_end;
    // SAFETY: memory.x sets both to the borders of a region of flash that nothing else is linked to, start before end; it can be
    // read at any time and nothing writes to it while the program runs.
    unsafe { core::slice::from_raw_parts(start, end.addr() - start.addr()) }
}

unsafe extern "C" {
    static __settings_start: u8;
    static __settings_end: u8;
}
