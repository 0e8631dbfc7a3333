//! The node's loop, beside the W5500's driver.

// What the macro for interrupts writes is unsafe.
#![allow(unsafe_code)]

use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;

use boards_common::{Adapter, last_words, settings};
use collectd_node::{Board as NodeBoard, Node, Readings, Sockets, Storage};
use defmt_rtt as _;
use embassy_futures::join::join;
use embassy_futures::select::select;
use embassy_net_wiznet::chip::W5500;
use embassy_net_wiznet::{Device, State};
use embassy_rp::gpio::{Input, Level, Output, Pull};
use embassy_rp::peripherals::{self, DMA_CH0, DMA_CH1};
use embassy_rp::spi::{self, Spi};
use embassy_rp::watchdog::Watchdog;
use embassy_rp::{Peri, bind_interrupts, dma};
use embassy_time::{Instant, Timer};
use static_cell::{ConstStaticCell, StaticCell};

use crate::reset;
use crate::thermometer::Thermometer;
use crate::w5500::{HERTZ, Wires};

bind_interrupts!(struct Interrupts {
    DMA_IRQ_0 => dma::InterruptHandler<DMA_CH0>, dma::InterruptHandler<DMA_CH1>;
});

/// The watchdog bites after this time without a healthy round.
const PATIENCE: embassy_time::Duration = embassy_time::Duration::from_millis(1500);

/// A round at least this often.
const ROUND: Duration = Duration::from_millis(100);

/// The temperature is taken this often.
const TEMPERATURE: embassy_time::Duration = embassy_time::Duration::from_secs(1);

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
    pub dma0: Peri<'static, DMA_CH0>,
    pub dma1: Peri<'static, DMA_CH1>,
    pub miso: Peri<'static, peripherals::PIN_16>,
    pub select: Peri<'static, peripherals::PIN_17>,
    pub clock: Peri<'static, peripherals::PIN_18>,
    pub mosi: Peri<'static, peripherals::PIN_19>,
    pub reset: Peri<'static, peripherals::PIN_20>,
    pub interrupt: Peri<'static, peripherals::PIN_21>,
    pub led: Peri<'static, peripherals::PIN_25>,
    pub adc: Peri<'static, peripherals::ADC>,
    pub temperature: Peri<'static, peripherals::ADC_TEMP_SENSOR>,
    pub watchdog: Peri<'static, peripherals::WATCHDOG>,
}

/// Runs the node for good.
pub async fn run(board: Board) -> ! {
    let mut watchdog = Watchdog::new(board.watchdog);
    static TEXT: ConstStaticCell<[u8; last_words::SIZE]> = ConstStaticCell::new([0; last_words::SIZE]);
    let reset = reset::reason(&watchdog, TEXT.take());
    watchdog.start(PATIENCE);
    let mut led = Output::new(board.led, Level::Low);
    let mut thermometer = Thermometer::new(board.adc, board.temperature);

    let mut config = spi::Config::default();
    config.frequency = HERTZ;
    let spi = Spi::new(board.spi, board.clock, board.mosi, board.miso, board.dma0, board.dma1, Interrupts, config);
    let wires = Wires::new(spi, Output::new(board.select, Level::High));
    // Not a constant, as the sockets below.
    static FRAMES: StaticCell<State<6, 2>> = StaticCell::new();
    let interrupt = Input::new(board.interrupt, Pull::Up);
    let (device, driver) = embassy_net_wiznet::new::<_, _, W5500, _, _, _>(
        board.mac,
        FRAMES.init_with(State::new),
        wires,
        interrupt,
        Output::new(board.reset, Level::Low),
    )
    .await
    .expect("the W5500 answers");

    let described = NodeBoard { name: board.name, mac: board.mac, seed: board.seed, reset };
    join(driver.run(), rounds(Adapter::new(device), described, &mut led, &mut watchdog, &mut thermometer)).await.0
}

async fn rounds(
    mut device: Adapter<Device<'static>>,
    board: NodeBoard<'static>,
    led: &mut Output<'_>,
    watchdog: &mut Watchdog,
    thermometer: &mut Thermometer,
) -> ! {
    static STORAGE: ConstStaticCell<Storage> = ConstStaticCell::new(Storage::new());
    // Not a constant: that is not all zero, and would take as much flash.
    static SOCKETS: StaticCell<Sockets> = StaticCell::new();
    let (settings, complaints) = settings();
    let mut node = Node::new(&mut device, &board, settings, STORAGE.take(), SOCKETS.init_with(Sockets::new), now());
    // After its first line, which says why the board started.
    complaints.log();
    // The chip does not tell what it dropped.
    let mut readings = Readings { link: false, millidegrees: None, lost_frames: 0 };
    let mut taken: Option<Instant> = None;
    loop {
        readings.link = device.link();
        if taken.is_none_or(|taken| taken.elapsed() >= TEMPERATURE) {
            taken = Some(Instant::now());
            readings.millidegrees = thermometer.millidegrees();
        }
        let outcome = node.poll(&mut device, now(), &readings, &mut ());
        led.set_level(outcome.led.into());
        watchdog.feed(PATIENCE);

        let wake = outcome.wake.saturating_sub(now()).min(ROUND).subsec_micros();
        let arrival = poll_fn(|context| {
            device.wake(context.waker());
            if device.pending() { Poll::Ready(()) } else { Poll::Pending }
        });
        select(arrival, Timer::after_micros(wake.into())).await;
        // The driver has its turn even if frames wait all the time.
        embassy_futures::yield_now().await;
    }
}

/// Since the start.
fn now() -> Duration {
    Duration::from_micros(Instant::now().as_micros())
}
