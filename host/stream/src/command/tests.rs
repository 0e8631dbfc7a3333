//! Lines, and what comes of them.

use collectd_net::text::Hex;

use super::*;
use crate::OwnedItem;

fn reader() -> Reader {
    Reader::new(built_in(), None)
}

/// The outcome of a line, as its answer would begin, and its items.
fn read(line: &[u8]) -> (Result<Done, String>, Vec<OwnedItem>) {
    let mut items = Vec::new();
    let now = || Time::from_secs(1_700_000_000).expect("it is less");
    let outcome = reader().read(line, &now, &mut |item| {
        items.push(OwnedItem::new(item, None));
        Ok(())
    });
    (outcome.map_err(|refused| refused.answer(line)), items)
}

fn lines(line: &str) -> Vec<String> {
    let (outcome, items) = read(line.as_bytes());
    outcome.unwrap_or_else(|answer| panic!("{line}: {answer}"));
    items.iter().map(ToString::to_string).collect()
}

#[test]
fn good_lines_give_their_items() {
    for (line, items) in [
        ("PUTVAL h/p/gauge 5:1.5", &["[5] h/p/gauge [(1, 1.5)]"][..]),
        ("putval h/p-a-b/gauge-c-d N:U", &["[1700000000] h/p/a-b/gauge/c-d [(1, nan)]"]),
        (
            "PUTVAL h/load/load 5:1:2:3 6:4:5:6",
            &["[5] h/load/load [(1, 1.0), (1, 2.0), (1, 3.0)]", "[6] h/load/load [(1, 4.0), (1, 5.0), (1, 6.0)]"],
        ),
        (r#"PUTVAL "h/a \"b\" c/gauge" interval=10 5:1"#, &[r#"[5] h/a "b" c/gauge [(1, 1.0)]"#]),
        (r#"PUTVAL h/p/"gauge" meta:a="b c" 5:1"#, &["[5] h/p/gauge [(1, 1.0)]"]),
        ("PUTVAL h/p/derive 5:-5", &["[5] h/p/derive [(2, -5)]"]),
        ("PUTVAL h/p/counter interval=10", &[]),
        ("PUTVAL h/p/counter 5:1\r", &["[5] h/p/counter [(0, 1)]"]),
        ("  # PUTVAL h/p/counter 5:1", &[]),
        (" \t\r", &[]),
        ("FLUSH plugin=network", &[]),
        ("PUTNOTIF severity=okay time=5 message=hello", &["[5]  [OKAY] hello"]),
        (
            r#"PUTNOTIF Severity=FAILURE TIME=5 host=h plugin=p s:a=b type="t u" message="it is \"so\"""#,
            &[r#"[5] h/p/t u [FAILURE] it is "so""#],
        ),
    ] {
        assert_eq!(lines(line), items, "{line}");
    }
}

#[test]
fn intervals_hold_from_where_they_stand() {
    let (_, items) = read(b"PUTVAL h/p/gauge 5:1 interval=10 6:1 INTERVAL=2.5 7:1");
    let intervals: Vec<_> = items
        .iter()
        .map(|item| match item.item() {
            Item::ValueList(list) => list.interval.map(Interval::raw),
            Item::Notification(_) => None,
        })
        .collect();
    assert_eq!(intervals, [None, Some(10 << 30), Some(5 << 29)]);
}

#[test]
fn bad_lines_give_nothing_and_say_where() {
    for (line, answer, column) in [
        ("PUTVAL", "Missing identifier and/or value-list.", 7),
        ("PUTVAL h/p/gauge", "Missing identifier and/or value-list.", 17),
        ("PUTVAL p/gauge 5:1", "Cannot parse identifier `p/gauge'.", 8),
        ("PUTVAL /p/gauge 5:1", "Cannot parse identifier `/p/gauge'.", 8),
        ("PUTVAL h/p/nosuch 5:1", "Type `nosuch' isn't defined.", 12),
        ("PUTVAL h/load/load 5:1", "Parsing the values string failed.", 20),
        ("PUTVAL h/load/load 5:1:x:3", "Parsing the values string failed.", 24),
        ("PUTVAL ä/load/load 5:1:x:3", "Parsing the values string failed.", 24),
        ("PUTVAL h/p/gauge 5:1 6:x", "Parsing the values string failed.", 24),
        ("PUTVAL h/p/counter 5:1.5", "Parsing the values string failed.", 22),
        ("PUTVAL h/p/gauge 0:1", "Parsing the values string failed.", 18),
        ("PUTVAL h/p/gauge interval=0 5:1", "Parsing the values string failed.", 27),
        ("PUTVAL h/p/gauge foo=1 5:1", "Parsing the values string failed.", 18),
        ("PUTVAL \"h/p/gauge 5:1", "Unterminated quoted string.", 8),
        ("PUTVAL \"h/p\\", "Backslash at end of string.", 12),
        ("NOSUCH x", "Unknown command: NOSUCH", 1),
        ("PUTVAL h/p\0/gauge 5:1", "Cannot parse command.", 11),
        ("PUTNOTIF", "Option `severity' missing.", 9),
        ("PUTNOTIF severity=okay time=5 message=hello world", "Malformed option.", 45),
        ("PUTNOTIF severity=good time=5 message=x", "Error parsing option `severity'.", 19),
        ("PUTNOTIF severity=okay time=x message=x", "Error parsing option `time'.", 29),
        ("PUTNOTIF severity=okay time=5 message=\"x", "Malformed option.", 39),
        ("PUTNOTIF severity=okay time=5 message=\"x\"y", "Malformed option.", 42),
        ("PUTNOTIF severity=okay time=5 message=", "Malformed option.", 39),
        ("PUTNOTIF severity=okay time=5 message=x foo=1", "Error parsing option `foo'.", 45),
        ("PUTNOTIF severity=okay message=x", "Option `time' missing.", 33),
    ] {
        let (outcome, items) = read(line.as_bytes());
        let said = outcome.expect_err(line);
        assert!(said.starts_with(&format!("-1 {answer} Column {column}: ")), "{line}: {said}");
        assert!(items.is_empty(), "{line}");
    }
}

#[test]
fn names_are_as_long_as_the_daemon_takes_them() {
    let name = "n".repeat(127);
    assert_eq!(lines(&format!("PUTVAL h/{name}/gauge 5:1")).len(), 1);
    let (outcome, _) = read(format!("PUTVAL h/{name}x/gauge 5:1").as_bytes());
    assert!(outcome.expect_err("too long").starts_with("-1 Identifier too long."));
    let message = "m".repeat(255);
    assert_eq!(lines(&format!("PUTNOTIF severity=okay time=5 message={message}")).len(), 1);
    assert!(read(format!("PUTNOTIF severity=okay time=5 message={message}m").as_bytes()).0.is_err());
}

#[test]
fn two_quoted_words_need_no_blank_between_them() {
    // collectd 5.12 ends itself over this line.
    assert_eq!(lines(r#"PUTVAL "h/p/gauge""5:1""#), ["[5] h/p/gauge [(1, 1.0)]"]);
}

#[test]
fn no_line_whatsoever_is_a_panic_or_leaves_an_item_behind_an_error() {
    let seeds: [&[u8]; 4] = [
        b"PUTVAL \"h/p-a/load\" interval=10 N:1:2:3 5:U:0x1:-inf",
        b"PUTNOTIF severity=okay time=5 host=h message=\"a \\\"b\\\" c\" s:x=y",
        b"PUTVAL h/p/counter meta:a=\"b\" 5.5:07",
        b"FLUSH",
    ];
    let mut noise = 1_u64;
    for round in 0..20_000 {
        let mut line = seeds[round % seeds.len()].to_vec();
        for _ in 0..3 {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            let [place, octet, what, ..] = noise.to_le_bytes();
            let at = usize::from(place) % line.len().max(1);
            match what % 3 {
                0 if !line.is_empty() => line[at] = octet,
                1 => line.insert(at, b"\" :=\\/-\0"[usize::from(octet) % 8]),
                _ => line.truncate(at),
            }
        }
        let (outcome, items) = read(&line);
        assert!(outcome.is_ok() || items.is_empty(), "{}", Hex(&line));
    }
}
