//! The chip's own temperature.

use embassy_rp::Peri;
use embassy_rp::adc::{Adc, Blocking, Channel, Config};
use embassy_rp::peripherals::{ADC, ADC_TEMP_SENSOR};

pub(crate) struct Thermometer {
    converter: Adc<'static, Blocking>,
    sensor: Channel<'static>,
}

impl Thermometer {
    pub(crate) fn new(converter: Peri<'static, ADC>, sensor: Peri<'static, ADC_TEMP_SENSOR>) -> Self {
        Self { converter: Adc::new_blocking(converter, Config::default()), sensor: Channel::new_temp_sensor(sensor) }
    }

    /// In thousandths of a degree Celsius. Good to some degrees: by the data sheets 0.706 V at 27 °C and 1.721 mV less for each
    /// more, of 3.3 V in 4096 steps.
    pub(crate) fn millidegrees(&mut self) -> Option<i32> {
        let steps = i32::from(self.converter.blocking_read(&mut self.sensor).ok()?);
        let microvolts = steps * 3300 / 4096 * 1000 + steps * 3300 % 4096 * 1000 / 4096;
        Some(27_000 - (microvolts - 706_000) * 1000 / 1721)
    }
}
