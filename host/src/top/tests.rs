//! Screens, of a fleet in a capture that is always the same: `SNAPSHOTS=overwrite` writes down what they are now.

use std::path::Path;

use collectd_net::text::is_unsafe;
use collectd_net::{Encoder, Identifier, Interval, SecurityLevel, Severity, Time, Value};
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;
use snapbox::{assert_data_eq, file};
use tempfile::TempDir;

use super::*;
use crate::fleet::Limits;
use crate::types_db::TypesDb;
use crate::watching::tests::{START, written};
use crate::watching::{Playing, Settings, Speed, State};

const PRETTY: Look = Look { color: true, ascii: false };

/// What is watched, and somebody who looks.
pub(super) struct Bench {
    pub(super) watching: Watching,
    notes: Notes,
    _directory: TempDir,
}

pub(super) struct Viewer<'a> {
    reader: Reader<'a>,
    pub(super) model: Model,
    size: (u16, u16),
    pub(super) buffer: Buffer,
}

impl Bench {
    /// These packets, each with its second and the last octet of its sender's address.
    pub(super) fn new(packets: &[(u64, u8, Vec<u8>)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = written(directory.path(), packets);
        Self::play(&[path], directory)
    }

    pub(super) fn play(paths: &[std::path::PathBuf], directory: TempDir) -> Self {
        let playing = Playing::open(paths, Speed::AtOnce, None, (None, SecurityLevel::None)).expect("captures");
        let limits = Limits { charted: 1000, ..Limits::default() };
        let settings = Settings { limits, types: TypesDb::default(), filter: None };
        let notes = Notes::default();
        let watching = Watching::play(playing, settings, notes.tell()).expect("a thread");
        let start = Instant::now();
        while watching.state() == State::Running {
            assert!(start.elapsed() < Duration::from_secs(20), "in time");
            std::thread::sleep(Duration::from_millis(1));
        }
        Self { watching, notes, _directory: directory }
    }

    pub(super) fn viewer(&self, width: u16, height: u16, look: Look) -> Viewer<'_> {
        let reader = Reader::new(&self.watching, &self.notes, TimeZone::UTC);
        let mut viewer = Viewer { reader, model: Model::new(look), size: (width, height), buffer: Buffer::default() };
        viewer.press("");
        viewer
    }
}

impl Viewer<'_> {
    /// Presses keys, and looks; ↑↓←→ are those keys.
    pub(super) fn press(&mut self, keys: &str) -> Effect {
        let mut effect = Effect::None;
        self.reader.refresh(&mut self.model, true);
        self.draw();
        for key in keys.chars() {
            let code = match key {
                '\n' => KeyCode::Enter,
                '\x1b' => KeyCode::Esc,
                '↑' => KeyCode::Up,
                '↓' => KeyCode::Down,
                '←' => KeyCode::Left,
                '→' => KeyCode::Right,
                key => KeyCode::Char(key),
            };
            let event = Event::Key(KeyEvent::new(code, KeyModifiers::NONE));
            let action = action::of(&event, &self.model, &Areas::default());
            effect = self.model.apply(action, self.reader.now());
            self.reader.refresh(&mut self.model, effect == Effect::Read);
            self.draw();
        }
        effect
    }

    pub(super) fn draw(&mut self) -> Snapshot {
        let area = Rect::new(0, 0, self.size.0, self.size.1);
        let (areas, snapshot) = picture(area, &mut self.model, &mut self.reader);
        self.buffer = Buffer::empty(area);
        draw::draw(&mut self.buffer, &self.model, &snapshot, &areas);
        snapshot
    }

    /// What is to be seen.
    pub(super) fn text(&self) -> String {
        let area = self.buffer.area;
        let line = |y: u16| {
            let mut line = String::new();
            let mut hidden = 0;
            for x in 0..area.width {
                let symbol = self.buffer[(x, y)].symbol();
                // What is wide covers the next.
                if hidden == 0 {
                    line += symbol;
                }
                hidden = unicode_width::UnicodeWidthStr::width(symbol).max(hidden).saturating_sub(1);
            }
            line.trim_end().to_owned() + "\n"
        };
        (0..area.height).map(line).collect()
    }
}

