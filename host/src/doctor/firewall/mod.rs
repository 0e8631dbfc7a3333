//! Packet filters: whether their rules drop what is to be received.
//!
//! ```text
//! nft -j list ruleset ─┐
//!                      ├→ Filters → walked for a datagram that is thought of → Fate
//! iptables-save ───────┘
//! ```
//!
//! A rule that looks at what is not known of the datagram, such as who sends it, may fit or not. So a fate may be uncertain, too.

mod iptables;
mod nft;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::process::{Command, Stdio};

use ipnet::IpNet;

/// Chains deeper than this inside each other are not walked; the kernel allows 16.
const DEPTH: usize = 16;

/// A datagram that is thought of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thought<'a> {
    pub(super) to: IpAddr,
    pub(super) port: u16,
    /// The interface that it arrives at.
    pub(super) interface: &'a str,
}

/// The filters of this machine, from the first chains of the hooks that received packets pass.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters {
    chains: Vec<Chain>,
}

/// Rules in a row.
#[derive(Clone, Debug, Default)]
struct Chain {
    /// Which one, for people and for jumps: family, table, name.
    family: String,
    table: String,
    name: String,
    /// Whether received packets pass it first, and then its policy.
    is_hooked: bool,
    drops_by_policy: bool,
    /// The interface that it is for alone.
    device: Option<String>,
    /// The program that changes it, if that is not nft.
    program: Option<&'static str>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rule {
    tests: Vec<Test>,
    /// Pairs of verdicts and what they ask for besides; the first that fits.
    verdicts: Vec<(Option<Test>, Verdict)>,
    /// The rule as somebody could have written it.
    text: String,
    /// How many packets it was for so far, if it counts.
    packets: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Accept,
    Drop,
    Return,
    Jump(String),
    Goto(String),
    /// Whatever becomes of it, nobody knows here.
    Unknown,
}

/// What a rule asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Test {
    what: What,
    is_negated: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// Whether it is IPv4.
    Version4(bool),
    /// Numbers of protocols.
    Protocol(Vec<RangeInclusive<u32>>),
    Port(Vec<RangeInclusive<u32>>),
    Destination(Vec<IpNet>),
    /// Names of interfaces; an asterisk at the end stands for anything.
    Interface(Vec<String>),
    /// Whether it is for groups alone.
    Multicast(bool),
    /// Whether it is for what nobody asked for.
    New(bool),
    /// Never, whatever the packet.
    Never,
    Unknown,
}

/// What becomes of a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Accepted,
    Dropped { certain: bool, by: Culprit },
}

/// What drops a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Culprit {
    family: String,
    table: String,
    chain: String,
    /// The program that changes it, if that is not nft.
    program: Option<&'static str>,
    /// The rule; `None` stands for the policy.
    rule: Option<String>,
    /// How many packets it dropped so far, if that is known.
    pub(super) packets: Option<u64>,
}

impl Culprit {
    /// A command that lets this port pass.
    pub(super) fn remedy(&self, port: u16) -> String {
        let Self { family, table, chain, .. } = self;
        match self.program {
            Some(program) => format!("{program} -t {table} -I {chain} -p udp --dport {port} -j ACCEPT"),
            None => format!("nft insert rule {family} {table} {chain} udp dport {port} accept"),
        }
    }
}

impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { family, table, chain, .. } = self;
        write!(f, "table {family} {table}, chain {chain}, ")?;
        match &self.rule {
            Some(rule) => write!(f, "its rule '{rule}'"),
            None => f.write_str("its policy"),
        }
    }
}

/// Why the filters cannot be looked at.
#[derive(Debug)]
pub(super) enum Unseen {
    /// No program for it is installed.
    NoProgram,
    /// The program failed, most often because of a lack of rights.
    Failed(String),
}

