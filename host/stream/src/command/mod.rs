//! Commands as collectd's unixsock and exec plugins take them: `PUTVAL`, `PUTNOTIF` and `FLUSH`, a line each.
//!
//! What collectd takes is taken, and its answers are the beginnings of ours. Where it takes a slip and sends something else than
//! was meant, such as a fraction for a counter, it is refused here.

mod number;
mod putnotif;
mod putval;
mod types;
mod words;

use collectd_net::{Interval, Item, Text, Time};

use self::words::Words;
use crate::packer::TooLong;

pub use number::{seconds, value};
pub use putval::{NAME, encode};
pub use types::{DataSetHint, built_in, kind};

use crate::types_db::TypesDb;

/// Octets of a notification's message, at the most: what the daemon takes (`WIRE §4`).
pub const MESSAGE: usize = 255;

/// What a line asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Nothing: it is empty, or a comment.
    Nothing,
    /// So many value lists.
    ValueLists(u64),
    /// A notification.
    Notification,
    /// To send what waits.
    Flush,
}

/// Why a line is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What collectd answers.
    answer: String,
    /// Where, in octets from 0.
    at: usize,
    /// What is wrong there.
    why: String,
}

impl Refused {
    fn new(answer: impl Into<String>, at: usize, why: impl Into<String>) -> Self {
        Self { answer: answer.into(), at, why: why.into() }
    }

    /// The answer: collectd's, and the column.
    pub fn answer(&self, line: &[u8]) -> String {
        format!("-1 {} Column {}: {}.", self.answer, column(line, self.at), self.why)
    }

    /// The column in characters, from 1, and what is wrong there.
    pub fn complaint(&self, line: &[u8]) -> String {
        format!("column {}: {}", column(line, self.at), self.why)
    }
}

/// The place in characters, from 1.
fn column(line: &[u8], at: usize) -> usize {
    let before = line.get(..at).unwrap_or(line);
    let count =
        |chunk: std::str::Utf8Chunk<'_>| chunk.valid().chars().count() + usize::from(!chunk.invalid().is_empty());
    before.utf8_chunks().map(count).sum::<usize>() + 1
}

/// Reads lines, and keeps its memory from one to the next.
#[derive(Debug)]
pub struct Reader {
    types: TypesDb,
    /// For value lists that do not say.
    interval: Option<Interval>,
    words: Words,
    lists: putval::Lists,
}

impl Reader {
    /// Reads lines with the kinds of these types.
    pub fn new(types: TypesDb, interval: Option<Interval>) -> Self {
        Self { types, interval, words: Words::default(), lists: putval::Lists::default() }
    }

    /// Reads a line, without its line break. Its items go to `emit` if all of it is well, and none otherwise.
    #[inline(never)]
    pub fn read(
        &mut self,
        line: &[u8],
        now: &dyn Fn() -> Time,
        emit: &mut dyn FnMut(&Item<'_>) -> Result<(), TooLong>,
    ) -> Result<Done, Refused> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let start = line.iter().position(|octet| !words::is_blank(*octet)).unwrap_or(line.len());
        let text = line.get(start..).unwrap_or_default();
        if text.is_empty() || text.starts_with(b"#") {
            return Ok(Done::Nothing);
        }
        if let Some(at) = line.iter().position(|octet| *octet == 0) {
            return Err(Refused::new("Cannot parse command.", at, "there is a NUL octet"));
        }
        let end = text.iter().position(|octet| words::is_blank(*octet)).unwrap_or(text.len());
        let command = text.get(..end).unwrap_or_default();
        let is = |name: &str| command.eq_ignore_ascii_case(name.as_bytes());
        if is("PUTVAL") {
            self.words.split(line)?;
            self.lists.read(&self.words, &self.types, self.interval, now)?;
            let count = self
                .lists
                .emit(emit)
                .map_err(|error| Refused::new("Identifier too long.", start, error.to_string()))?;
            Ok(Done::ValueLists(count))
        } else if is("PUTNOTIF") {
            putnotif::read(line, start + end, emit)?;
            Ok(Done::Notification)
        } else if is("FLUSH") {
            Ok(Done::Flush)
        } else {
            let shown = Text::new(command.get(..40).unwrap_or(command));
            let why = "expected PUTVAL, PUTNOTIF or FLUSH";
            Err(Refused::new(format!("Unknown command: {shown}"), start, why))
        }
    }
}

#[cfg(test)]
mod tests;