fn list(encoder: &mut Encoder<'_>, names: [&str; 5], second: u64, values: &[Value]) {
    let [host, plugin, plugin_instance, type_, type_instance] = names.map(Into::into);
    let identifier = Identifier { host, plugin, plugin_instance, type_, type_instance };
    let time = Time::from_secs(START + second).expect("in range");
    encoder.value_list(&identifier, time, Interval::from_secs(10), values.iter().copied()).expect("room");
}

pub(super) fn packet(encode: impl FnOnce(&mut Encoder<'_>)) -> Vec<u8> {
    let mut buffer = vec![0; 65_507];
    let mut encoder = Encoder::new(&mut buffer);
    encode(&mut encoder);
    encoder.packet().to_vec()
}

/// What a host measures at a second.
fn measured(host: &str, phase: f64, second: u64) -> Vec<u8> {
    packet(|encoder| {
        let wave = (second as f64 / 60.0 + phase).sin();
        let user = (50.0 + 40.0 * wave).round();
        list(encoder, [host, "cpu", "", "percent", "user"], second, &[Value::Gauge(user)]);
        list(encoder, [host, "cpu", "", "percent", "idle"], second, &[Value::Gauge(100.0 - user)]);
        let load = [1.0, 0.8, 0.6].map(|share| Value::Gauge((share * (2.0 + wave) * 100.0).round() / 100.0));
        list(encoder, [host, "load", "", "load", ""], second, &load);
        let octets = second as i64 * 100_000 + (1e6 * wave) as i64 + 1_000_000;
        let octets = [Value::Derive(octets * 7), Value::Derive(octets)];
        list(encoder, [host, "interface", "eth0", "if_octets", ""], second, &octets);
        list(encoder, [host, "memory", "", "memory", "used"], second, &[Value::Gauge(2e9 + 1e8 * wave)]);
        list(encoder, [host, "uptime", "", "uptime", ""], second, &[Value::Gauge(second as f64 + 1e6)]);
    })
}

/// Three hosts in ten minutes. One of them is missing at the end, one of whom nothing is taken sends, too.
pub(super) fn fleet() -> Bench {
    let mut packets = Vec::new();
    for second in (0..600).step_by(10) {
        for (place, host) in ["db01", "web01", "web02"].into_iter().enumerate() {
            if host != "web02" || second < 400 {
                packets.push((second, place as u8 + 1, measured(host, place as f64, second)));
            }
        }
    }
    let message = packet(|encoder| {
        let [plugin, plugin_instance, type_] = ["df", "root", "df_complex"].map(Into::into);
        let identifier = Identifier { host: "db01".into(), plugin, plugin_instance, type_, ..Identifier::default() };
        let time = Time::from_secs(START + 595).expect("in range");
        encoder.notification(&identifier, time, Severity::Warning, "free space is below 10 %".into()).expect("room");
    });
    packets.push((595, 1, message));
    packets.push((596, 9, vec![0, 2, 0, 3]));
    Bench::new(&packets)
}

#[test]
fn charts_beside_a_tree_fit_a_usual_terminal() {
    let bench = fleet();
    let mut viewer = bench.viewer(80, 24, PRETTY);
    assert_data_eq!(viewer.text(), file!["screens/charts-80x24.txt"].raw());
    viewer.press("↓→→↓\n↓");
    assert_data_eq!(viewer.text(), file!["screens/pinned-80x24.txt"].raw());
}

#[test]
fn a_large_terminal_shows_more() {
    let bench = fleet();
    let mut viewer = bench.viewer(150, 42, PRETTY);
    viewer.press("↓→→↓\n↓\n↓→↓\n");
    assert_data_eq!(viewer.text(), file!["screens/pinned-150x42.txt"].raw());
    viewer.press("g");
    assert_data_eq!(viewer.text(), file!["screens/grid-150x42.txt"].raw());
}

#[test]
fn a_small_terminal_shows_a_list() {
    assert_data_eq!(fleet().viewer(60, 15, PRETTY).text(), file!["screens/list-60x15.txt"].raw());
}

#[test]
fn ascii_is_enough() {
    let bench = fleet();
    let mut viewer = bench.viewer(80, 24, Look { color: true, ascii: true });
    viewer.press("↓→→↓\n");
    assert_data_eq!(viewer.text(), file!["screens/ascii-80x24.txt"].raw());
    for keys in ["a", "a t", "t", "n", "n ", "?", "?/web* and", "\x1b"] {
        viewer.press(keys);
        assert!(viewer.text().is_ascii(), "{keys:?}\n{}", viewer.text());
    }
}

#[test]
fn nothing_has_a_color_where_none_is_wanted() {
    let bench = fleet();
    let mut viewer = bench.viewer(100, 30, Look { color: false, ascii: false });
    for keys in ["", "a", "at", "tn", "n?", "?/x", "\x1b ", "e"] {
        viewer.press(keys);
        let colors = viewer.buffer.content.iter().filter(|cell| (cell.fg, cell.bg) != (Color::Reset, Color::Reset));
        assert_eq!(colors.count(), 0, "{keys:?}");
    }
}

#[test]
fn only_the_sixteen_colors_are_used() {
    let bench = fleet();
    let mut viewer = bench.viewer(100, 30, PRETTY);
    for keys in ["", "a", "at", "tn", "n?", "?/x", "\x1b ", "e"] {
        viewer.press(keys);
        let is_other = |color: Color| matches!(color, Color::Rgb(..) | Color::Indexed(_));
        assert!(!viewer.buffer.content.iter().any(|cell| is_other(cell.fg) || is_other(cell.bg)), "{keys:?}");
    }
}

#[test]
fn senders_have_a_table_with_what_was_refused() {
    let bench = fleet();
    let mut viewer = bench.viewer(120, 12, PRETTY);
    viewer.press("t");
    assert_data_eq!(viewer.text(), file!["screens/senders-120x12.txt"].raw());
}

#[test]
fn all_notifications_have_a_list() {
    let bench = fleet();
    let mut viewer = bench.viewer(80, 12, PRETTY);
    viewer.press("n");
    assert_data_eq!(viewer.text(), file!["screens/news-80x12.txt"].raw());
}

#[test]
fn the_help_names_all_keys() {
    let bench = fleet();
    let mut viewer = bench.viewer(80, 24, PRETTY);
    viewer.press("?");
    assert_data_eq!(viewer.text(), file!["screens/help-80x24.txt"].raw());
}

#[test]
fn what_is_wrong_with_a_filter_is_said_below_the_place() {
    let bench = fleet();
    let mut viewer = bench.viewer(80, 24, PRETTY);
    viewer.press("/plugin == 'load' and huh");
    assert_data_eq!(viewer.text(), file!["screens/filter-80x24.txt"].raw());
}

#[test]
fn a_value_of_all_hosts_is_one_chart() {
    let bench = fleet();
    let mut viewer = bench.viewer(150, 30, PRETTY);
    viewer.press("↓→→↓a");
    assert_data_eq!(viewer.text(), file!["screens/overlay-150x30.txt"].raw());
}

#[test]
fn frozen_charts_have_a_cursor_that_reads_them() {
    let bench = fleet();
    let mut viewer = bench.viewer(80, 24, PRETTY);
    viewer.press("↓→→↓e ←←←←←←←←←←");
    assert_data_eq!(viewer.text(), file!["screens/frozen-80x24.txt"].raw());
    // It is the value of then.
    let snapshot = viewer.draw();
    let frozen = viewer.model.frozen.expect("it is");
    let at = snapshot.charts[0].lines[0].points.iter().rev().find(|(x, _)| *x <= -frozen.before);
    assert_eq!(at.map(|(_, value)| *value), Some(snapshot.charts[0].lines[0].value));
}

#[test]
fn nothing_is_too_small() {
    let bench = fleet();
    for (width, height) in [(0, 0), (1, 1), (2, 2), (10, 3), (30, 5), (59, 15), (60, 16), (61, 17), (200, 6)] {
        let mut viewer = bench.viewer(width, height, PRETTY);
        for keys in ["", "e", "ea", "at", "tn", "n?", "?/x", "\x1b "] {
            viewer.press(keys);
        }
    }
}

#[test]
fn before_anything_comes_it_is_said_what_to_do() {
    let bench = Bench::new(&[]);
    let text = bench.viewer(80, 24, PRETTY).text();
    assert!(text.contains("nothing has come yet") && text.contains("collectd-tap doctor"), "{text}");
}

#[test]
fn what_is_visible_can_be_written_as_a_table() {
    let bench = fleet();
    let mut viewer = bench.viewer(150, 30, PRETTY);
    viewer.press("↓→→↓a");
    let snapshot = viewer.draw();
    let table = export::table(&viewer.model, &snapshot);
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("time,host,series,unit,value"));
    let rows: Vec<_> = lines.collect();
    assert!(rows.iter().all(|row| row.contains(",cpu/percent-idle,%,")), "{table}");
    // Two hosts over five minutes, and what the third one sent of them.
    assert!((60..90).contains(&rows.len()), "{} rows", rows.len());
    assert_eq!(viewer.press("w"), Effect::Write);
    viewer.press("at");
    let snapshot = viewer.draw();
    let table = export::table(&viewer.model, &snapshot);
    assert!(table.contains("\n,10.0.0.9,") && table.contains("\nweb02,10.0.0.3,"), "{table}");
}

