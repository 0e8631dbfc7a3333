//! Makes a program that runs on QEMU's machines `mps2-an386` and `virt`: it does its work once with a packet of a real daemon,
//! between calls of `begin` and `end`, and fails unless the result is the one that the script knows.

use core::arch::{asm, global_asm};
use core::mem::MaybeUninit;

use super::{PACKET_SIZE, State, prepare};

/// What is read; `PROBE` is a folder.
const PACKET: &[u8] = include_bytes!(concat!(env!("PROBE"), "/packet"));
/// The sum of all that is in it.
const SUM: u64 = u64::from_le_bytes(*include_bytes!(concat!(env!("PROBE"), "/sum")));

#[cfg(target_arch = "arm")]
global_asm!(
    ".syntax unified",
    ".section .start, \"a\"",
    ".word 0x20400000", // the end of the memory, where the stack begins
    ".word reset",
    ".text",
    ".thumb_func",
    "reset:",
    "ldr r0, =0xe000ed88", // lets the program use floating-point registers
    "movs r1, #0xf",
    "lsls r1, r1, #20",
    "str r1, [r0]",
    "bl run",
    ".pool",
    ".global begin, end",
    ".thumb_func",
    "begin: bx lr",
    ".thumb_func",
    "end: bx lr",
);

#[cfg(target_arch = "riscv32")]
global_asm!(
    ".section .start, \"ax\"",
    "la sp, 0x80800000",
    "call run",
    ".text",
    ".global begin, end",
    ".type begin, @function",
    ".type end, @function",
    "begin: ret",
    "end: ret",
);

unsafe extern "C" {
    /// Instructions count from here,
    safe fn begin();
    /// to here.
    safe fn end();
}

// SAFETY: nothing else that is linked has this name.
#[unsafe(no_mangle)]
extern "C" fn run() -> ! {
    let mut state = MaybeUninit::uninit();
    prepare(&mut state);
    // SAFETY: all of it has been set.
    let state = unsafe { state.assume_init_mut() };
    let mut packet = [0; PACKET_SIZE];
    let good = match packet.get_mut(..PACKET.len()) {
        Some(packet) => {
            packet.copy_from_slice(PACKET);
            work(packet, state)
        }
        None => false,
    };
    exit(good)
}

/// Reads the packet.
#[cfg(not(all(feature = "encode", not(feature = "filter"))))]
fn work(packet: &mut [u8], state: &mut State) -> bool {
    #[cfg(all(feature = "replay", not(feature = "encode")))]
    fill(state);
    #[cfg(feature = "filter")]
    {
        // Plain packets.
        state.level = collectd_net::SecurityLevel::None;
        state.filter = collectd_net::Filter::new(r#""alpha" in item.host and item.plugin == "vmem""#).ok();
        assert!(state.filter.is_some());
    }
    #[cfg(feature = "copies")]
    {
        // All are copied, into places that were in use before.
        state.filter = None;
        super::reading::read(packet, state);
        packet.copy_from_slice(PACKET);
    }
    begin();
    let sum = super::reading::read(packet, state);
    end();
    sum == SUM
}

/// Reads the packet, and writes what was in it.
#[cfg(all(feature = "encode", not(feature = "filter")))]
fn work(packet: &mut [u8], _: &mut State) -> bool {
    use collectd_net::heapless::Vec;
    use collectd_net::{Decoder, Encoder, Item, SEAL_ROOM};

    let items: Vec<Item<'_>, 64> = Decoder::new(packet).flatten().collect();
    let mut buffer = [0xa5; PACKET_SIZE];
    begin();
    let mut encoder = Encoder::with_room(&mut buffer, SEAL_ROOM);
    let written = items.iter().all(|item| {
        let added = match item {
            Item::ValueList(list) => encoder.value_list(&list.identifier, list.time, list.interval, list.values),
            Item::Notification(note) => encoder.notification(&note.identifier, note.time, note.severity, note.message),
        };
        added.is_ok()
    });
    end();
    written && encoder.packet() == PACKET && super::reading::sum(items.iter().map(|item| Ok(*item))) == SUM
}

/// Fills the table with the seal of an earlier packet.
#[cfg(all(feature = "replay", not(feature = "encode")))]
fn fill(state: &mut State) {
    use collectd_net::{Replays, SealTag};

    struct Last(Option<SealTag>);

    impl Replays for Last {
        fn knows(&mut self, _: SealTag) -> bool {
            false
        }

        fn note(&mut self, seal: SealTag) {
            self.0 = Some(seal);
        }
    }

    let mut last = Last(None);
    let mut earlier = *include_bytes!(concat!(env!("PROBE"), "/earlier"));
    let users = core::slice::from_ref(&state.user);
    assert!(collectd_net::open_once(&mut earlier, users, state.level, &mut last).all(|item| item.is_ok()));
    for _ in 0..65 {
        state.replay.note(last.0.unwrap());
    }
    assert!(state.replay.forgotten() == 1);
}

/// Leaves the emulator by semihosting's way; it fails unless `good`.
pub fn exit(good: bool) -> ! {
    let reason = if good { 0x20026 } else { 0x20023 };
    // SAFETY: the emulator ends here.
    unsafe {
        #[cfg(target_arch = "arm")]
        asm!("bkpt 0xab", in("r0") 0x18, in("r1") reason);
        #[cfg(target_arch = "riscv32")]
        asm!(".option push", ".option norvc", "slli x0, x0, 0x1f", "ebreak", "srai x0, x0, 7", ".option pop",
            in("a0") 0x18, in("a1") reason);
    }
    loop {}
}