impl Filters {
    /// Reads the rules of this machine, of both kinds.
    pub(super) fn read() -> Result<Self, Unseen> {
        let nft = run("nft", &["-j", "list", "ruleset"]).and_then(|text| {
            nft::parse(&text).map_err(|error| Unseen::Failed(format!("nft says what cannot be read: {error}")))
        });
        // Rules of iptables are among those of nft, unless they are of the old kind, which nft does not know.
        let mut old = Vec::new();
        let programs = match nft {
            Ok(_) => ["iptables-legacy", "ip6tables-legacy"],
            Err(_) => ["iptables", "ip6tables"],
        };
        for program in programs {
            old.push(run(&format!("{program}-save"), &[]).map(|text| iptables::parse(&text, program)));
        }
        let mut filters = match nft {
            Ok(filters) => filters,
            // Where nft is missing, iptables has to do.
            Err(unseen) if old.iter().all(Result::is_err) => return Err(unseen),
            Err(_) => Self::default(),
        };
        filters.chains.extend(old.into_iter().flatten().flat_map(|filters| filters.chains));
        Ok(filters)
    }

    /// What becomes of this datagram: the worst that any of the first chains does to it.
    pub(super) fn fate(&self, thought: &Thought<'_>) -> Fate {
        let mut uncertain = None;
        for chain in self.chains.iter().filter(|chain| chain.is_hooked) {
            if chain.device.as_ref().is_some_and(|device| device != thought.interface) || !chain.sees(thought) {
                continue;
            }
            let mut walk = Walk { filters: self, thought, maybe: None, maybe_accepted: false };
            match walk.chain(chain, DEPTH) {
                Step::Dropped(by) => {
                    let certain = !walk.maybe_accepted;
                    if certain {
                        return Fate::Dropped { certain, by };
                    }
                    uncertain = uncertain.or(walk.maybe).or(Some(by));
                }
                Step::Done | Step::Next => uncertain = uncertain.or(walk.maybe),
            }
        }
        uncertain.map_or(Fate::Accepted, |by| Fate::Dropped { certain: false, by })
    }
}

impl Chain {
    fn sees(&self, thought: &Thought<'_>) -> bool {
        match self.family.as_str() {
            "ip" => thought.to.is_ipv4(),
            "ip6" => thought.to.is_ipv6(),
            "inet" | "netdev" => true,
            _ => false,
        }
    }

    fn culprit(&self, rule: Option<&Rule>) -> Culprit {
        Culprit {
            family: self.family.clone(),
            table: self.table.clone(),
            chain: self.name.clone(),
            program: self.program,
            rule: rule.map(|rule| rule.text.clone()),
            packets: rule.and_then(|rule| rule.packets),
        }
    }
}

/// A way through chains.
struct Walk<'a> {
    filters: &'a Filters,
    thought: &'a Thought<'a>,
    /// The first that may drop it.
    maybe: Option<Culprit>,
    /// Whether something may have accepted it before.
    maybe_accepted: bool,
}

enum Step {
    /// On with the chain around it.
    Next,
    /// This hook lets it pass.
    Done,
    Dropped(Culprit),
}