/// Every hostile packet that was recorded, and names made of every character that is not to be shown.
#[test]
fn names_of_strangers_are_harmless() {
    let bad = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/bad-packets/packets");
    let mut paths: Vec<_> = bad.read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (number, chunk) in hostile().chunks(40).enumerate() {
        let octets = packet(|encoder| {
            for text in chunk {
                list(encoder, [text; 5], 0, &[Value::Gauge(1.0)]);
                let identifier = Identifier { host: text.as_str().into(), ..Identifier::default() };
                let time = Time::from_secs(START).expect("in range");
                encoder.notification(&identifier, time, Severity::Okay, text.as_str().into()).expect("room");
            }
        });
        let path = directory.path().join(format!("{number}.bin"));
        std::fs::write(&path, octets).expect("it is ours");
        paths.push(path);
    }
    let bench = Bench::play(&paths, directory);
    for look in [PRETTY, Look { color: false, ascii: true }] {
        let mut viewer = bench.viewer(120, 60, look);
        for keys in ["", "s", "/host != '", "\x1b\x1b", "t", "tn", "n\n", "e"] {
            viewer.press(keys);
            for _ in 0..30 {
                let text = viewer.text();
                let unsafe_ = text.chars().find(|character| *character != '\n' && is_unsafe(*character));
                assert_eq!(unsafe_, None, "{keys:?}\n{text}");
                viewer.model.apply(action::Action::Page(1), Time::default());
                viewer.draw();
            }
        }
    }
}

/// Texts with characters that change what terminals show.
fn hostile() -> Vec<String> {
    let characters = (1..0x3000).chain(0xe000..0xe010).chain(0xfe00..=0xffff).chain(0xe0000..0xe0080);
    let characters: Vec<_> = characters.filter_map(char::from_u32).filter(|c| is_unsafe(*c)).collect();
    let sequences =
        ["\x1b]0;title\x07", "\x1b[2J", "a\r\nb", "\u{202e}abc", "\u{1f469}\u{200d}\u{1f4bb}", "日本語", "e\u{301}"];
    characters.iter().map(|c| format!("a{c}z")).chain(sequences.map(str::to_owned)).collect()
}
