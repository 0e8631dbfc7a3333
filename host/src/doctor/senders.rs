//! What came from each sender: how much, how protected, what was refused and why, and what its clocks say.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use collectd_net::{Arrival, Item, PartType, Parts, Protection, SecurityLevel, Text, ValueList};
use collectd_tap_stream::Opened;

use super::finding::{Finding, Severity, count};
use super::hosts::Host;
use super::refusal::Refusal;
use crate::types_db::TypesDb;

/// How many senders, ports of all, hosts of one, users, types and causes are told apart. Strangers could make more.
const SENDERS: usize = 1000;
const PORTS: usize = 4000;
const HOSTS: usize = 1000;
const SHOWN: usize = 5;
const KINDS: usize = 50;

/// What is known of all senders.
#[derive(Debug)]
pub(super) struct Senders {
    senders: BTreeMap<IpAddr, Sender>,
    /// Packets by address and port, as a packet socket sees them, too.
    ports: HashMap<SocketAddr, u64>,
    /// Packets of senders beyond the limit.
    others: u64,
    types: TypesDb,
}

/// A packet, before it is opened.
pub(super) struct Envelope<'a> {
    from: Option<SocketAddr>,
    pub(super) len: usize,
    pub(super) taken_in: usize,
    /// The users of its seals, by the offsets of those.
    users: Vec<(usize, Vec<u8>)>,
    pub(super) level: SecurityLevel,
    /// Where the passwords are.
    pub(super) auth_file: Option<&'a Path>,
}

#[derive(Debug, Default)]
struct Sender {
    packets: u64,
    /// Items that are not protected, not verified, signed, encrypted.
    items: [u64; 4],
    users: BTreeSet<Vec<u8>>,
    hosts: BTreeMap<Vec<u8>, Host>,
    refusals: BTreeMap<Refusal, u64>,
    types: BTreeMap<Vec<u8>, Trouble>,
}

/// What is wrong with a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Unknown,
    /// So many data sources in types.db, so many values.
    Count(usize, usize),
}

impl<'a> Envelope<'a> {
    /// Looks at a packet that is accepted at this level, and opened with the passwords of this file.
    pub(super) fn new(arrival: &Arrival, octets: &[u8], level: SecurityLevel, auth_file: Option<&'a Path>) -> Self {
        let parts = Parts::new(octets).flatten().filter(|part| part.type_.is_seal());
        let user = |type_, body: &[u8]| match type_ {
            PartType::SIGNATURE => body.get(32..).map(<[u8]>::to_vec),
            _ => {
                let (len, rest) = body.split_first_chunk()?;
                rest.get(..u16::from_be_bytes(*len).into()).map(<[u8]>::to_vec)
            }
        };
        let users = parts.filter_map(|part| Some((part.offset, user(part.type_, part.body)?))).collect();
        Self { from: arrival.from, len: arrival.len, taken_in: octets.len(), users, level, auth_file }
    }
}

impl Senders {
    /// Knows these types; with none of them, all types are as good as known.
    pub(super) fn new(types: TypesDb) -> Self {
        Self { senders: BTreeMap::new(), ports: HashMap::new(), others: 0, types }
    }

    /// Takes a packet in, with what came of it.
    pub(super) fn packet(&mut self, envelope: &Envelope<'_>, packet: Opened<'_>) {
        let Some(from) = envelope.from else { return };
        let from = SocketAddr::new(from.ip(), from.port());
        if self.ports.len() < PORTS || self.ports.contains_key(&from) {
            *self.ports.entry(from).or_default() += 1;
        }
        if self.senders.len() >= SENDERS && !self.senders.contains_key(&from.ip()) {
            self.others += 1;
            packet.count();
            return;
        }
        let sender = self.senders.entry(from.ip()).or_default();
        sender.packets += 1;
        let now = (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        packet.each(&mut |item| {
            match item {
                Ok(item) => {
                    sender.item(item, now);
                    if let Item::ValueList(list) = item {
                        sender.look_up(list, &self.types);
                    }
                }
                Err(error) => {
                    let user = envelope.users.iter().find(|(offset, _)| *offset == error.offset);
                    let user = user.map(|(_, user)| user.as_slice());
                    let refusal = Refusal::new(error, user, envelope);
                    if sender.refusals.len() < KINDS || sender.refusals.contains_key(&refusal) {
                        *sender.refusals.entry(refusal).or_default() += 1;
                    }
                }
            }
            ControlFlow::Continue(())
        });
    }

    /// How many packets came.
    pub(super) fn packets(&self) -> u64 {
        self.senders.values().map(|sender| sender.packets).sum::<u64>() + self.others
    }

    /// How many packets came from this address and port; `None` if there are too many of them to know.
    pub(super) fn packets_from(&self, from: &SocketAddr) -> Option<u64> {
        let is_full = self.ports.len() >= PORTS;
        self.ports.get(from).copied().or((!is_full).then_some(0))
    }

    /// Whether anything came from this address.
    pub(super) fn knows(&self, from: IpAddr) -> bool {
        self.senders.contains_key(&from)
    }

    /// What there is to say about all of them.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let now = Instant::now();
        let mut findings = Vec::new();
        for (from, sender) in &self.senders {
            findings.push(sender.summary(*from));
            let nothing_came = sender.items.iter().sum::<u64>() == 0;
            let about = from.to_string();
            findings
                .extend(sender.refusals.iter().map(|(refusal, count)| refusal.finding(&about, *count, nothing_came)));
            findings.extend(sender.types.iter().map(|(name, trouble)| trouble.finding(&about, name)));
            findings.extend(sender.hosts.iter().filter_map(|(name, host)| host.silence(&about, name, now)));
        }
        findings.extend(self.clocks());
        if self.others > 0 {
            findings.push(Finding::new(
                Severity::Note,
                "many-senders",
                "",
                format!(
                    "{} from senders beyond the first {SENDERS}, which are not told apart",
                    count(self.others, "packet")
                ),
                "look at fewer with --allowed-sources",
            ));
        }
        findings
    }

