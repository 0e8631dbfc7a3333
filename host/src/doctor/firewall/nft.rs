//! What `nft -j list ruleset` prints (libnftables-json(5)).

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use collectd_net::Text;
use ipnet::IpNet;
use serde_json::Value;

use super::{Chain, Filters, Rule, Test, Verdict, What};

/// The filters that the text describes. What is not known of it is taken for something that may fit.
pub(super) fn parse(text: &str) -> Result<Filters, serde_json::Error> {
    let root: Value = serde_json::from_str(text)?;
    let objects = root.get("nftables").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let sets = objects.iter().filter_map(|object| object.get("set").or_else(|| object.get("map")));
    let sets: Sets<'_> = sets.map(|set| (place(set, "name"), set.get("elem"))).collect();
    let mut filters = Filters::default();
    filters.chains.extend(objects.iter().filter_map(|object| object.get("chain")).map(chain));
    for rule in objects.iter().filter_map(|object| object.get("rule")) {
        let (family, table, name) = place(rule, "chain");
        let home = |chain: &&mut Chain| chain.family == family && chain.table == table && chain.name == name;
        if let Some(chain) = filters.chains.iter_mut().find(home) {
            let reading = Reading { sets: &sets, family, table };
            chain.rules.push(reading.rule(rule));
        }
    }
    Ok(filters)
}

/// Named sets: family, table and name, and the elements.
type Sets<'a> = HashMap<(&'a str, &'a str, &'a str), Option<&'a Value>>;

fn place<'a>(object: &'a Value, name: &str) -> (&'a str, &'a str, &'a str) {
    (word(object, "family"), word(object, "table"), word(object, name))
}

fn word<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn chain(chain: &Value) -> Chain {
    let (family, table, name) = place(chain, "name");
    let is_hooked = matches!(word(chain, "hook"), "ingress" | "prerouting" | "input");
    Chain {
        family: family.into(),
        table: table.into(),
        name: name.into(),
        // Translating addresses is not dropping.
        is_hooked: is_hooked && word(chain, "type") != "nat",
        drops_by_policy: word(chain, "policy") == "drop",
        program: None,
        device: chain.get("dev").and_then(Value::as_str).map(str::to_owned),
        rules: Vec::new(),
    }
}

struct Reading<'a> {
    sets: &'a Sets<'a>,
    family: &'a str,
    table: &'a str,
}

