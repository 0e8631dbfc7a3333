//! Any text as the expression of a filter: it says what a second reading of it says, or why it is no filter.

#![no_main]

use std::sync::LazyLock;

use collectd_net::{
    Filter, FilterCause, FilterError, Identifier, Interval, Item, Notification, Protection, Severity, Text, Time,
    ValueList, Values,
};
use collectd_net_fuzz::meaning::Meaning;
use libfuzzer_sys::fuzz_target;

static ITEMS: LazyLock<[Item<'static>; 8]> = LazyLock::new(items);

fuzz_target!(|octets: &[u8]| {
    let expression = String::from_utf8_lossy(octets);
    if has_long_exponent(&expression) {
        return;
    }
    let Some(meaning) = Meaning::of(&expression, &*ITEMS) else {
        let error = Filter::<32, 256>::new(&expression).expect_err("the second reader finds no expression");
        check_error(&expression, error);
        return;
    };
    let is_filter = compare::<32, 256>(&expression, &meaning);
    compare::<4, 16>(&expression, &meaning);
    if !is_filter {
        return;
    }

    // What stands around it changes what it says in a known way.
    let Meaning { wanted, ops, text, depth } = meaning;
    let every = (1 << ITEMS.len()) - 1;
    for (around, wanted, times) in
        [("(E)", wanted, 1), ("not (E)", wanted ^ every, 1), ("(E) or not (E)", every, 2), ("(E) and not (E)", 0, 2)]
    {
        let nested = Meaning { wanted, ops: times * ops, text: times * text, depth: depth + 1 };
        compare::<64, 512>(&around.replace('E', &expression), &nested);
    }
});

/// Compares a filter of this room with what its expression means. Whether it is one.
fn compare<const OPS: usize, const TEXT: usize>(expression: &str, meaning: &Meaning) -> bool {
    let fits = (meaning.ops <= OPS, meaning.text <= TEXT, meaning.depth <= 16);
    match Filter::<OPS, TEXT>::new(expression) {
        Ok(filter) => {
            assert_eq!(fits, (true, true, true), "it has no room for {expression:?}");
            for (place, item) in ITEMS.iter().enumerate() {
                assert_eq!(filter.matches(item), meaning.wanted >> place & 1 == 1, "item {place}: {expression:?}");
            }
            true
        }
        Err(error) => {
            check_error(expression, error);
            let named = match error.cause {
                FilterCause::TooDeep { depth: 16 } => !fits.2,
                FilterCause::Full(full) if full.what == "operations of the filter" => !fits.0,
                FilterCause::Full(full) if full.what == "text of the filter" => !fits.1,
                _ => false,
            };
            assert!(named, "{error}: {expression:?}");
            false
        }
    }
}

/// The column is in the expression, or behind its end; what is said to be there is there.
fn check_error(expression: &str, error: FilterError) {
    let printed = error.to_string();
    assert!(!printed.contains(char::is_control));
    let count = expression.chars().count();
    assert!((1..=count + 1).contains(&error.column), "{printed}: {expression:?}");
    if let FilterCause::Expected { found, .. } = error.cause {
        let there: String = expression.chars().skip(error.column - 1).collect();
        let found = found.to_string();
        let Some(found) = found.strip_prefix('\'').and_then(|found| found.strip_suffix('\'')) else {
            assert_eq!((found.as_str(), there.as_str()), ("the end", ""), "{printed}: {expression:?}");
            return;
        };
        let there = Text::from(there.as_str()).to_string();
        let found = if there.starts_with(found) { found } else { found.trim_end_matches('…') };
        assert!(!found.is_empty() && there.starts_with(found), "{printed}: {expression:?}");
    }
}

/// Exponents as long as this are refused or not, nothing says which: `0e-2147483648`.
fn has_long_exponent(expression: &str) -> bool {
    expression.split(['e', 'E']).skip(1).any(|behind| {
        let digits = behind.strip_prefix(['+', '-']).unwrap_or(behind);
        digits.bytes().take_while(u8::is_ascii_digit).count() > 6
    })
}

fn items() -> [Item<'static>; 8] {
    const fn float(number: f64) -> [u8; 8] {
        number.to_le_bytes()
    }
    const fn integer(number: u64) -> [u8; 8] {
        number.to_be_bytes()
    }
    let names = |[host, plugin, plugin_instance, type_, type_instance]: [&'static [u8]; 5]| Identifier {
        host: Text::new(host),
        plugin: Text::new(plugin),
        plugin_instance: Text::new(plugin_instance),
        type_: Text::new(type_),
        type_instance: Text::new(type_instance),
    };
    let swap = names([b"web01.foobar.example", b"swap", b"", b"swap", b"us\xffed"]);
    let list = |identifier, time, interval, kinds, octets| ValueList {
        identifier,
        time: Time::from_raw(time),
        interval: Option::map(interval, Interval::from_raw),
        values: Values::new(kinds, octets).expect("as many kinds as values"),
        protection: Protection::None,
        user: None,
    };
    let note = |identifier, time, severity, message: &'static str| Notification {
        identifier,
        time: Time::from_raw(time),
        severity,
        message: message.into(),
        protection: Protection::None,
        user: None,
    };
    let time = 1_700_005_000 << 30;
    [
        Item::ValueList(ValueList {
            protection: Protection::Signed,
            user: Some("joe".into()),
            ..list(swap, time + (1 << 29), Some(10 << 30), &[1], const { &[float(0.5)] })
        }),
        Item::ValueList(list(swap, time, None, &[1], const { &[float(f64::NAN)] })),
        Item::ValueList(list(
            names([b"a", b"\xf0\x9f\x98", b"*[", b"\\", b"'\""]),
            u64::MAX,
            Some(107_374_182),
            &[1, 0, 2, 1, 1],
            const { &[float(f64::INFINITY), integer(u64::MAX), integer(5), float(-5e-324), float(f64::NAN)] },
        )),
        Item::ValueList(list(
            names([b"b", b"cpu", b"0", b"cpu", b"idle"]),
            1,
            Some(0),
            &[2, 3, 1],
            const { &[integer(i64::MIN.cast_unsigned()), integer((1 << 53) + 1), float(0.1)] },
        )),
        Item::ValueList(list(
            names([b"b", b"c", b"", b"c", b""]),
            5 << 30,
            Some(5 << 30),
            &[0],
            const { &[integer(5)] },
        )),
        Item::Notification(note(names([b"db", b"", b"", b"", b""]), time, Severity::Warning, "disk is \"full\"")),
        Item::Notification(note(swap, time + 1, Severity::Failure, "web01 \u{202e}")),
        Item::Notification(Notification {
            protection: Protection::Encrypted,
            user: Some(Text::new(b"\xff")),
            ..note(Identifier::default(), 1 << 30, Severity::Okay, "okay")
        }),
    ]
}
