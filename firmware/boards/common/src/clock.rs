//! Milliseconds since the start, from SysTick.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;

static MILLISECONDS: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    MILLISECONDS.store(MILLISECONDS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

defmt::timestamp!("{=u32:ms}", MILLISECONDS.load(Ordering::Relaxed));

/// Time since the start. To be asked at least once in 49 days.
#[derive(Debug)]
pub struct Clock {
    rounds: u32,
    last: u32,
}

impl Clock {
    /// Takes SysTick, which counts the core's clock.
    pub fn start(mut systick: SYST, hertz: u32) -> Self {
        systick.set_clock_source(SystClkSource::Core);
        systick.set_reload(hertz / 1000 - 1);
        systick.clear_current();
        systick.enable_counter();
        systick.enable_interrupt();
        Self { rounds: 0, last: 0 }
    }

    /// How long ago that was.
    pub fn now(&mut self) -> Duration {
        let milliseconds = MILLISECONDS.load(Ordering::Relaxed);
        if milliseconds < self.last {
            self.rounds = self.rounds.wrapping_add(1);
        }
        self.last = milliseconds;
        Duration::from_millis(u64::from(self.rounds) << 32 | u64::from(milliseconds))
    }
}
