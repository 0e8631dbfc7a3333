//! A program for a machine without an operating system that does with a packet what its features say. What counts is what it
//! links to; with the feature `run` it runs on an emulated one, and how many instructions it takes.

#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;

use collectd_net::PACKET_SIZE;

#[cfg(feature = "run")]
mod run;

/// What a program does with each packet.
// SAFETY: nothing else that is linked has this name.
#[unsafe(no_mangle)]
pub extern "C" fn _start(packet: &mut [u8; PACKET_SIZE], length: usize, state: &mut State) {
    #[cfg(feature = "index")]
    black_box(packet[length]);
    #[cfg(feature = "decode")]
    black_box(reading::read(packet.get_mut(..length).unwrap_or_default(), state));
    #[cfg(feature = "encode")]
    let _ = black_box(writing::write(packet, state));
    black_box((packet, length, state));
}

/// What a program does once, before packets come.
// SAFETY: nothing else that is linked has this name.
#[unsafe(no_mangle)]
pub extern "C" fn prepare(place: &mut core::mem::MaybeUninit<State>) {
    place.write(State {
        #[cfg(feature = "sign")]
        user: collectd_net::User::new(USER, black_box("correct horse battery staple")),
        #[cfg(feature = "sign")]
        level: black_box(collectd_net::SecurityLevel::Sign),
        #[cfg(feature = "replay")]
        replay: collectd_net::Replay::new(core::time::Duration::from_secs(60)),
        #[cfg(feature = "filter")]
        filter: collectd_net::Filter::new(black_box(r#"host ~ "web*" and value > 41.5"#)).ok(),
        #[cfg(feature = "copies")]
        copies: collectd_net::heapless::Vec::new(),
    });
}

/// As in the captures.
#[cfg(feature = "sign")]
const USER: &str = "alice";

/// What is kept from packet to packet.
pub struct State {
    #[cfg(feature = "sign")]
    user: collectd_net::User<'static>,
    #[cfg(feature = "sign")]
    level: collectd_net::SecurityLevel,
    #[cfg(feature = "replay")]
    replay: collectd_net::Replay<64>,
    #[cfg(feature = "filter")]
    filter: Option<collectd_net::Filter>,
    #[cfg(feature = "copies")]
    copies: collectd_net::heapless::Vec<collectd_net::OwnedItem<24, 1, 64>, 32>,
}

#[cfg(feature = "decode")]
mod reading {
    use collectd_net::{Error, Item};

    use super::State;

    /// Opens and decodes a packet.
    // Not inlined: reading and writing would share one frame, and each need the stack of both.
    #[inline(never)]
    pub fn read(packet: &mut [u8], state: &mut State) -> u64 {
        let State {
            #[cfg(feature = "sign")]
            user,
            #[cfg(feature = "sign")]
            level,
            #[cfg(feature = "replay")]
            replay,
            #[cfg(feature = "filter")]
            filter,
            #[cfg(feature = "copies")]
            copies,
        } = state;
        #[cfg(feature = "sign")]
        let (users, level) = (core::slice::from_ref(user), *level);

        #[cfg(not(feature = "sign"))]
        let items = collectd_net::Decoder::new(packet);
        #[cfg(all(feature = "sign", not(feature = "replay")))]
        let items = collectd_net::open(packet, users, level);
        #[cfg(feature = "replay")]
        let items = collectd_net::open_once(packet, users, level, replay);

        #[cfg(feature = "filter")]
        let items = items.filter(|item| match (item, &*filter) {
            (Ok(item), Some(filter)) => filter.matches(item),
            _ => true,
        });
        #[cfg(not(feature = "copies"))]
        return sum(items);
        #[cfg(feature = "copies")]
        {
            let _ = core::hint::black_box(collectd_net::copy_items(items, copies));
            sum(copies.iter().map(|copy| Ok(copy.as_item())))
        }
    }

    /// Looks at every value, and at the length of every name.
    pub fn sum<'a>(items: impl Iterator<Item = Result<Item<'a>, Error>>) -> u64 {
        let mut sum = 0_u64;
        let mut add = |number| sum = sum.wrapping_add(number);
        for item in items {
            match item {
                Ok(item) => {
                    item.identifier().fields().iter().for_each(|text| add(text.len() as u64));
                    match item {
                        Item::ValueList(list) => list.values.iter().for_each(|value| add(value.bits())),
                        Item::Notification(notification) => add(notification.message.len() as u64),
                    }
                }
                Err(error) => add(error.offset as u64),
            }
        }
        sum
    }
}

#[cfg(feature = "encode")]
mod writing {
    use core::hint::black_box;

    use collectd_net::{Encoder, Full, Identifier, Interval, SEAL_ROOM, Severity, Time, Value};

    use super::State;

    /// Encodes what nobody knows beforehand.
    #[inline(never)]
    pub fn write(buffer: &mut [u8], state: &State) -> Result<usize, Full> {
        let mut encoder = Encoder::with_room(buffer, black_box(SEAL_ROOM));
        let mut add = || {
            let identifier = black_box(Identifier::default());
            let time = black_box(Time::from_raw(1));
            let values = black_box([Value::Gauge(42.0); 2]);
            encoder.value_list(&identifier, time, black_box(Interval::from_secs(10)), values)?;
            encoder.notification(&identifier, time, black_box(Severity::Okay), black_box("well".into()))
        };
        add()?;
        if let Some(key) = collectd_net::Passwords::key(core::slice::from_ref(&state.user), super::USER.as_bytes()) {
            black_box(encoder.sign(black_box(super::USER), key)?);
            black_box(encoder.encrypt(black_box(super::USER), key, black_box([7; 16]))?);
            black_box(encoder.encrypt_and_sign(black_box(super::USER), key, black_box([8; 16]))?);
        }
        Ok(encoder.packet().len())
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    #[cfg(feature = "prove")]
    {
        unsafe extern "C" {
            /// Nobody defines this.
            safe fn a_panic_is_reachable() -> !;
        }
        a_panic_is_reachable()
    }
    #[cfg(feature = "run")]
    run::exit(false);
    #[cfg(not(any(feature = "prove", feature = "run")))]
    loop {}
}