    /// Which clocks are wrong: those of hosts, or this machine's.
    fn clocks(&self) -> Vec<Finding> {
        let hosts = || self.senders.iter().flat_map(|(from, sender)| sender.hosts.iter().map(move |host| (from, host)));
        let wrong: Vec<_> = hosts().filter_map(|(from, (name, host))| Some((from, name, host.skew()?))).collect();
        let mut findings = Vec::new();
        let all_alike = wrong.windows(2).all(|pair| (pair[0].2 - pair[1].2).abs() < 3);
        if wrong.len() > 1 && wrong.len() == hosts().count() && all_alike {
            let skew = wrong[0].2;
            findings.push(
                Finding::new(
                    Severity::Warning,
                    "clock-here",
                    "",
                    format!(
                        "all {} hosts are {} alike: rather is this machine's clock wrong",
                        wrong.len(),
                        super::hosts::skewed(skew)
                    ),
                    "set this machine's clock (timedatectl set-ntp true)",
                )
                .number("seconds", skew.unsigned_abs()),
            );
        }
        findings.extend(wrong.into_iter().map(|(from, name, skew)| super::hosts::clock(&from.to_string(), name, skew)));
        findings
    }
}

impl Sender {
    fn item(&mut self, item: &Item<'_>, (now, since_epoch): (Instant, Duration)) {
        let place = match item.protection() {
            Protection::None => 0,
            Protection::Unverified => 1,
            Protection::Signed => 2,
            Protection::Encrypted => 3,
        };
        if let Some(count) = self.items.get_mut(place) {
            *count += 1;
        }
        if let Some(user) = item.user().filter(|_| self.users.len() <= SHOWN) {
            self.users.insert(user.as_octets().to_vec());
        }
        let name = item.identifier().host.as_octets();
        if let Some(host) = self.hosts.get_mut(name) {
            host.hear(item, now, since_epoch);
        } else if self.hosts.len() < HOSTS {
            let mut host = Host::new(now);
            host.hear(item, now, since_epoch);
            self.hosts.insert(name.to_vec(), host);
        }
    }

    fn look_up(&mut self, list: &ValueList<'_>, types: &TypesDb) {
        let (name, count) = (list.identifier.type_, list.values.len());
        let trouble = match types.get(name) {
            _ if types.is_empty() => return,
            Some(set) if set.sources.len() == count => return,
            Some(set) => Trouble::Count(set.sources.len(), count),
            None => Trouble::Unknown,
        };
        if self.types.len() < KINDS {
            self.types.entry(name.as_octets().to_vec()).or_insert(trouble);
        }
    }

    fn summary(&self, from: IpAddr) -> Finding {
        let total: u64 = self.items.iter().sum();
        let refused: u64 = self.refusals.values().sum();
        let protections =
            ["not protected", "signed, but not verified", "signed", "encrypted"].into_iter().zip(self.items);
        let protections: Vec<_> =
            protections.filter(|(_, count)| *count > 0).map(|(word, count)| format!("{count} {word}")).collect();
        let some = |names: &mut dyn Iterator<Item = &Vec<u8>>| {
            let mut names: Vec<_> = names.take(SHOWN + 1).map(|name| Text::new(name).to_string()).collect();
            if names.len() > SHOWN {
                "…".clone_into(&mut names[SHOWN]);
            }
            names.join(", ")
        };
        let mut message = format!("{}, {}", count(self.packets, "packet"), count(total, "item"));
        if total > 0 {
            message += &format!(" ({})", protections.join(", "));
        }
        if !self.users.is_empty() {
            message += &format!(" by user {}", some(&mut self.users.iter()));
        }
        if !self.hosts.is_empty() {
            message += &format!(" of host {}", some(&mut self.hosts.keys()));
        }
        message += &format!(", {refused} refused");
        let summary = if total > 0 {
            Finding::okay("sender", from.to_string(), message)
        } else if refused > 0 {
            Finding::new(Severity::Note, "sender", from.to_string(), message, "see why they are refused, below")
        } else {
            let advice = "nothing is wrong with them, but nothing is in them; look at what the sender is set to";
            Finding::new(Severity::Note, "sender", from.to_string(), message, advice)
        };
        summary.number("packets", self.packets).number("items", total).number("refused", refused)
    }
}

