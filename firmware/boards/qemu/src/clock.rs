//! Time since the start, from SysTick.

use core::cell::Cell;
use core::time::Duration;

use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{SCB, SYST};
use cortex_m_rt::exception;
use critical_section::Mutex;

/// Ticks in a second: how precisely a sleeping board wakes up.
const TICKS: u32 = 100;
const TICK_NANOS: u32 = 1_000_000_000 / TICKS;

/// Whole seconds, and ticks in the one that has begun.
static ELAPSED: Mutex<Cell<(u32, u32)>> = Mutex::new(Cell::new((0, 0)));

/// The time since the start; good for 136 years.
#[derive(Debug)]
pub struct Clock {
    /// Nanoseconds in one of SysTick's counts.
    nanos: u32,
    /// SysTick's counts in a tick.
    counts: u32,
    /// The latest time that was told.
    latest: Cell<Duration>,
}

impl Clock {
    /// Starts it; the processor runs at so many hertz, a divisor of 10⁹.
    #[must_use]
    pub fn start(mut timer: SYST, hertz: u32) -> Self {
        let counts = hertz / TICKS;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(counts - 1);
        timer.clear_current();
        timer.enable_counter();
        timer.enable_interrupt();
        Self { nanos: 1_000_000_000 / hertz, counts, latest: Cell::new(Duration::ZERO) }
    }

    /// The time since the start; it never goes back.
    #[must_use]
    pub fn now(&self) -> Duration {
        let ((seconds, mut ticks), left) = critical_section::with(|cs| {
            let (seconds, ticks) = ELAPSED.borrow(cs).get();
            let left = SYST::get_current();
            match SCB::is_pendst_pending() {
                // The counter began anew before or after it was read; after, it has more left than before.
                true => ((seconds, ticks + 1), SYST::get_current()),
                false => ((seconds, ticks), left),
            }
        });
        let counts = self.counts.saturating_sub(left + 1);
        let mut seconds = u64::from(seconds);
        if ticks == TICKS {
            ticks = 0;
            seconds += 1;
        }
        let now = Duration::new(seconds, ticks * TICK_NANOS + counts * self.nanos);
        // QEMU's counter begins anew a little before its interrupt is pending, on a busy machine.
        self.latest.set(self.latest.get().max(now));
        self.latest.get()
    }
}

defmt::timestamp!("{=u64:ms}", {
    let (seconds, ticks) = critical_section::with(|cs| ELAPSED.borrow(cs).get());
    u64::from(seconds) * 1_000 + u64::from(ticks * (1_000 / TICKS))
});

#[exception]
fn SysTick() {
    critical_section::with(|cs| {
        let elapsed = ELAPSED.borrow(cs);
        let (seconds, ticks) = elapsed.get();
        elapsed.set(if ticks + 1 == TICKS { (seconds.wrapping_add(1), 0) } else { (seconds, ticks + 1) });
    });
}
