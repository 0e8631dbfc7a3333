//! The chip's own temperature.

// Only the maker knows where its measurements are.
#![allow(unsafe_code)]

#[cfg_attr(any(feature = "nucleo-f429zi", feature = "nucleo-f767zi"), path = "thermometer/f.rs")]
#[cfg_attr(any(feature = "nucleo-h743zi", feature = "nucleo-h563zi"), path = "thermometer/h.rs")]
mod sensor;

use self::sensor::{Converter, Sensor};

/// Where the maker wrote down what the converter said of this chip, with 3.3 V as these boards have: at 30 °C, and so many octets
/// behind at that temperature.
const MEASURED: usize = if cfg!(feature = "nucleo-f429zi") {
    0x1fff_7a2c
} else if cfg!(feature = "nucleo-f767zi") {
    0x1ff0_f44c
} else if cfg!(feature = "nucleo-h743zi") {
    0x1ff1_e820
} else {
    0x08ff_f814
};
const BEHIND: usize = if cfg!(feature = "nucleo-h743zi") {
    0x20
} else if cfg!(feature = "nucleo-h563zi") {
    4
} else {
    2
};
const WARM: i32 = if cfg!(feature = "nucleo-h563zi") { 130_000 } else { 110_000 };
const COLD: i32 = 30_000;

/// The sensor, and how steep it is.
pub struct Thermometer {
    sensor: Sensor,
    cold: i32,
    warm: i32,
}

impl Thermometer {
    /// Turns both on.
    pub fn new(converter: Converter) -> Self {
        let measured = |place| {
            let measured = core::ptr::with_exposed_provenance::<u16>(place);
            // SAFETY: the data sheets have a number of 16 bits there, in memory that is always there and never changes.
            i32::from(unsafe { measured.read_volatile() })
        };
        Self { sensor: Sensor::new(converter), cold: measured(MEASURED), warm: measured(MEASURED + BEHIND) }
    }

    /// What it was at the last look, in thousandths of a degree Celsius; none at the first. Never waits.
    pub(crate) fn millidegrees(&mut self) -> Option<i32> {
        let steps = self.sensor.steps()?;
        let steepness = self.warm - self.cold;
        // At most 65,536 steps for less than 2¹⁵ units of four millidegrees.
        (steepness > 0).then(|| COLD + (steps - self.cold) * ((WARM - COLD) / 4) / steepness * 4)
    }
}
