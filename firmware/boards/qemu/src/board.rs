//! What every board does: it starts, tells why, and then polls the node and sleeps in turn.

#![allow(unsafe_code)]

use core::net::SocketAddr;
use core::slice;
use core::time::Duration;

use collectd_node::collectd_net::{Arrival, Error, Item};
use collectd_node::smoltcp::phy::Device;
use collectd_node::{Board, Node, Readings, Settings, SettingsError, Sockets, Storage, Watch};
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::exception;
use static_cell::{ConstStaticCell, StaticCell};

use crate::clock::Clock;
use crate::kept;
use crate::register::Registers;
use crate::watchdog::Watchdog;

/// An Ethernet: besides frames, what the node and a sleeping board want to know.
pub trait Ethernet: Device {
    /// Our address.
    fn address(&self) -> [u8; 6];
    /// Whether the cable is plugged in.
    fn link(&mut self) -> bool;
    /// Frames lost since the start, as far as the chip tells.
    fn lost_frames(&mut self) -> u32;
    /// Whether no frame waits. The next one interrupts.
    fn quiet(&mut self) -> bool;
}

/// What tells one board from the other.
#[derive(Debug)]
pub struct Wiring<E> {
    /// Its name.
    pub name: &'static str,
    /// How fast the processor runs, and the watchdog counts.
    pub hertz: u32,
    /// Its Ethernet.
    pub ethernet: E,
    /// The interrupt of the Ethernet.
    pub interrupt: Interrupt,
    /// Its watchdog.
    pub watchdog: Registers,
    /// The interrupt of the watchdog; none if that is not maskable.
    pub watchdog_interrupt: Option<Interrupt>,
    /// Turns the LED on or off.
    pub led: fn(bool),
    /// Why it started, if the chip itself knows.
    pub reset: Option<&'static str>,
}

/// An external interrupt.
#[derive(Clone, Copy, Debug)]
pub struct Interrupt(pub u16);

// SAFETY: the number is always the same, and both chips have all the interrupts that the boards name.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0
    }
}

/// The longest sleep: the watchdog wants to be fed, and a pulled cable is noticed only by looking.
const LONGEST_SLEEP: Duration = Duration::from_millis(250);