impl Reading<'_> {
    fn rule(&self, rule: &Value) -> Rule {
        let mut read = Rule::default();
        let mut words = Vec::new();
        let statements = rule.get("expr").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for (name, body) in statements.iter().filter_map(Value::as_object).flatten() {
            match name.as_str() {
                "match" => {
                    read.tests.push(self.test(body));
                    words.push(shown_match(body));
                }
                "vmap" => read.verdicts.extend(self.verdict_map(body)),
                "counter" => read.packets = body.get("packets").and_then(Value::as_u64),
                // These change nothing about whether it fits.
                "log" | "comment" | "mangle" | "set" | "notrack" | "meta" => {}
                _ => match verdict(name, body) {
                    Some(verdict) => {
                        words.push(shown_verdict(name, body));
                        read.verdicts.push((None, verdict));
                    }
                    None => {
                        let what = What::Unknown;
                        read.tests.push(Test { what, is_negated: false });
                        words.push(format!("{name} …"));
                    }
                },
            }
        }
        read.text = Text::from(words.join(" ").as_str()).to_string();
        read
    }

    fn test(&self, body: &Value) -> Test {
        let (left, right) = (body.get("left").unwrap_or(&Value::Null), body.get("right").unwrap_or(&Value::Null));
        let operator = word(body, "op");
        let what = if matches!(operator, "==" | "!=" | "in" | "") { self.what(left, right) } else { What::Unknown };
        Test { what, is_negated: operator == "!=" }
    }

    /// What is asked of a field of the packet.
    fn what(&self, left: &Value, right: &Value) -> What {
        let values = self.values(right);
        let words = || values.iter().filter_map(|value| value.as_str());
        let any = |names: &[&str]| words().any(|word| names.contains(&word));
        if let Some(payload) = left.get("payload") {
            return match (word(payload, "protocol"), word(payload, "field")) {
                ("udp" | "th", "dport") => ranges(&values).map_or(What::Unknown, What::Port),
                ("ip", "protocol") | ("ip6", "nexthdr") => protocols(&values),
                ("ip" | "ip6", "daddr") => networks(&values).map_or(What::Unknown, What::Destination),
                ("tcp" | "icmp" | "icmpv6" | "sctp" | "dccp" | "esp" | "ah" | "igmp" | "udplite" | "arp", _) => {
                    What::Never
                }
                _ => What::Unknown,
            };
        }
        let key = |object: &str| left.get(object).map(|object| word(object, "key")).unwrap_or_default();
        match (key("meta"), key("ct")) {
            ("l4proto", _) => protocols(&values),
            ("nfproto", _) if values.len() == 1 => What::Version4(any(&["ipv4"])),
            ("protocol", _) if values.len() == 1 && any(&["ip", "ip6"]) => What::Version4(any(&["ip"])),
            ("protocol", _) if values.len() == 1 => What::Never,
            ("iif" | "iifname", _) => What::Interface(words().map(str::to_owned).collect()),
            ("pkttype", _) if values.len() == 1 && any(&["multicast"]) => What::Multicast(true),
            ("pkttype", _) if values.len() == 1 && any(&["unicast", "host"]) => What::Multicast(false),
            (_, "state") => What::New(any(&["new"])),
            _ => match left.get("fib").map(|fib| word(fib, "result")) {
                Some("type") if values.len() == 1 && any(&["multicast"]) => What::Multicast(true),
                Some("type") if values.len() == 1 && any(&["local"]) => What::Multicast(false),
                _ => What::Unknown,
            },
        }
    }

    /// The values that stand on the right: one, several, or those of a set.
    fn values<'v>(&'v self, right: &'v Value) -> Vec<&'v Value> {
        let element = |value: &'v Value| value.get("elem").and_then(|elem| elem.get("val")).unwrap_or(value);
        let several = |values: &'v Value| match values.as_array() {
            Some(values) => values.iter().map(element).collect(),
            None => vec![element(values)],
        };
        if let Some(name) = right.as_str().and_then(|word| word.strip_prefix('@')) {
            let elements = self.sets.get(&(self.family, self.table, name)).copied();
            return elements.map(|elements| elements.map(several).unwrap_or_default()).unwrap_or_default();
        }
        several(right.get("set").unwrap_or(right))
    }

    /// The verdicts of `udp dport vmap { 53 : accept }`, each with what it asks for.
    fn verdict_map(&self, body: &Value) -> Vec<(Option<Test>, Verdict)> {
        let (key, data) = (body.get("key").unwrap_or(&Value::Null), body.get("data").unwrap_or(&Value::Null));
        let pairs = self.values(data);
        let pair = |pair: &&Value| {
            let (value, verdicts) = (pair.get(0)?, pair.get(1)?.as_object()?);
            let value = value.get("elem").and_then(|elem| elem.get("val")).unwrap_or(value);
            let verdict = verdicts.iter().find_map(|(name, body)| verdict(name, body)).unwrap_or(Verdict::Unknown);
            Some((Some(Test { what: self.what(key, value), is_negated: false }), verdict))
        };
        pairs.iter().filter_map(pair).collect()
    }
}

fn verdict(name: &str, body: &Value) -> Option<Verdict> {
    match name {
        "accept" => Some(Verdict::Accept),
        "drop" | "reject" => Some(Verdict::Drop),
        "return" => Some(Verdict::Return),
        "jump" => Some(Verdict::Jump(word(body, "target").into())),
        "goto" => Some(Verdict::Goto(word(body, "target").into())),
        "queue" | "fwd" | "dup" | "tproxy" | "synproxy" | "redirect" | "dnat" => Some(Verdict::Unknown),
        _ => None,
    }
}

/// Numbers and ranges of them.
fn ranges(values: &[&Value]) -> Option<Vec<RangeInclusive<u32>>> {
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    let range = |value: &&Value| match value.get("range") {
        Some(range) => Some(number(range.get(0)?)?..=number(range.get(1)?)?),
        None => number(value).map(|number| number..=number),
    };
    values.iter().map(range).collect()
}

/// Names and numbers of protocols; of names only whether it is ours matters.
fn protocols(values: &[&Value]) -> What {
    let one = |value: &Value| match value.as_str() {
        Some("udp") => Some(17..=17),
        Some(_) => Some(256..=256),
        None => ranges(&[value])?.pop(),
    };
    values.iter().map(|value| one(value)).collect::<Option<_>>().map_or(What::Unknown, What::Protocol)
}