impl Trouble {
    fn finding(self, about: &str, name: &[u8]) -> Finding {
        let name = Text::new(name);
        match self {
            Self::Unknown => Finding::new(
                Severity::Warning,
                "unknown-type",
                about,
                format!("type '{name}' unknown: types.db has none of this name"),
                "add it to types.db (of each receiver: a collectd drops values of unknown types), or name its file with --types-db",
            ),
            Self::Count(sources, values) => Finding::new(
                Severity::Warning,
                "type-mismatch",
                about,
                format!("type '{name}' has {sources} data sources in types.db, but {values} values came"),
                "let sender and receiver have the same types.db",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use collectd_net::{Batched, Counters};

    use super::*;
    use crate::users::Users;

    const PACKET: &[u8] = include_bytes!("../../../core/tests/data/collectd-5.12.0-minimal.bin");
    const SIGNED: &[u8] = include_bytes!("../../../core/tests/data/collectd-5.12.0-minimal-signed.bin");
    const ENCRYPTED: &[u8] = include_bytes!("../../../core/tests/data/collectd-5.12.0-minimal-encrypted.bin");

    fn hear(senders: &mut Senders, from: &str, packet: &[u8], users: &[(&str, &str)], level: SecurityLevel) {
        let mut octets = packet.to_vec();
        let arrival = Arrival { len: packet.len(), from: Some(from.parse().expect("an address")) };
        let envelope = Envelope::new(&arrival, &octets, level, None);
        let (users, mut counters) = (Users::known(users.iter().copied()), Counters::new());
        let packet = Batched::new(arrival, &mut octets);
        senders.packet(&envelope, Opened::new(packet, Some(&users), level, None, &mut counters));
    }

    fn words(senders: &Senders) -> Vec<(&'static str, String)> {
        let findings = senders.findings();
        findings.into_iter().map(|finding| (finding.word, finding.message)).collect()
    }

    #[test]
    fn users_and_causes_are_told_in_words() {
        let users = [("testuser", "wrong")];
        for (packet, users, expected, said) in [
            (SIGNED, &users[..], "wrong-password", "wrong password for user 'testuser'"),
            (ENCRYPTED, &users[..], "wrong-password", "wrong password for user 'testuser'"),
            (SIGNED, &[("other", "x")][..], "unknown-user", "user 'testuser' is not in the auth file"),
            (PACKET, &users[..], "below-level", "unsigned although the level is sign"),
        ] {
            let mut senders = Senders::new(TypesDb::default());
            hear(&mut senders, "10.0.0.1:1", packet, users, SecurityLevel::Sign);
            let words = words(&senders);
            assert!(words.iter().any(|(word, message)| *word == expected && message.contains(said)), "{words:?}");
            assert!(senders.findings().iter().any(|finding| finding.severity == Severity::Failure));
        }
    }

    #[test]
    fn senders_beyond_the_limit_are_counted() {
        let mut senders = Senders::new(TypesDb::default());
        for number in 0..=SENDERS {
            let from = format!("10.0.{}.{}:1", number / 256, number % 256);
            hear(&mut senders, &from, PACKET, &[], SecurityLevel::None);
        }
        assert_eq!(senders.packets(), SENDERS as u64 + 1);
        assert!(
            words(&senders)
                .iter()
                .any(|(word, message)| *word == "many-senders" && message.starts_with("1 packet from"))
        );
    }

    #[test]
    fn types_are_looked_up_where_there_is_a_types_db() {
        let types = |text: &[u8]| {
            let mut types = TypesDb::default();
            types.add(text);
            let mut senders = Senders::new(types);
            hear(&mut senders, "10.0.0.1:1", PACKET, &[], SecurityLevel::None);
            let words = words(&senders);
            words.into_iter().map(|(word, _)| word).filter(|word| word.contains("type")).collect::<Vec<_>>()
        };
        assert_eq!(types(b""), [""; 0]);
        assert_eq!(types(b"gauge value:GAUGE:U:U\n"), [""; 0]);
        assert_eq!(types(b"other value:GAUGE:U:U\n"), ["unknown-type"]);
        assert_eq!(types(b"gauge a:GAUGE:U:U b:GAUGE:U:U\n"), ["type-mismatch"]);
    }

    #[test]
    fn names_of_strangers_are_escaped() {
        let mut senders = Senders::new(TypesDb::default());
        let mut packet = PACKET.to_vec();
        packet[4] = 0x1b;
        hear(&mut senders, "10.0.0.1:1", &packet, &[], SecurityLevel::None);
        let words = words(&senders);
        assert!(words.iter().all(|(_, message)| !message.contains('\u{1b}')), "{words:?}");
    }
}
