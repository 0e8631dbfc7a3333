//! Runs the boards' copies and fills at all short lengths and places, for an emulated board: what is wrong ends it, with a line
//! through semihosting.
#![no_std]
#![no_main]
#![allow(unsafe_code)]

use core::fmt::Write as _;
use core::hint::black_box;
use core::panic::PanicInfo;
use core::ptr;

use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hio};

#[path = "../src/memory.rs"]
mod memory;

/// More than a dozen words, and some octets.
const LONGEST: usize = 70;
/// Places within a word, or two of them.
const PLACES: usize = 8;
/// How far moves go.
const WAY: usize = 24;

/// What is around the octets has to stay.
const SIZE: usize = WAY + LONGEST + PLACES;

#[repr(align(8))]
struct Room([u8; SIZE]);

type Copy = unsafe extern "C" fn(*mut u8, *const u8, usize) -> *mut u8;
type Set = unsafe extern "C" fn(*mut u8, i32, usize) -> *mut u8;
type Fill = unsafe extern "C" fn(*mut u8, usize, i32);
type Clear = unsafe extern "C" fn(*mut u8, usize);

unsafe extern "C" {
    fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8;
    fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8;
    fn memset(at: *mut u8, octet: i32, len: usize) -> *mut u8;
    fn __aeabi_memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8;
    fn __aeabi_memcpy4(to: *mut u8, from: *const u8, len: usize) -> *mut u8;
    fn __aeabi_memcpy8(to: *mut u8, from: *const u8, len: usize) -> *mut u8;
    fn __aeabi_memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8;
    fn __aeabi_memmove4(to: *mut u8, from: *const u8, len: usize) -> *mut u8;
    fn __aeabi_memmove8(to: *mut u8, from: *const u8, len: usize) -> *mut u8;
    fn __aeabi_memset(at: *mut u8, len: usize, octet: i32);
    fn __aeabi_memset4(at: *mut u8, len: usize, octet: i32);
    fn __aeabi_memset8(at: *mut u8, len: usize, octet: i32);
    fn __aeabi_memclr(at: *mut u8, len: usize);
    fn __aeabi_memclr4(at: *mut u8, len: usize);
    fn __aeabi_memclr8(at: *mut u8, len: usize);
}

/// The octet at a place before; `mark` tells rooms apart.
fn before(mark: u8, place: usize) -> u8 {
    (place as u8).wrapping_mul(7) ^ mark
}

impl Room {
    const fn new() -> Self {
        Self([0; SIZE])
    }

    /// An octet at a time, by nothing that is to be tested.
    fn fill(&mut self, mark: u8) {
        for (place, octet) in self.0.iter_mut().enumerate() {
            // SAFETY: it is a place of ours.
            unsafe { ptr::write_volatile(octet, before(mark, place)) };
        }
    }

    fn at(&mut self, place: usize) -> *mut u8 {
        self.0[place..].as_mut_ptr()
    }

    /// Whether the `len` octets at `at` are `new`, by their number, and all others what they were.
    fn holds(&self, mark: u8, at: usize, len: usize, new: impl Fn(usize) -> u8) -> bool {
        self.0.iter().enumerate().all(|(place, octet)| {
            // SAFETY: it is a place of ours.
            let octet = unsafe { ptr::read_volatile(octet) };
            let inside = place.checked_sub(at).filter(|number| *number < len);
            octet == inside.map_or(before(mark, place), &new)
        })
    }
}

/// All lengths between all places of two rooms.
fn copies(name: &str, copy: Copy) -> u32 {
    let (mut to, mut from) = (Room::new(), Room::new());
    let mut cases = 0;
    for (len, at, source) in
        (0..=LONGEST).flat_map(|len| (0..PLACES).flat_map(move |at| (0..PLACES).map(move |source| (len, at, source))))
    {
        to.fill(0x5a);
        from.fill(0xc3);
        let place = to.at(at);
        // SAFETY: both rooms are longer.
        let returned = unsafe { black_box(copy)(place, from.at(source), len) };
        let right = to.holds(0x5a, at, len, |number| before(0xc3, source + number))
            && from.holds(0xc3, 0, 0, |_| 0)
            && returned == place;
        assert!(right, "{name} of {len} octets from {source} to {at}");
        cases += 1;
    }
    cases
}