/// Addresses and networks.
fn networks(values: &[&Value]) -> Option<Vec<IpNet>> {
    let network = |value: &&Value| match value.get("prefix") {
        Some(prefix) => {
            let len = prefix.get("len").and_then(Value::as_u64).and_then(|len| u8::try_from(len).ok())?;
            IpNet::new(word(prefix, "addr").parse().ok()?, len).ok()
        }
        None => value.as_str()?.parse::<IpAddr>().ok().map(IpNet::from),
    };
    values.iter().map(network).collect()
}

/// A match as nft writes it, more or less.
fn shown_match(body: &Value) -> String {
    let operator = match word(body, "op") {
        "!=" => "!= ",
        "<" => "< ",
        ">" => "> ",
        _ => "",
    };
    let part = |key: &str| body.get(key).map(shown).unwrap_or_default();
    format!("{} {operator}{}", part("left"), part("right"))
}

fn shown_verdict(name: &str, body: &Value) -> String {
    match word(body, "target") {
        "" => name.into(),
        target => format!("{name} {target}"),
    }
}

fn shown(value: &Value) -> String {
    let list = |values: &[Value], between: &str| values.iter().map(shown).collect::<Vec<_>>().join(between);
    match value {
        Value::String(word) => word.clone(),
        Value::Array(values) => list(values, ","),
        Value::Object(object) => match object.iter().next() {
            Some((_, payload)) if object.contains_key("payload") => {
                format!("{} {}", word(payload, "protocol"), word(payload, "field"))
            }
            Some((kind, body)) if body.get("key").is_some() => format!("{kind} {}", word(body, "key")),
            Some((_, Value::Array(ends))) if object.contains_key("range") => list(ends, "-"),
            Some((_, Value::Array(values))) if object.contains_key("set") => format!("{{ {} }}", list(values, ", ")),
            Some((_, prefix)) if object.contains_key("prefix") => {
                format!("{}/{}", word(prefix, "addr"), prefix.get("len").map(shown).unwrap_or_default())
            }
            Some((kind, _)) => format!("{kind} …"),
            None => String::new(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Fate, Thought};
    use super::*;

    /// Of nft 1.0.6, with one rule of each kind that is known, none of which drops.
    const RULESET: &str = include_str!("nft-1.0.6.json");

    fn fate(text: &str, to: &str, interface: &str) -> Fate {
        let thought = Thought { to: to.parse().expect("an address"), port: 25_826, interface };
        parse(text).expect("JSON").fate(&thought)
    }

    /// The ruleset with a chain that holds this rule alone.
    fn with(expression: &str, policy: &str) -> String {
        format!(
            r#"{{"nftables": [{{"metainfo": {{}}}},
            {{"set": {{"family": "inet", "name": "ports", "table": "t", "type": "inet_service",
                "elem": [80, {{"elem": {{"val": 25826, "timeout": 9}}}}]}}}},
            {{"chain": {{"family": "inet", "table": "t", "name": "c", "hook": "input", "type": "filter", "policy": "{policy}"}}}},
            {{"rule": {{"family": "inet", "table": "t", "chain": "c", "expr": [{expression}]}}}}]}}"#
        )
    }

    fn test(left: &str, right: &str) -> String {
        format!(
            r#"{{"match": {{"op": "==", "left": {left}, "right": {right}}}}}, {{"counter": {{"packets": 7}}}}, {{"drop": null}}"#
        )
    }

    #[test]
    fn every_way_to_name_the_datagram_is_known() {
        let payload =
            |protocol: &str, field: &str| format!(r#"{{"payload": {{"protocol": "{protocol}", "field": "{field}"}}}}"#);
        let meta = |key: &str| format!(r#"{{"meta": {{"key": "{key}"}}}}"#);
        for (left, right, certain) in [
            (payload("udp", "dport"), "25826", Some(true)),
            (payload("th", "dport"), r#"{"set": [{"range": [25000, 26000]}, 1]}"#, Some(true)),
            (payload("udp", "dport"), r#""@ports""#, Some(true)),
            (payload("udp", "dport"), r#""@missing""#, Some(false)),
            (payload("udp", "dport"), "53", Some(false)),
            (payload("udp", "sport"), "53", None),
            (payload("tcp", "dport"), "25826", Some(false)),
            (payload("ip", "daddr"), r#"{"prefix": {"addr": "239.0.0.0", "len": 8}}"#, Some(true)),
            (payload("ip", "daddr"), r#""239.192.74.66""#, Some(true)),
            (payload("ip6", "daddr"), r#""ff18::efc0:4a42""#, Some(false)),
            (payload("ip", "saddr"), r#""10.0.0.1""#, None),
            (payload("ip", "protocol"), r#""udp""#, Some(true)),
            (meta("l4proto"), r#"{"set": [6, 17]}"#, Some(true)),
            (meta("l4proto"), r#""icmp""#, Some(false)),
            (meta("nfproto"), r#""ipv4""#, Some(true)),
            (meta("iifname"), r#""eth0""#, Some(true)),
            (meta("iif"), r#""lo""#, Some(false)),
            (meta("pkttype"), r#""multicast""#, Some(true)),
            (meta("mark"), "1", None),
            (r#"{"ct": {"key": "state"}}"#.into(), r#"["established", "related"]"#, Some(false)),
            (r#"{"ct": {"key": "state"}}"#.into(), r#"{"set": ["new", "invalid"]}"#, Some(true)),
            (r#"{"fib": {"result": "type", "flags": ["daddr"]}}"#.into(), r#""multicast""#, Some(true)),
            (r#"{"something": "new"}"#.into(), "1", None),
        ] {
            let dropped = match fate(&with(&test(&left, right), "accept"), "239.192.74.66", "eth0") {
                Fate::Accepted => Some(false),
                Fate::Dropped { certain: true, by } => {
                    assert_eq!((by.chain.as_str(), by.packets), ("c", Some(7)));
                    Some(true)
                }
                Fate::Dropped { certain: false, .. } => None,
            };
            assert_eq!(dropped, certain, "{left} {right}");
        }
    }

    #[test]
    fn a_rule_is_shown_as_it_is_written() {
        let rule =
            test(r#"{"payload": {"protocol": "udp", "field": "dport"}}"#, r#"{"set": [{"range": [1, 2]}, 25826]}"#);
        let Fate::Dropped { by, .. } = fate(&with(&rule, "accept"), "239.192.74.66", "eth0") else { panic!("dropped") };
        assert_eq!(by.rule.as_deref(), Some("udp dport { 1-2, 25826 } drop"));
        let Fate::Dropped { by, .. } = fate(&with("", "drop"), "239.192.74.66", "eth0") else { panic!("dropped") };
        assert_eq!(by.rule, None);
    }

    #[test]
    fn verdict_maps_are_looked_into() {
        let map = |key: &str, pairs: &str| {
            with(&format!(r#"{{"vmap": {{"key": {key}, "data": {{"set": [{pairs}]}}}}}}"#), "drop")
        };
        let port = r#"{"payload": {"protocol": "udp", "field": "dport"}}"#;
        let pairs = r#"[53, {"drop": null}], [25826, {"accept": null}]"#;
        assert_eq!(fate(&map(port, pairs), "239.192.74.66", "eth0"), Fate::Accepted);
        let state = r#"[ "established", {"accept": null}], ["invalid", {"drop": null}]"#;
        let fate_of_new = fate(&map(r#"{"ct": {"key": "state"}}"#, state), "239.192.74.66", "eth0");
        assert!(matches!(fate_of_new, Fate::Dropped { certain: true, .. }), "{fate_of_new:?}");
    }

    #[test]
    fn a_recorded_ruleset_is_walked() {
        let Fate::Dropped { certain, by } = fate(RULESET, "239.192.74.66", "eth0") else { panic!("dropped") };
        assert_eq!((certain, by.rule.as_deref()), (true, Some("udp dport 25826 drop")));
        assert!(matches!(fate(RULESET, "10.0.0.1", "lo"), Fate::Dropped { certain: true, .. }));
    }

    #[test]
    fn whatever_is_printed_is_no_trouble() {
        for end in 0..RULESET.trim_end().len() {
            assert!(parse(&RULESET[..end]).is_err());
        }
        for text in [
            "[]",
            "{}",
            r#"{"nftables": 1}"#,
            r#"{"nftables": [1, {"chain": 1}, {"rule": {"expr": [1, {"match": 1}, {"vmap": 1}]}}]}"#,
        ] {
            assert_eq!(fate(text, "239.1.1.1", "eth0"), Fate::Accepted, "{text}");
        }
    }
}