impl Walk<'_> {
    fn chain(&mut self, chain: &Chain, depth: usize) -> Step {
        match self.rules(chain, depth) {
            Step::Next if chain.is_hooked && chain.drops_by_policy => Step::Dropped(chain.culprit(None)),
            step => step,
        }
    }

    /// The rules of a chain one after the other, up to one that certainly decides.
    fn rules(&mut self, chain: &Chain, depth: usize) -> Step {
        for rule in &chain.rules {
            let mut fits = rule.tests.iter().map(|test| test.fits(self.thought)).fold(Some(true), and);
            for (test, verdict) in &rule.verdicts {
                let with = and(fits, test.as_ref().map_or(Some(true), |test| test.fits(self.thought)));
                if with == Some(false) {
                    continue;
                }
                let step = self.verdict(chain, rule, verdict, with == Some(true), depth);
                if with == Some(true) {
                    match step {
                        Some(step) => return step,
                        None => break,
                    }
                }
                // The next one is for packets that this one does not fit.
                fits = None;
            }
        }
        Step::Next
    }

    /// What a verdict does; `None` if the chain goes on behind it.
    fn verdict(&mut self, chain: &Chain, rule: &Rule, verdict: &Verdict, certain: bool, depth: usize) -> Option<Step> {
        match verdict {
            Verdict::Accept => {
                self.maybe_accepted |= !certain;
                Some(Step::Done)
            }
            Verdict::Drop => {
                let culprit = chain.culprit(Some(rule));
                if !certain {
                    self.maybe.get_or_insert_with(|| culprit.clone());
                }
                Some(Step::Dropped(culprit))
            }
            Verdict::Return => {
                // It may have left a chain before the rules that drop.
                self.maybe_accepted |= !certain;
                Some(Step::Next)
            }
            Verdict::Unknown => {
                self.maybe_accepted = true;
                None
            }
            Verdict::Jump(name) | Verdict::Goto(name) => {
                let found =
                    self.filters.chains.iter().find(|other| {
                        other.family == chain.family && other.table == chain.table && other.name == *name
                    });
                let (Some(target), Some(depth)) = (found, depth.checked_sub(1)) else { return None };
                match self.chain(target, depth) {
                    Step::Next if matches!(verdict, Verdict::Goto(_)) => Some(Step::Next),
                    Step::Next => None,
                    Step::Done if certain => Some(Step::Done),
                    Step::Done => {
                        self.maybe_accepted = true;
                        None
                    }
                    Step::Dropped(culprit) if certain => Some(Step::Dropped(culprit)),
                    Step::Dropped(culprit) => {
                        self.maybe.get_or_insert(culprit);
                        None
                    }
                }
            }
        }
    }
}

