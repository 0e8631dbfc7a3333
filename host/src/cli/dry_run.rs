//! `collectd-tap send --dry-run`: what would be sent, printed.

use std::io::{self, Write as _};
use std::time::Instant;

use collectd_net::Item;

use super::Failure;
use crate::send::{Packer, Ready, Settings, TooLong};
use crate::sink::{Entry, Format, Look, Origin, Sink};
use crate::sources::{Dictionary, Sources};
use crate::types_db::TypesDb;

/// Packs as for sending, and prints the packets.
pub(super) struct DryRun {
    packer: Packer,
    sink: Box<dyn Sink>,
    dictionary: Dictionary,
    tells_names: bool,
    text: String,
}

impl DryRun {
    pub(super) fn new(settings: &Settings, format: &Format, types: TypesDb) -> Self {
        let look = Look { max_series: usize::MAX, ..Look::default() };
        let mut sink = format.sink(&look);
        let mut text = String::new();
        sink.start(&mut text);
        Self {
            packer: Packer::new(settings.max_packet_size, settings.max_age, 0),
            sink,
            dictionary: Dictionary::new(types),
            tells_names: format.tells_names(),
            text,
        }
    }

    pub(super) fn push(&mut self, item: &Item<'_>, now: Instant) -> Result<(), TooLong> {
        let Self { packer, sink, dictionary, tells_names, text } = self;
        packer.push(item, now, |ready| print(&ready, sink.as_mut(), dictionary, *tells_names, text))
    }

    /// When something is to be printed that waits.
    pub(super) fn due(&self) -> Option<Instant> {
        self.packer.due()
    }

    /// Prints what is full, or old enough at this time, or everything.
    pub(super) fn flush(&mut self, now: Option<Instant>) -> Result<(), Failure> {
        let Self { packer, sink, dictionary, tells_names, text } = self;
        let ready = |ready: Ready<'_>| print(&ready, sink.as_mut(), dictionary, *tells_names, text);
        match now {
            Some(now) => packer.flush_due(now, ready),
            None => packer.flush(ready),
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(self.text.as_bytes()).and_then(|()| stdout.flush()).map_err(Failure::Output)?;
        self.text.clear();
        Ok(())
    }

    pub(super) fn end(&mut self) -> Result<(), Failure> {
        self.flush(None)?;
        self.sink.end(&mut self.text);
        self.flush(None)
    }
}

/// Prints a packet as a receiver would see it.
fn print(ready: &Ready<'_>, sink: &mut dyn Sink, dictionary: &mut Dictionary, tells_names: bool, text: &mut String) {
    let origin = Origin { source: "send", number: None, from: None };
    sink.packet_start(ready.octets());
    ready.each(&mut |item| {
        let sources = match item {
            Item::ValueList(list) if tells_names => dictionary.names(list),
            Item::ValueList(list) => Sources::Numbered(list.values.len()),
            Item::Notification(_) => Sources::Numbered(0),
        };
        sink.item(&Entry { item, sources, origin: &origin }, text);
    });
    sink.packet_end(&origin, text);
}
