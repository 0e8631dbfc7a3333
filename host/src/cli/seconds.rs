//! What came from each sender in each second.

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use collectd_net::{Arrival, Error, Item, Protection};

use super::output::Count;

/// How many senders have a line of their own in a second; the others share one.
const SENDERS: usize = 1000;

/// The second that is under way.
#[derive(Debug)]
pub(super) struct Seconds {
    /// Seconds since the epoch.
    second: u64,
    senders: HashMap<Option<SocketAddr>, Tally>,
    others: Tally,
    json: bool,
}

/// What came from a sender.
#[derive(Debug, Default)]
pub(super) struct Tally {
    packets: u64,
    octets: u64,
    /// Items that are not protected, not verified, signed, encrypted.
    items: [u64; 4],
    refused: Vec<(&'static str, u64)>,
}

const PROTECTIONS: [&str; 4] = ["none", "unverified", "signed", "encrypted"];

impl Seconds {
    /// Lines of text, or JSON objects.
    pub(super) fn new(json: bool) -> Self {
        Self { second: now().as_secs(), senders: HashMap::new(), others: Tally::default(), json }
    }

    /// The tally that this sender's packets count in.
    pub(super) fn of(&mut self, from: Option<SocketAddr>) -> &mut Tally {
        if self.senders.len() < SENDERS || self.senders.contains_key(&from) {
            self.senders.entry(from).or_default()
        } else {
            &mut self.others
        }
    }

    /// How long until the second is over; `None` while there is nothing to tell.
    pub(super) fn left(&self) -> Option<Duration> {
        let end = Duration::from_secs(self.second + 1);
        (!self.senders.is_empty()).then(|| end.saturating_sub(now()))
    }

    /// Writes the second down if it is over, and begins another.
    pub(super) fn turn(&mut self, out: &mut String) -> fmt::Result {
        let now = now().as_secs();
        if now == self.second {
            return Ok(());
        }
        self.end(out)?;
        self.second = now;
        Ok(())
    }

    /// Writes the second down as far as it has come.
    pub(super) fn end(&mut self, out: &mut String) -> fmt::Result {
        let mut senders: Vec<_> = self.senders.drain().collect();
        senders.sort_unstable_by_key(|(from, _)| *from);
        let others = std::mem::take(&mut self.others);
        for (from, tally) in &senders {
            let from = from.map_or_else(|| "unknown".to_owned(), |from| from.to_string());
            line(self.second, &from, tally, self.json, out)?;
        }
        if others.packets > 0 {
            line(self.second, "others", &others, self.json, out)?;
        }
        Ok(())
    }
}

impl Tally {
    pub(super) fn packet(&mut self, arrival: &Arrival) {
        self.packets += 1;
        self.octets += u64::try_from(arrival.len).unwrap_or(u64::MAX);
    }

    pub(super) fn item(&mut self, item: &Item<'_>) {
        let place = match item.protection() {
            Protection::None => 0,
            Protection::Unverified => 1,
            Protection::Signed => 2,
            Protection::Encrypted => 3,
        };
        if let Some(count) = self.items.get_mut(place) {
            *count += 1;
        }
    }

    pub(super) fn refusal(&mut self, error: &Error) {
        let word = error.cause.word();
        match self.refused.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            // There are only so many causes.
            None => self.refused.push((word, 1)),
        }
    }
}

