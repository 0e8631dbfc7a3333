//! What the boards bring to the node's loop.

use boards_common::w5500::{Frames, W5500};
use boards_common::{Clock, Hardware, last_words};
use collectd_node::Board as NodeBoard;
use defmt_rtt as _;
use embassy_rp::Peri;
use embassy_rp::clocks::clk_sys_freq;
use embassy_rp::gpio::{Level, Output};
use embassy_rp::peripherals;
use embassy_rp::spi::{self, Spi};
use embassy_rp::watchdog::Watchdog;
use embassy_time::Duration;
use static_cell::ConstStaticCell;

use crate::reset;
use crate::thermometer::Thermometer;
use crate::wires::{HERTZ, Wires};

/// The watchdog bites after this time without a healthy round.
const PATIENCE: Duration = Duration::from_millis(1500);

/// What a board's own file brings: all pins are alike.
#[expect(missing_docs, reason = "named as the data sheet names them")]
pub struct Board {
    /// Its name.
    pub name: &'static str,
    /// The address that its Ethernet has.
    pub mac: [u8; 6],
    /// A random number.
    pub seed: u64,
    pub spi: Peri<'static, peripherals::SPI0>,
    pub miso: Peri<'static, peripherals::PIN_16>,
    pub select: Peri<'static, peripherals::PIN_17>,
    pub clock: Peri<'static, peripherals::PIN_18>,
    pub mosi: Peri<'static, peripherals::PIN_19>,
    pub reset: Peri<'static, peripherals::PIN_20>,
    pub led: Peri<'static, peripherals::PIN_25>,
    pub adc: Peri<'static, peripherals::ADC>,
    pub temperature: Peri<'static, peripherals::ADC_TEMP_SENSOR>,
    pub watchdog: Peri<'static, peripherals::WATCHDOG>,
}

/// Runs the node for good.
pub fn run(board: Board) -> ! {
    let core = cortex_m::Peripherals::take().expect("nothing else takes them");
    let mut clock = Clock::start(core.SYST, clk_sys_freq());
    let mut watchdog = Watchdog::new(board.watchdog);
    static TEXT: ConstStaticCell<[u8; last_words::SIZE]> = ConstStaticCell::new([0; last_words::SIZE]);
    let reason = reset::reason(&watchdog, TEXT.take());
    watchdog.start(PATIENCE);

    // Half a millisecond is enough for a reset; then its clock takes up to 50.
    let mut reset = Output::new(board.reset, Level::Low);
    let mut wait = |millis| {
        let until = clock.now() + core::time::Duration::from_millis(millis);
        while clock.now() < until {
            cortex_m::asm::wfi();
        }
    };
    wait(2);
    reset.set_high();
    wait(100);
    let mut config = spi::Config::default();
    config.frequency = HERTZ;
    let spi = Spi::new_blocking(board.spi, board.clock, board.mosi, board.miso, config);
    let wires = Wires { spi, select: Output::new(board.select, Level::High) };
    static FRAMES: ConstStaticCell<Frames> = ConstStaticCell::new(Frames::new());
    let ethernet = W5500::new(wires, FRAMES.take(), board.mac).expect("the W5500 answers");

    let described = NodeBoard { name: board.name, mac: board.mac, seed: board.seed, reset: reason };
    let mut wiring = Wiring {
        ethernet,
        lost: 0,
        thermometer: Thermometer::new(board.adc, board.temperature),
        led: Output::new(board.led, Level::Low),
        watchdog,
        _reset: reset,
    };
    boards_common::run(&described, &mut wiring, &mut clock)
}

struct Wiring {
    ethernet: W5500<Wires>,
    lost: u32,
    thermometer: Thermometer,
    led: Output<'static>,
    watchdog: Watchdog,
    /// Stays high.
    _reset: Output<'static>,
}

impl Hardware for Wiring {
    type Ethernet = W5500<Wires>;

    fn ethernet(&mut self) -> &mut W5500<Wires> {
        &mut self.ethernet
    }

    fn look(&mut self) -> (bool, Option<i32>, u32) {
        let before = self.lost;
        self.lost = self.ethernet.lost_frames();
        (self.ethernet.link(), self.thermometer.millidegrees(), self.lost.wrapping_sub(before))
    }

    fn round(&mut self, led: bool) {
        self.led.set_level(led.into());
        self.watchdog.feed(PATIENCE);
    }

    fn arrived(&mut self) -> bool {
        self.ethernet.pending()
    }
}
