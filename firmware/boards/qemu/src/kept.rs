//! Why the board starts again: a text that outlives the reset, in memory that nobody clears.
//!
//! ```text
//! word 0       1        2     3        4 …
//!      magic │ starts │ len │ FNV-1a │ text
//! ```

#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::fmt::{self, Write};
use core::mem::MaybeUninit;
use core::panic::PanicInfo;

use cortex_m::peripheral::SCB;
use cortex_m_rt::{ExceptionFrame, exception};
use static_cell::StaticCell;

const WORDS: usize = 64;
const HEAD: usize = 4;
/// Octets of a reason; what is longer is cut.
const ROOM: usize = (WORDS - HEAD) * 4;
const MAGIC: u32 = 0x6b65_7074;

/// What outlives a reset.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Starts since the power came on.
    pub(crate) starts: u32,
    /// Why the last one ended, if it said so.
    pub(crate) reason: Option<&'static str>,
}

/// What the last start kept; to be called once. From now on nothing is kept but the number of starts.
pub(crate) fn take() -> Kept {
    static REASON: StaticCell<[u8; ROOM]> = StaticCell::new();
    let Some((starts, len, text)) = SLOT.load() else {
        SLOT.store(1, &Text::default());
        return Kept { starts: 1, reason: None };
    };
    let starts = starts.wrapping_add(1);
    SLOT.store(starts, &Text::default());
    let reason = REASON.init(text).get(..len).unwrap_or_default();
    Kept { starts, reason: core::str::from_utf8(reason).ok().filter(|reason| !reason.is_empty()) }
}

/// Starts the board again, for a reason.
pub(crate) fn restart(reason: fmt::Arguments<'_>) -> ! {
    cortex_m::interrupt::disable();
    let mut text = Text::default();
    // What does not fit is left out.
    _ = text.write_fmt(reason);
    let starts = SLOT.load().map_or(1, |(starts, ..)| starts);
    SLOT.store(starts, &text);
    SCB::sys_reset()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    match info.location() {
        Some(place) => restart(format_args!("panic at {}:{}: {}", place.file(), place.line(), info.message())),
        None => restart(format_args!("panic: {}", info.message())),
    }
}

// SAFETY: it only reads the frame and never returns.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    restart(format_args!("hard fault at {:#010x}", frame.pc()))
}

struct Slot(UnsafeCell<MaybeUninit<[u32; WORDS]>>);

// SAFETY: there is one processor, and `load` and `store` are called at the start, and when nothing else runs any more.
unsafe impl Sync for Slot {}

#[unsafe(link_section = ".uninit.kept")]
static SLOT: Slot = Slot(UnsafeCell::new(MaybeUninit::uninit()));

impl Slot {
    /// Number of starts, length and text, if they are what `store` left.
    fn load(&self) -> Option<(u32, usize, [u8; ROOM])> {
        // SAFETY: the words are in RAM, which holds something, and volatile reads let the compiler conclude nothing from it.
        let word = |at: usize| unsafe { self.0.get().cast::<u32>().add(at.min(WORDS - 1)).read_volatile() };
        let mut text = [0; ROOM];
        for (at, octets) in text.as_chunks_mut().0.iter_mut().enumerate() {
            *octets = word(HEAD + at).to_ne_bytes();
        }
        let (magic, starts, len, sum) = (word(0), word(1), word(2), word(3));
        (magic == MAGIC && sum == checksum(starts, len, &text)).then_some((starts, len as usize, text))
    }

    fn store(&self, starts: u32, text: &Text) {
        let len = text.len as u32;
        let head = [MAGIC, starts, len, checksum(starts, len, &text.octets)];
        let body = text.octets.as_chunks().0.iter().map(|octets| u32::from_ne_bytes(*octets));
        for (at, word) in head.into_iter().chain(body).enumerate().take(WORDS) {
            // SAFETY: `at` is below the number of words, and nobody else looks at them now.
            unsafe { self.0.get().cast::<u32>().add(at).write_volatile(word) };
        }
    }
}

/// FNV-1a.
fn checksum(starts: u32, len: u32, text: &[u8]) -> u32 {
    let head = [starts.to_ne_bytes(), len.to_ne_bytes()];
    let octets = head.as_flattened().iter().chain(text);
    octets.fold(0x811c_9dc5, |sum, octet| (sum ^ u32::from(*octet)).wrapping_mul(0x0100_0193))
}

/// A text of one line, cut where there is no more room.
struct Text {
    octets: [u8; ROOM],
    len: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self { octets: [0; ROOM], len: 0 }
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            let c = if c.is_control() { ' ' } else { c };
            let room = self.octets.get_mut(self.len..self.len + c.len_utf8()).ok_or(fmt::Error)?;
            self.len += c.encode_utf8(room).len();
        }
        Ok(())
    }
}