/// Addresses and words of ours are all that is in it, so nothing is to be escaped.
fn line(second: u64, from: &str, tally: &Tally, json: bool, out: &mut String) -> fmt::Result {
    let Tally { packets, octets, items, refused } = tally;
    let protections = PROTECTIONS.into_iter().zip(*items);
    let total: u64 = items.iter().sum();
    let refusals: u64 = refused.iter().map(|(_, count)| count).sum();
    if json {
        write!(out, r#"{{"kind":"summary","time":{second},"from":"{from}","packets":{packets},"octets":{octets}"#)?;
        write!(out, r#","items":{total},"security":{{"#)?;
        list(protections.map(|(word, count)| format!(r#""{word}":{count}"#)), ",", out)?;
        write!(out, r#"}},"refused":{refusals},"causes":{{"#)?;
        list(refused.iter().map(|(word, count)| format!(r#""{word}":{count}"#)), ",", out)?;
        return out.write_str("}}\n");
    }
    write!(out, "[{second}] {from}: {}, {octets} octets, {}", Count(*packets, "packet"), Count(total, "item"))?;
    if total > 0 {
        let there = protections.filter(|(_, count)| *count > 0);
        out.write_str(" (")?;
        list(there.map(|(word, count)| format!("{count} {}", if word == "none" { "plain" } else { word })), ", ", out)?;
        out.write_str(")")?;
    }
    write!(out, ", {refusals} refused")?;
    if refusals > 0 {
        out.write_str(" (")?;
        list(refused.iter().map(|(word, count)| format!("{count} {word}")), ", ", out)?;
        out.write_str(")")?;
    }
    out.write_str("\n")
}

fn list(words: impl Iterator<Item = String>, between: &str, out: &mut String) -> fmt::Result {
    for (place, word) in words.enumerate() {
        write!(out, "{}{word}", if place == 0 { "" } else { between })?;
    }
    Ok(())
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use collectd_net::Decoder;

    use super::*;

    const PACKET: &[u8] = include_bytes!("../../../core/tests/data/collectd-5.12.0-minimal.bin");

    fn sender(number: u16) -> Option<SocketAddr> {
        Some(SocketAddr::from(([10, 0, 0, 1], number)))
    }

    fn hear(seconds: &mut Seconds, number: u16) {
        let tally = seconds.of(sender(number));
        tally.packet(&Arrival { len: PACKET.len(), from: None });
        Decoder::new(PACKET).flatten().for_each(|item| tally.item(&item));
    }

    #[test]
    fn a_line_tells_packets_items_protection_and_refusals() {
        for (json, expected) in [
            (
                false,
                "[7] 10.0.0.1:1: 2 packets, 122 octets, 2 items (2 plain), 3 refused (2 stray, 1 padding)\n\
                 [7] 10.0.0.1:2: 1 packet, 0 octets, 0 items, 0 refused\n",
            ),
            (
                true,
                "{\"kind\":\"summary\",\"time\":7,\"from\":\"10.0.0.1:1\",\"packets\":2,\"octets\":122,\"items\":2,\
                 \"security\":{\"none\":2,\"unverified\":0,\"signed\":0,\"encrypted\":0},\"refused\":3,\
                 \"causes\":{\"stray\":2,\"padding\":1}}\n\
                 {\"kind\":\"summary\",\"time\":7,\"from\":\"10.0.0.1:2\",\"packets\":1,\"octets\":0,\"items\":0,\
                 \"security\":{\"none\":0,\"unverified\":0,\"signed\":0,\"encrypted\":0},\"refused\":0,\"causes\":{}}\n",
            ),
        ] {
            let mut seconds = Seconds::new(json);
            seconds.second = 7;
            seconds.of(sender(2)).packet(&Arrival { len: 0, from: None });
            (0..2).for_each(|_| hear(&mut seconds, 1));
            for damaged in [&[PACKET, &[1]].concat(), &[PACKET, &[0; 4]].concat(), &[PACKET, &[1]].concat()] {
                Decoder::new(damaged).filter_map(Result::err).for_each(|error| seconds.of(sender(1)).refusal(&error));
            }
            let mut text = String::new();
            seconds.turn(&mut text).expect("text takes everything");
            assert_eq!(text, expected);
            assert!(seconds.left().is_none() && seconds.second > 7);
        }
    }

    #[test]
    fn senders_beyond_the_limit_share_a_line() {
        let mut seconds = Seconds::new(false);
        (0..2000).for_each(|number| hear(&mut seconds, number));
        (0..2000).for_each(|number| hear(&mut seconds, number));
        assert_eq!(seconds.senders.len(), SENDERS);
        let mut text = String::new();
        seconds.end(&mut text).expect("text takes everything");
        assert_eq!(text.lines().count(), SENDERS + 1);
        assert!(text.ends_with(" others: 2000 packets, 122000 octets, 2000 items (2000 plain), 0 refused\n"), "{text}");
    }
}