/// Both: certainly, certainly not, or perhaps.
fn and(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

impl Test {
    /// Whether the datagram fits; `None` if that cannot be known.
    fn fits(&self, thought: &Thought<'_>) -> Option<bool> {
        const UDP: u32 = 17;
        let within = |ranges: &[RangeInclusive<u32>], number: u32| ranges.iter().any(|range| range.contains(&number));
        let fits = match &self.what {
            What::Version4(v4) => *v4 == thought.to.is_ipv4(),
            What::Protocol(protocols) => within(protocols, UDP),
            What::Port(ports) => within(ports, thought.port.into()),
            // Any address of this machine.
            What::Destination(_) if thought.to.is_unspecified() => return None,
            What::Destination(networks) => networks.iter().any(|network| network.contains(&thought.to)),
            What::Interface(names) => names.iter().any(|name| match name.strip_suffix('*') {
                Some(start) => thought.interface.starts_with(start),
                None => name == thought.interface,
            }),
            What::Multicast(wanted) => *wanted == thought.to.is_multicast(),
            What::New(new) => *new,
            What::Never => return Some(false),
            What::Unknown => return None,
        };
        Some(fits != self.is_negated)
    }
}

/// What a program prints, wherever programs of the administrator are.
fn run(program: &str, arguments: &[&str]) -> Result<String, Unseen> {
    for folder in ["", "/usr/sbin/", "/sbin/"] {
        let mut command = Command::new(format!("{folder}{program}"));
        let output = command.args(arguments).env("LC_ALL", "C").stdin(Stdio::null()).output();
        match output {
            Ok(output) if output.status.success() => return Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                let said = said.lines().next().unwrap_or("it failed");
                return Err(Unseen::Failed(format!("{program}: {}", collectd_net::Text::from(said))));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Unseen::Failed(format!("{program}: {error}"))),
        }
    }
    Err(Unseen::NoProgram)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: Thought<'_> =
        Thought { to: IpAddr::V4(std::net::Ipv4Addr::new(239, 192, 74, 66)), port: 25_826, interface: "eth0" };

    fn test(what: What) -> Test {
        Test { what, is_negated: false }
    }

    fn rule(tests: Vec<Test>, verdict: Verdict) -> Rule {
        Rule { tests, verdicts: vec![(None, verdict)], text: "rule".into(), packets: None }
    }

    fn filters(drops_by_policy: bool, rules: Vec<Rule>, others: Vec<Rule>) -> Filters {
        let chain = |name: &str, rules| Chain {
            family: "inet".into(),
            table: "filter".into(),
            name: name.into(),
            rules,
            ..Chain::default()
        };
        let first = Chain { is_hooked: true, drops_by_policy, ..chain("input", rules) };
        Filters { chains: vec![first, chain("other", others)] }
    }

    /// Whether it is dropped: certainly, certainly not, or perhaps.
    fn dropped(filters: &Filters) -> Option<bool> {
        match filters.fate(&GROUP) {
            Fate::Accepted => Some(false),
            Fate::Dropped { certain: true, .. } => Some(true),
            Fate::Dropped { certain: false, .. } => None,
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_then_the_policy() {
        use Verdict::{Accept, Drop};
        let port = |port| test(What::Port(vec![port..=port]));
        for (policy, rules, expected) in [
            (false, vec![], Some(false)),
            (true, vec![], Some(true)),
            (false, vec![rule(vec![port(25_826)], Drop)], Some(true)),
            (false, vec![rule(vec![port(1)], Drop)], Some(false)),
            (true, vec![rule(vec![port(25_826)], Accept)], Some(false)),
            (false, vec![rule(vec![port(25_826)], Accept), rule(vec![], Drop)], Some(false)),
            (false, vec![rule(vec![port(25_826), test(What::Unknown)], Drop)], None),
            (true, vec![rule(vec![port(25_826), test(What::Unknown)], Accept)], None),
            (true, vec![rule(vec![port(1), test(What::Unknown)], Accept)], Some(true)),
            (false, vec![rule(vec![test(What::Unknown)], Drop), rule(vec![port(25_826)], Accept)], None),
        ] {
            assert_eq!(dropped(&filters(policy, rules.clone(), vec![])), expected, "{policy} {rules:?}");
        }
    }

    #[test]
    fn jumps_come_back_and_gotos_do_not() {
        use Verdict::{Accept, Drop, Goto, Jump, Return};
        let (jump, goto) = (Jump("other".into()), Goto("other".into()));
        for (first, others, expected) in [
            (vec![rule(vec![], jump.clone())], vec![rule(vec![], Drop)], Some(true)),
            (vec![rule(vec![], jump.clone()), rule(vec![], Drop)], vec![rule(vec![], Return)], Some(true)),
            (vec![rule(vec![], jump.clone()), rule(vec![], Drop)], vec![rule(vec![], Accept)], Some(false)),
            (vec![rule(vec![], goto.clone()), rule(vec![], Drop)], vec![], Some(false)),
            (vec![rule(vec![test(What::Unknown)], jump.clone())], vec![rule(vec![], Drop)], None),
            (vec![rule(vec![], jump.clone())], vec![rule(vec![], jump.clone())], Some(false)),
            (vec![rule(vec![], Jump("missing".into()))], vec![], Some(false)),
        ] {
            assert_eq!(dropped(&filters(false, first.clone(), others.clone())), expected, "{first:?} {others:?}");
        }
        // Behind a return of the first chain stands its policy.
        assert_eq!(dropped(&filters(true, vec![rule(vec![], Return), rule(vec![], Accept)], vec![])), Some(true));
    }

    #[test]
    fn tests_look_at_the_datagram() {
        let network = |text: &str| What::Destination(vec![text.parse().expect("a network")]);
        for (what, expected) in [
            (What::Version4(true), Some(true)),
            (What::Version4(false), Some(false)),
            (What::Protocol(vec![6..=6, 17..=17]), Some(true)),
            (What::Port(vec![1..=2, 25_000..=26_000]), Some(true)),
            (network("239.0.0.0/8"), Some(true)),
            (network("10.0.0.0/8"), Some(false)),
            (What::Interface(vec!["et*".into()]), Some(true)),
            (What::Interface(vec!["eth".into(), "eth01".into()]), Some(false)),
            (What::Multicast(true), Some(true)),
            (What::New(false), Some(false)),
            (What::Unknown, None),
        ] {
            assert_eq!(test(what.clone()).fits(&GROUP), expected, "{what:?}");
            let negated = Test { what: what.clone(), is_negated: true };
            assert_eq!(negated.fits(&GROUP), expected.map(|fits| !fits), "not {what:?}");
        }
    }
}
