//! What is visible, as CSV.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::model::{Model, View};
use super::snapshot::Snapshot;

/// Writes a new file here; what it is called.
pub(super) fn write(model: &Model, snapshot: &Snapshot, zone: &TimeZone) -> io::Result<String> {
    let now = Timestamp::now().to_zoned(zone.clone()).strftime("%Y%m%d-%H%M%S").to_string();
    for number in 0..1000 {
        let suffix = if number == 0 { String::new() } else { format!("-{number}") };
        let name = format!("collectd-tap-{now}{suffix}.csv");
        // Nothing is ever written over.
        match OpenOptions::new().write(true).create_new(true).open(&name) {
            Ok(mut file) => return file.write_all(table(model, snapshot).as_bytes()).map(|()| name),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// The table: of charts, senders or notifications.
pub(super) fn table(model: &Model, snapshot: &Snapshot) -> String {
    match model.view {
        View::Charts | View::Chart => charts(model, snapshot),
        View::Senders => senders(snapshot),
        View::News => news(snapshot),
    }
}

/// A line for each point within the window.
fn charts(model: &Model, snapshot: &Snapshot) -> String {
    let mut out = String::from("time,host,series,unit,value\n");
    let window = f64::from(model.window());
    for chart in &snapshot.charts {
        let end = Duration::from(chart.end).as_secs_f64();
        for line in &chart.lines {
            for (x, value) in line.points.iter().filter(|(x, value)| *x >= -window && value.is_finite()) {
                let row = [format!("{:.3}", end + x), line.host.clone(), chart.title.clone(), chart.unit.title()];
                push(&mut out, &row);
                // A `String` takes everything.
                _ = writeln!(out, ",{value}");
            }
        }
    }
    out
}

fn senders(snapshot: &Snapshot) -> String {
    let mut out =
        String::from("host,from,packets_per_second,values_per_second,silent,interval,skew,protection,refused\n");
    for row in &snapshot.senders {
        let refused: Vec<_> = row.refused.iter().map(|(word, count)| format!("{word} {count}")).collect();
        push(
            &mut out,
            &[
                row.name.clone(),
                row.from.clone(),
                format!("{:.3}", row.rates.0),
                format!("{:.3}", row.rates.1),
                format!("{:.3}", row.silent.as_secs_f64()),
                row.interval.clone(),
                row.skew.map_or_else(String::new, |skew| format!("{skew:.3}")),
                row.protection.clone(),
                refused.join(" "),
            ],
        );
        out.push('\n');
    }
    out
}

fn news(snapshot: &Snapshot) -> String {
    let mut out = String::from("time,severity,identifier,message\n");
    for row in &snapshot.news {
        push(
            &mut out,
            &[row.time.clone(), row.severity.name().to_owned(), row.identifier.clone(), row.message.clone()],
        );
        out.push('\n');
    }
    out
}

fn push(out: &mut String, fields: &[String]) {
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        if field.contains([',', '"', '\n', '\r']) {
            _ = write!(out, "\"{}\"", field.replace('"', "\"\""));
        } else {
            out.push_str(field);
        }
    }
}