/// All lengths between all places of one room.
fn moves(name: &str, copy: Copy) -> u32 {
    let mut room = Room::new();
    let mut cases = 0;
    for (len, at, source) in
        (0..=LONGEST).flat_map(|len| (0..WAY).flat_map(move |at| (0..WAY).map(move |source| (len, at, source))))
    {
        room.fill(0x99);
        let (place, source_place) = (room.at(at), room.at(source).cast_const());
        // SAFETY: the room is longer.
        let returned = unsafe { black_box(copy)(place, source_place, len) };
        let right = room.holds(0x99, at, len, |number| before(0x99, source + number)) && returned == place;
        assert!(right, "{name} of {len} octets from {source} to {at}");
        cases += 1;
    }
    cases
}

/// All lengths at all places; of the number only the low octet counts.
fn fills(name: &str, fill: impl Fn(*mut u8, i32, usize) -> bool, numbers: &[i32]) -> u32 {
    let mut room = Room::new();
    let mut cases = 0;
    for &number in numbers {
        for (len, at) in (0..=LONGEST).flat_map(|len| (0..PLACES).map(move |at| (len, at))) {
            room.fill(0x5a);
            let returned = fill(room.at(at), number, len);
            let right = room.holds(0x5a, at, len, |_| number as u8) && returned;
            assert!(right, "{name} of {len} octets at {at} with {number}");
            cases += 1;
        }
    }
    cases
}

#[entry]
fn main() -> ! {
    let [first, last] = [memmove as Copy as usize, memset as Set as usize];
    assert!(first < last && last - first < 256, "the program has others");
    let same = [
        [memcpy as Copy, __aeabi_memcpy, __aeabi_memcpy4, __aeabi_memcpy8].map(|copy| black_box(copy) as usize),
        [memmove as Copy, __aeabi_memmove, __aeabi_memmove4, __aeabi_memmove8].map(|copy| black_box(copy) as usize),
        [__aeabi_memset as Fill, __aeabi_memset, __aeabi_memset4, __aeabi_memset8].map(|fill| black_box(fill) as usize),
        [__aeabi_memclr as Clear, __aeabi_memclr, __aeabi_memclr4, __aeabi_memclr8]
            .map(|clear| black_box(clear) as usize),
    ];
    assert!(same.iter().all(|names| names.iter().all(|name| *name == names[0])), "names of one function differ");

    let numbers = [0, 1, 0x80, 0xff, 0x1a5, -2];
    let mut cases = copies("memcpy", memcpy) + copies("memmove", memmove) + moves("memmove", memmove);
    // SAFETY: rooms are longer than what is filled.
    let set = |place, number, len| unsafe { black_box(memset as Set)(place, number, len) == place };
    cases += fills("memset", set, &numbers);
    let fill = |place, number, len| {
        // SAFETY: as above.
        unsafe { black_box(__aeabi_memset as Fill)(place, len, number) };
        true
    };
    cases += fills("__aeabi_memset", fill, &numbers);
    let clear = |place, _, len| {
        // SAFETY: as above.
        unsafe { black_box(__aeabi_memclr as Clear)(place, len) };
        true
    };
    cases += fills("__aeabi_memclr", clear, &[0]);
    say(format_args!("{cases} copies, moves and fills"));
    end(debug::EXIT_SUCCESS)
}

fn say(line: core::fmt::Arguments<'_>) {
    if let Ok(mut output) = hio::hstdout() {
        // Without it the status still tells.
        _ = writeln!(output, "{line}");
    }
}

fn end(status: debug::ExitStatus) -> ! {
    debug::exit(status);
    loop {
        cortex_m::asm::nop();
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say(format_args!("{}", info.message()));
    end(debug::EXIT_FAILURE)
}
