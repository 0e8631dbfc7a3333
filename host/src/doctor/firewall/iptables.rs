//! What `iptables-save` and `ip6tables-save` print.
//!
//! ```text
//! *filter
//! :INPUT DROP [12:3456]
//! -A INPUT -i lo -j ACCEPT
//! -A INPUT -p udp -m udp --dport 25826 -j DROP
//! COMMIT
//! ```

use std::ops::RangeInclusive;

use collectd_net::Text;
use ipnet::IpNet;

use super::{Chain, Filters, Rule, Test, Verdict, What};

/// The filters that the text describes, and which program they are of.
pub(super) fn parse(text: &str, program: &'static str) -> Filters {
    let is_v6 = program.starts_with("ip6");
    let mut filters = Filters::default();
    let mut table = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name.to_owned();
        } else if let Some(chain) = line.strip_prefix(':') {
            let mut words = chain.split_whitespace();
            let (name, policy) = (words.next().unwrap_or_default(), words.next());
            filters.chains.push(Chain {
                family: if is_v6 { "ip6" } else { "ip" }.into(),
                table: table.clone(),
                name: name.into(),
                is_hooked: table != "nat" && matches!(name, "PREROUTING" | "INPUT"),
                drops_by_policy: policy == Some("DROP"),
                program: Some(program),
                ..Chain::default()
            });
        } else if let Some((name, rest)) =
            line.strip_prefix("-A ").map(|rule| rule.split_once(' ').unwrap_or((rule, "")))
            && let Some(chain) = filters.chains.iter_mut().find(|chain| chain.table == table && chain.name == name)
        {
            chain.rules.push(rule(rest, line));
        }
    }
    filters
}

fn rule(options: &str, line: &str) -> Rule {
    let mut rule = Rule { text: Text::from(line).to_string(), ..Rule::default() };
    let mut words = words(options).into_iter();
    let mut is_negated = false;
    while let Some(option) = words.next() {
        if option == "!" {
            is_negated = true;
            continue;
        }
        let mut value = || words.next().unwrap_or_default();
        let what = match option {
            // What the module looks at stands behind it.
            "-m" if matches!(value(), "udp" | "multiport" | "conntrack" | "state" | "pkttype" | "comment") => None,
            "--comment" => {
                value();
                None
            }
            "-j" | "-g" => {
                let target = value();
                rule.verdicts.push((None, verdict(target, option == "-g")));
                // What follows is for the target.
                break;
            }
            "-p" => Some(protocol(value())),
            "-d" => Some(value().parse::<IpNet>().map_or(What::Unknown, |network| What::Destination(vec![network]))),
            "-i" => Some(What::Interface(vec![value().replace('+', "*")])),
            "--dport" | "--dports" => Some(ports(value()).map_or(What::Unknown, What::Port)),
            "--pkt-type" => Some(match value() {
                "multicast" => What::Multicast(true),
                "unicast" => What::Multicast(false),
                _ => What::Unknown,
            }),
            "--ctstate" | "--state" => Some(What::New(value().split(',').any(|state| state == "NEW"))),
            _ => Some(What::Unknown),
        };
        rule.tests.extend(what.map(|what| Test { what, is_negated }));
        is_negated = false;
    }
    rule
}

/// The words of a rule; those with blanks in them stand in quotation marks.
fn words(options: &str) -> Vec<&str> {
    let quoted = options.split('"').enumerate();
    quoted
        .flat_map(|(place, piece)| if place % 2 == 0 { piece.split_whitespace().collect() } else { vec![piece] })
        .collect()
}

fn verdict(target: &str, goes: bool) -> Verdict {
    match target {
        "ACCEPT" => Verdict::Accept,
        "DROP" | "REJECT" => Verdict::Drop,
        "RETURN" => Verdict::Return,
        "LOG" | "NFLOG" | "MARK" | "CONNMARK" | "TRACE" => Verdict::Jump(String::new()),
        "NFQUEUE" | "QUEUE" | "TPROXY" => Verdict::Unknown,
        chain if goes => Verdict::Goto(chain.into()),
        chain => Verdict::Jump(chain.into()),
    }
}

fn protocol(name: &str) -> What {
    match name {
        "udp" | "17" => What::Protocol(vec![17..=17]),
        "all" | "0" => What::Protocol(vec![0..=255]),
        _ => What::Never,
    }
}

/// `25826`, `25000:26000`, `53,25826`.
fn ports(text: &str) -> Option<Vec<RangeInclusive<u32>>> {
    let range = |range: &str| match range.split_once(':') {
        Some((first, last)) => Some(first.parse().ok()?..=last.parse().ok()?),
        None => range.parse().ok().map(|port: u32| port..=port),
    };
    text.split(',').map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Fate, Thought};
    use super::*;

    fn dropped(policy: &str, rules: &str) -> Option<bool> {
        let text = format!("# Generated\n*filter\n:INPUT {policy} [0:0]\n:own - [0:0]\n{rules}COMMIT\n");
        let to = "239.192.74.66".parse().expect("an address");
        match parse(&text, "iptables").fate(&Thought { to, port: 25_826, interface: "eth0" }) {
            Fate::Accepted => Some(false),
            Fate::Dropped { certain, .. } => certain.then_some(true),
        }
    }

    #[test]
    fn rules_are_read() {
        for (policy, rules, expected) in [
            ("ACCEPT", "", Some(false)),
            ("DROP", "", Some(true)),
            ("ACCEPT", "-A INPUT -p udp -m udp --dport 25826 -j DROP\n", Some(true)),
            (
                "ACCEPT",
                "-A INPUT -p udp -m udp ! --dport 53 -j REJECT --reject-with icmp-port-unreachable\n",
                Some(true),
            ),
            ("ACCEPT", "-A INPUT -p udp -m multiport --dports 53,25000:26000 -j DROP\n", Some(true)),
            ("ACCEPT", "-A INPUT -p tcp -m tcp --dport 25826 -j DROP\n", Some(false)),
            ("ACCEPT", "-A INPUT -s 10.0.0.0/8 -p udp -j DROP\n", None),
            ("ACCEPT", "-A INPUT -d 239.0.0.0/8 -j DROP\n", Some(true)),
            ("ACCEPT", "-A INPUT -m pkttype --pkt-type multicast -j DROP\n", Some(true)),
            ("ACCEPT", "-A INPUT -m comment --comment \"all of it\" -j DROP\n", Some(true)),
            ("ACCEPT", "-A INPUT -m limit --limit 1/sec -j DROP\n", None),
            ("ACCEPT", "-A INPUT -j own\n-A own -j DROP\n", Some(true)),
            ("DROP", "-A INPUT -i eth+ -p udp -m udp --dport 25826 -j ACCEPT\n", Some(false)),
            ("DROP", "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -j LOG\n", Some(true)),
        ] {
            assert_eq!(dropped(policy, rules), expected, "{policy} {rules}");
        }
    }

    #[test]
    fn whatever_is_printed_is_no_trouble() {
        let text =
            "*filter\n:INPUT DROP [0:0]\n-A INPUT -p udp ! -d 239.0.0.0/8 --dports 1:2,3 -j DROP\n:\n-A\n-A \n*\n";
        (0..text.len()).for_each(|end| _ = parse(&text[..end], "ip6tables"));
    }
}
