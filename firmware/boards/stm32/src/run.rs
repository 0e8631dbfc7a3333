//! What the boards bring to the node's loop.

// An interrupt handler is unsafe to declare.
#![allow(unsafe_code)]

use core::sync::atomic::{AtomicBool, Ordering};

use boards_common::{Adapter, Clock, Hardware, last_words};
use collectd_node::Board as NodeBoard;
use defmt_rtt as _;
use embassy_stm32::eth::{Ethernet, PacketQueue, Phy};
use embassy_stm32::gpio::Output;
use embassy_stm32::interrupt::typelevel::{self, Handler};
use embassy_stm32::pac::ETH;
use embassy_stm32::wdg::IndependentWatchdog;
use embassy_stm32::{Peri, peripherals, wdg};
use static_cell::ConstStaticCell;

use crate::reset;
use crate::thermometer::Thermometer;

/// Frames in the memory of the Ethernet DMA: to be sent, received.
pub type Queue = PacketQueue<2, 8>;

/// The queue; to be taken once.
pub fn queue() -> &'static mut Queue {
    static QUEUE: ConstStaticCell<Queue> = ConstStaticCell::new(Queue::new());
    QUEUE.take()
}

/// The watchdog bites after this time without a healthy round. Its oscillator is off by up to a half.
const PATIENCE_MICROSECONDS: u32 = 1_300_000;

/// Starts the watchdog.
pub fn watch<T: wdg::Instance>(watchdog: Peri<'static, T>) -> IndependentWatchdog<'static, T> {
    let mut watchdog = IndependentWatchdog::new(watchdog, PATIENCE_MICROSECONDS);
    watchdog.unleash();
    watchdog
}

static ARRIVED: AtomicBool = AtomicBool::new(false);

/// Of the Ethernet interrupt, beside the driver's own: ends the sleep.
pub struct Arrival;

impl Handler<typelevel::ETH> for Arrival {
    unsafe fn on_interrupt() {
        ARRIVED.store(true, Ordering::Relaxed);
    }
}

/// What a board's own file brings.
pub struct Board<P: Phy, W: wdg::Instance + 'static> {
    /// Its name.
    pub name: &'static str,
    /// The address that its Ethernet has.
    pub mac: [u8; 6],
    /// A random number.
    pub seed: u64,
    /// Clock of the core.
    pub hertz: u32,
    /// The MAC.
    pub ethernet: Ethernet<'static, peripherals::ETH, P>,
    /// For alarms.
    pub led: Output<'static>,
    /// In the chip.
    pub thermometer: Thermometer,
    /// Started.
    pub watchdog: IndependentWatchdog<'static, W>,
}

/// Runs the node for good.
pub fn run<P: Phy, W: wdg::Instance + 'static>(board: Board<P, W>) -> ! {
    let core = cortex_m::Peripherals::take().expect("nothing else takes them");
    #[cfg(any(feature = "nucleo-f767zi", feature = "nucleo-h743zi"))]
    let core = {
        let mut core = core;
        // Code only: the Ethernet DMA and a cache of data would need care at each frame.
        core.SCB.enable_icache();
        core
    };
    let mut clock = Clock::start(core.SYST, board.hertz);
    static TEXT: ConstStaticCell<[u8; last_words::SIZE]> = ConstStaticCell::new([0; last_words::SIZE]);
    let reset = reset::reason(TEXT.take());
    let described = NodeBoard { name: board.name, mac: board.mac, seed: board.seed, reset };
    let mut wiring = Wiring {
        ethernet: Adapter::new(board.ethernet),
        led: board.led,
        watchdog: board.watchdog,
        thermometer: board.thermometer,
    };
    boards_common::run(&described, &mut wiring, &mut clock)
}

struct Wiring<P: Phy, W: wdg::Instance + 'static> {
    ethernet: Adapter<Ethernet<'static, peripherals::ETH, P>>,
    led: Output<'static>,
    watchdog: IndependentWatchdog<'static, W>,
    thermometer: Thermometer,
}

impl<P: Phy, W: wdg::Instance + 'static> Hardware for Wiring<P, W> {
    type Ethernet = Adapter<Ethernet<'static, peripherals::ETH, P>>;

    fn ethernet(&mut self) -> &mut Self::Ethernet {
        &mut self.ethernet
    }

    fn look(&mut self) -> (bool, Option<i32>, u32) {
        (self.ethernet.link(), self.thermometer.millidegrees(), lost_frames())
    }

    fn round(&mut self, led: bool) {
        self.led.set_level(led.into());
        self.watchdog.pet();
    }

    fn arrived(&mut self) -> bool {
        let arrived = ARRIVED.load(Ordering::Relaxed);
        ARRIVED.store(false, Ordering::Relaxed);
        arrived
    }
}

/// Frames that the MAC dropped since the last call: reading its counters clears them.
fn lost_frames() -> u32 {
    #[cfg(any(feature = "nucleo-f429zi", feature = "nucleo-f767zi"))]
    {
        let missed = ETH.ethernet_dma().dmamfbocr().read();
        u32::from(missed.mfc()) + u32::from(missed.mfa())
    }
    #[cfg(any(feature = "nucleo-h743zi", feature = "nucleo-h563zi"))]
    {
        let missed = ETH.ethernet_mtl().mtlrx_qmpocr().read();
        let dropped = ETH.ethernet_dma().dmacmfcr().read();
        u32::from(missed.ovfpktcnt()) + u32::from(missed.mispktcnt()) + u32::from(dropped.mfc())
    }
}
