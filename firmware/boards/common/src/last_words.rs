//! Why the board started again: a text in memory that the start does not clear, sealed with a checksum.
//!
//! ```text
//! word 0   1        2
//! | seal | length | text, in UTF-8 ...
//! ```
//!
//! After power on the memory holds anything; the seal tells.

// The only way to memory that no start clears.
#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::fmt::{self, Write};
use core::mem::MaybeUninit;
use core::panic::PanicInfo;

/// Octets of text that are kept; what is longer is cut.
pub const SIZE: usize = 240;

const TEXT: usize = 2;
const WORDS: usize = TEXT + SIZE / 4;

struct Memory(UnsafeCell<MaybeUninit<[u32; WORDS]>>);

// SAFETY: only `store` and `load` reach it, word by word and volatile: a word is old or new, never torn, and a mix fails the seal.
unsafe impl Sync for Memory {}

#[cfg_attr(target_os = "none", unsafe(link_section = ".uninit.last_words"))]
static MEMORY: Memory = Memory(UnsafeCell::new(MaybeUninit::uninit()));

/// Keeps a panic's message and place; in a board's firmware without the feature `messages` only where it came from.
pub fn panicked(info: &PanicInfo<'_>) {
    if cfg!(all(target_os = "none", not(feature = "messages"))) {
        // What nobody reads of the panics is not linked: messages and places take 25 KB of flash.
        #[cfg(target_os = "none")]
        trace();
        return;
    }
    match info.location() {
        Some(place) => keep(format_args!("panic: {} at {}:{}", info.message(), place.file(), place.line())),
        None => keep(format_args!("panic: {}", info.message())),
    }
}

/// Keeps the addresses on the stack that calls return to, the last one first, and some that did so before: `addr2line` tells
/// which places they are.
#[cfg(target_os = "none")]
fn trace() {
    unsafe extern "C" {
        static __stext: u8;
        static __etext: u8;
        static _stack_start: u8;
    }
    let code = (&raw const __stext).addr()..(&raw const __etext).addr();
    let mut line = Line { text: [0; SIZE], length: 0 };
    // A text that is full is cut.
    let _ = line.write_str("panic at");
    let mut place = (&raw const line).addr() & !3;
    let mut found = 0;
    while place < (&raw const _stack_start).addr() && found < 16 {
        // SAFETY: between here and its start there is stack, which is in use and aligned.
        let word = unsafe { core::ptr::with_exposed_provenance::<u32>(place).read_volatile() };
        // Addresses to return to are odd: they tell that it is Thumb code.
        if word & 1 == 1 && code.contains(&(word as usize)) {
            let _ = line.address(word);
            found += 1;
        }
        place += 4;
    }
    keep_line(&line);
}

/// Keeps where a fault was, and what called that.
pub fn faulted(at: u32, from: u32) {
    let mut line = Line { text: [0; SIZE], length: 0 };
    let _ = line.write_str("fault at").and_then(|()| line.address(at)).and_then(|()| line.write_str(", called from"));
    let _ = line.address(from);
    keep_line(&line);
}

/// Keeps a text for the next start.
pub fn keep(text: fmt::Arguments<'_>) {
    let mut line = Line { text: [0; SIZE], length: 0 };
    // Cut where it is full.
    let _ = line.write_fmt(text);
    keep_line(&line);
}

fn keep_line(line: &Line) {
    let length = u32::try_from(line.length).unwrap_or(0);
    for (index, word) in line.text.as_chunks().0.iter().enumerate() {
        store(TEXT + index, u32::from_le_bytes(*word));
    }
    store(1, length);
    store(0, seal(&line.text, length));
    // Twice: memory with error correction may hold the last write back, and lose it with the reset.
    store(0, seal(&line.text, length));
}

/// The text that was kept before this start, once.
pub fn take(text: &mut [u8; SIZE]) -> Option<&str> {
    let sealed = load(0);
    let length = load(1);
    for (index, word) in text.as_chunks_mut().0.iter_mut().enumerate() {
        *word = load(TEXT + index).to_le_bytes();
    }
    store(0, !sealed);
    store(0, !sealed);
    if sealed != seal(text, length) {
        return None;
    }
    core::str::from_utf8(text.get(..usize::try_from(length).ok()?)?).ok()
}

/// FNV-1a, 32 bits.
fn seal(text: &[u8; SIZE], length: u32) -> u32 {
    let length = length.to_le_bytes();
    let octets = text.iter().chain(&length);
    octets.fold(0x811c_9dc5, |hash, octet| (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193))
}

fn store(index: usize, word: u32) {
    assert!(index < WORDS);
    // SAFETY: inside the array, aligned as its words are; nobody holds a reference to it.
    unsafe { MEMORY.0.get().cast::<u32>().add(index).write_volatile(word) }
}

fn load(index: usize) -> u32 {
    assert!(index < WORDS);
    // SAFETY: as in `store`; a volatile read takes what is there, which may be anything: all of it is checked.
    unsafe { MEMORY.0.get().cast::<u32>().add(index).read_volatile() }
}

/// Text in an array; stops at the last character that fits.
struct Line {
    text: [u8; SIZE],
    length: usize,
}

impl Line {
    /// Adds a blank and an address: without [`core::fmt`], whose numbers take 1 KB of flash.
    fn address(&mut self, address: u32) -> fmt::Result {
        self.write_str(" 0x")?;
        for shift in (0..8).rev() {
            let digit = char::from_digit(address >> (4 * shift) & 0xf, 16).unwrap_or_default();
            self.write_char(digit)?;
        }
        Ok(())
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let left = &mut self.text[self.length..];
        let fits = text.floor_char_boundary(left.len());
        left[..fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.length += fits;
        if fits == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test: the memory is one.
    #[test]
    fn kept_once_and_whole_or_not_at_all() {
        let mut text = [0; SIZE];
        assert_eq!(take(&mut text), None, "nothing was kept");

        keep(format_args!("panic: {} at src/main.rs:{}", "index 7", 12));
        assert_eq!(take(&mut text), Some("panic: index 7 at src/main.rs:12"));
        assert_eq!(take(&mut text), None, "told once");

        keep(format_args!("{}", ""));
        assert_eq!(take(&mut text), Some(""));

        faulted(0x0800_12a4, u32::MAX);
        assert_eq!(take(&mut text), Some("fault at 0x080012a4, called from 0xffffffff"));

        // 239 octets and a character of two: the character goes.
        keep(format_args!("{:a>239}é", ""));
        assert_eq!(take(&mut text).map(str::len), Some(239));

        for index in 0..WORDS {
            keep(format_args!("watchdog"));
            store(index, load(index) ^ 0x100);
            assert_eq!(take(&mut text), None, "word {index} is damaged");
        }
    }
}