/// Runs the node on a board. To be called once.
pub fn run<E: Ethernet>(
    wiring: Wiring<E>,
    core: cortex_m::Peripherals,
    prepare: impl FnOnce(&mut E, &Settings<'_>),
) -> ! {
    let Wiring { name, hertz, mut ethernet, interrupt, watchdog, watchdog_interrupt, led, reset } = wiring;
    let kept = kept::take();
    let reset = kept.reason.or(reset).or((kept.starts > 1).then_some("reset"));

    let clock = Clock::start(core.SYST, hertz);
    let watchdog = Watchdog::start(watchdog, hertz);
    if let Some(interrupt) = watchdog_interrupt {
        // SAFETY: nothing relies on it being masked.
        unsafe { NVIC::unmask(interrupt) };
    }

    let mac = ethernet.address();
    let board = Board { name, mac, seed: seed(mac, kept.starts), reset };
    let node = start(&mut ethernet, &board, prepare, clock.now());
    let mut watch = Watching::new();
    #[cfg(feature = "measure")]
    let mut meter = crate::measure::Meter::default();

    let mut link = ethernet.link();
    let mut look = Duration::ZERO;
    loop {
        let now = clock.now();
        if now >= look {
            look = now + LONGEST_SLEEP;
            link = ethernet.link();
            #[cfg(feature = "measure")]
            meter.look(node.counters().packets, ethernet.lost_frames());
        }
        let readings = Readings { link, millidegrees: None, lost_frames: ethernet.lost_frames() };
        #[cfg(feature = "measure")]
        let begun = clock.now();
        let outcome = node.poll(&mut ethernet, now, &readings, &mut watch);
        #[cfg(feature = "measure")]
        meter.polled(node.counters().packets, clock.now() - begun);
        led(outcome.led);
        watchdog.feed();
        sleep(&clock, outcome.wake.min(look), &mut ethernet, interrupt);
    }
}

/// Makes the node, apart from what runs it: it is large, and on the stack on its way to the static.
#[inline(never)]
fn start<E: Ethernet>(
    ethernet: &mut E,
    board: &Board<'static>,
    prepare: impl FnOnce(&mut E, &Settings<'_>),
    now: Duration,
) -> &'static mut Node<'static> {
    static STORAGE: ConstStaticCell<Storage> = ConstStaticCell::new(Storage::new());
    static SOCKETS: ConstStaticCell<Sockets<'static>> = ConstStaticCell::new(Sockets::new());
    static NODE: StaticCell<Node<'static>> = StaticCell::new();
    let (settings, complaints) = settings();
    prepare(ethernet, settings);
    let node = NODE.init_with(|| Node::new(ethernet, board, settings, STORAGE.take(), SOCKETS.take(), now));
    // The first line of the log is the node's, which says why the board starts.
    for complaint in complaints.iter().flatten() {
        defmt::warn!("{}", complaint);
    }
    node
}

/// The settings, and what is wrong with the first lines of them that say nothing.
#[inline(never)]
fn settings() -> (&'static Settings<'static>, Complaints) {
    static SETTINGS: StaticCell<Settings<'static>> = StaticCell::new();
    let settings = SETTINGS.init_with(Settings::default);
    let mut complaints = Complaints::default();
    let mut places = complaints.iter_mut();
    settings.read(settings_text(), |error| _ = places.next().map(|place| *place = Some(error)));
    (settings, complaints)
}

type Complaints = [Option<SettingsError<'static>>; 8];

/// Sleeps until then, or until a frame waits.
fn sleep(clock: &Clock, wake: Duration, ethernet: &mut impl Ethernet, interrupt: Interrupt) {
    let nap = || {
        NVIC::unpend(interrupt);
        if clock.now() >= wake || !ethernet.quiet() {
            return false;
        }
        // SAFETY: interrupts are off; that one is pending ends the sleep, and it is masked again before they are on.
        unsafe { NVIC::unmask(interrupt) };
        cortex_m::asm::wfi();
        NVIC::mask(interrupt);
        true
    };
    let mut nap = nap;
    while cortex_m::interrupt::free(|_| nap()) {}
}

/// A number that differs from board to board and from start to start. Neither chip has a better source.
fn seed(mac: [u8; 6], starts: u32) -> u64 {
    let count = cortex_m::peripheral::SYST::get_current();
    let octets = mac.into_iter().chain(starts.to_ne_bytes()).chain(count.to_ne_bytes());
    octets.fold(0xcbf2_9ce4_8422_2325, |sum, octet| (sum ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3))
}

/// The text of the settings: the end of the flash.
fn settings_text() -> &'static [u8] {
    unsafe extern "C" {
        static _settings_start: u8;
        static _settings_end: u8;
    }
    let (start, end) = (&raw const _settings_start, &raw const _settings_end);
    // SAFETY: the linker script keeps this part of the flash free of anything else, and nobody writes it while we run.
    unsafe { slice::from_raw_parts(start, end.addr() - start.addr()) }
}

/// What is done with what the node receives, besides what it does itself.
struct Watching {
    #[cfg(feature = "exact")]
    lines: crate::exact::Lines,
}

impl Watching {
    fn new() -> Self {
        Self {
            #[cfg(feature = "exact")]
            lines: crate::exact::Lines::new(crate::exact::Output::new()),
        }
    }
}

#[cfg_attr(not(any(feature = "exact", feature = "inject")), expect(unused_variables, reason = "nobody wants to know"))]
impl Watch for Watching {
    fn item(&mut self, item: &Item<'_>, from: Option<SocketAddr>) {
        #[cfg(feature = "exact")]
        self.lines.item(item, from);
        #[cfg(feature = "inject")]
        crate::inject::fault(item);
    }

    fn refusal(&mut self, error: &Error, from: Option<SocketAddr>) {
        #[cfg(feature = "exact")]
        self.lines.refusal(error, from);
    }

    fn packet_end(&mut self, arrival: &Arrival) {
        #[cfg(feature = "exact")]
        self.lines.packet_end(arrival);
    }
}

/// The watchdog of the MPS2.
// SAFETY: it never returns.
#[exception]
unsafe fn NonMaskableInt() -> ! {
    kept::restart(format_args!("watchdog"))
}

/// The watchdog of the LM3S6965; no other interrupt is ever taken.
// SAFETY: it never returns.
#[exception]
unsafe fn DefaultHandler(number: i16) -> ! {
    match number {
        0.. => kept::restart(format_args!("watchdog")),
        _ => kept::restart(format_args!("exception {number}")),
    }
}
