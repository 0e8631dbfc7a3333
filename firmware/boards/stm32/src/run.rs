//! The node's loop.

// An interrupt handler is unsafe to declare.
#![allow(unsafe_code)]

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use boards_common::{Adapter, last_words, settings};
use collectd_node::{Board as NodeBoard, Node, Readings, Sockets, Storage};
use cortex_m::asm;
use defmt_rtt as _;
use embassy_stm32::eth::{Ethernet, PacketQueue, Phy};
use embassy_stm32::gpio::Output;
use embassy_stm32::interrupt::typelevel::{self, Handler};
use embassy_stm32::pac::ETH;
use embassy_stm32::wdg::IndependentWatchdog;
use embassy_stm32::{Peri, peripherals, wdg};
use static_cell::{ConstStaticCell, StaticCell};

use crate::clock::Clock;
use crate::reset;

/// Frames in the memory of the Ethernet DMA: to be sent, received.
pub type Queue = PacketQueue<2, 8>;

/// The queue; to be taken once.
pub fn queue() -> &'static mut Queue {
    static QUEUE: ConstStaticCell<Queue> = ConstStaticCell::new(Queue::new());
    QUEUE.take()
}

/// The watchdog bites after this time without a healthy round. Its oscillator is off by up to a half.
const PATIENCE_MICROSECONDS: u32 = 1_300_000;

/// A round at least this often.
const ROUND: Duration = Duration::from_millis(100);

/// The cable is looked at this often.
const LOOK: Duration = Duration::from_millis(100);

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
    /// Started.
    pub watchdog: IndependentWatchdog<'static, W>,
}

/// Runs the node for good.
pub fn run<P: Phy, W: wdg::Instance + 'static>(mut board: Board<P, W>) -> ! {
    static STORAGE: ConstStaticCell<Storage> = ConstStaticCell::new(Storage::new());
    // Not a constant: that is not all zero, and would take as much flash.
    static SOCKETS: StaticCell<Sockets> = StaticCell::new();
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
    let mut device = Adapter::new(board.ethernet);
    let described = NodeBoard { name: board.name, mac: board.mac, seed: board.seed, reset };
    let (settings, complaints) = settings();
    let mut node =
        Node::new(&mut device, &described, settings, STORAGE.take(), SOCKETS.init_with(Sockets::new), clock.now());
    // After its first line, which says why the board started.
    complaints.log();

    let mut readings = Readings { link: device.link(), millidegrees: None, lost_frames: 0 };
    let mut looked = clock.now();
    loop {
        let now = clock.now();
        if now - looked >= LOOK {
            looked = now;
            readings.link = device.link();
            readings.lost_frames = readings.lost_frames.wrapping_add(lost_frames());
        }
        let outcome = node.poll(&mut device, now, &readings, &mut ());
        board.led.set_level(outcome.led.into());
        board.watchdog.pet();

        // SysTick ends each sleep after a millisecond at the latest, so a frame that arrives just before one waits no longer.
        let until = outcome.wake.min(now + ROUND);
        while !ARRIVED.load(Ordering::Relaxed) && clock.now() < until {
            asm::wfi();
        }
        ARRIVED.store(false, Ordering::Relaxed);
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
