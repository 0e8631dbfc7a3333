//! Hosts, series, senders, notifications and counts as JSON objects; `host/README.md` tells what their keys mean.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};

use collectd_net::{Identifier, Item, Text, Value};

use super::json::Json;
use super::summary::Summary;
use crate::fleet::{HostView, Moment, News, SenderView, SeriesView};
use crate::listen::Losses;
use crate::sink::unit;
use crate::sources::{Dictionary, Name};
use crate::watching::Totals;

/// What a series is, but for its values.
pub(super) fn series(json: &mut Json, id: impl Display, item: &Item<'_>, dictionary: &Dictionary) {
    let Item::ValueList(list) = item else { return };
    json.object(|json| {
        json.key("id").word(id);
        json.key("name").word(list.identifier);
        json.key("path").word(path(&list.identifier));
        json.identifier(&list.identifier);
        json.key("interval").interval(list.interval);
        json.key("dstypes").array(|json| list.values.iter().for_each(|value| json.word(value.kind().name())));
        json.key("dsnames").array(|json| {
            for name in dictionary.look_up(list.identifier.type_, list.values.len()).iter() {
                match name {
                    Name::Word(name) => json.string(name.into()),
                    Name::Number(place) => json.word(place),
                }
            }
        });
        let (unit, is_gauge) = unit::of(list.identifier.type_).unwrap_or_default();
        json.key("unit").word(unit);
        json.key("unit_is_of_counts").bool(!unit.is_empty() && !is_gauge);
    });
}

/// What a series is called on its host.
pub(super) fn path(identifier: &Identifier<'_>) -> String {
    let whole = Identifier { host: Text::default(), ..*identifier }.to_string();
    whole.strip_prefix('/').map(str::to_owned).unwrap_or(whole)
}

/// The latest point of a series: its id, its time, its values, and its rates, or null if they are the same.
pub(super) fn point(json: &mut Json, series: &SeriesView<'_>) {
    json.array(|json| {
        json.word(series.id());
        json.time(series.time());
        json.array(|json| series.values().for_each(|value| json.value(value)));
        if series.values().all(|value| matches!(value, Value::Gauge(_))) {
            json.null();
        } else {
            json.array(|json| series.rates().for_each(|rate| json.float(rate)));
        }
    });
}

/// A host.
pub(super) fn host(json: &mut Json, host: &HostView<'_>, now: Moment) {
    json.object(|json| {
        json.key("id").word(host.id());
        json.key("host").string(host.name());
        json.key("name").word(host.name());
        json.key("missing").bool(host.is_missing());
        json.key("silent").rounded(host.silent(now).as_secs_f64(), 3);
        json.key("patience").rounded(host.patience().as_secs_f64(), 3);
        json.key("interval").interval(host.interval());
        match host.skew() {
            Some(skew) => json.key("skew").rounded(skew, 3),
            None => json.key("skew").null(),
        }
        json.key("clock_is_wrong").bool(host.clock_is_wrong());
        json.key("series_values").count(host.value_count() as u64);
        json.key("packets").count(host.packets());
        json.key("values").count(host.values());
        per_second(json, host.per_second(now));
        json.key("security").word(host.protection().name());
        json.key("protections").protections(host.protections());
        json.key("refused").counts(host.refused());
        json.key("addresses").array(|json| host.addresses().for_each(|address| json.word(address)));
        match host.last_change(now) {
            Some((change, ago)) => json.key("last_change").object(|json| {
                json.key("presence").word(change.word());
                json.key("severity").word(change.severity().name());
                json.key("message").word(change);
                json.key("ago").rounded(ago.as_secs_f64(), 3);
            }),
            None => json.key("last_change").null(),
        }
    });
}

/// A sender, by its address; nothing for those that share a place.
pub(super) fn sender(json: &mut Json, sender: &SenderView<'_>, now: Moment) {
    json.object(|json| {
        match sender.from() {
            Some(from) => {
                json.key("address").word(address(from.ip(), scope(from)));
                json.key("from").word(from);
            }
            None => {
                json.key("address").null();
                json.key("from").null();
            }
        }
        json.key("silent").rounded(sender.silent(now).as_secs_f64(), 3);
        json.key("packets").count(sender.packets());
        json.key("octets").count(sender.octets());
        json.key("values").count(sender.values());
        per_second(json, sender.per_second(now));
        json.key("protections").protections(sender.protections());
        json.key("refused").counts(sender.refused().iter().copied());
    });
}

/// The interface that an address is of, if there may be the same on others.
pub(super) const fn scope(from: SocketAddr) -> u32 {
    match from {
        SocketAddr::V6(from) => from.scope_id(),
        SocketAddr::V4(_) => 0,
    }
}

pub(super) fn address(ip: IpAddr, scope: u32) -> String {
    if scope == 0 { ip.to_string() } else { format!("{ip}%{scope}") }
}

fn per_second(json: &mut Json, (packets, values): (f64, f64)) {
    json.key("packets_per_second").rounded(packets, 3);
    json.key("values_per_second").rounded(values, 3);
}

/// A notification with its number.
pub(super) fn news(json: &mut Json, number: u64, news: &News) {
    let item = news.item();
    let Item::Notification(notification) = item else { return };
    json.object(|json| {
        json.key("number").count(number);
        json.key("name").word(notification.identifier);
        json.identifier(&notification.identifier);
        json.key("time").time(notification.time);
        json.key("severity").word(notification.severity.name());
        json.key("message").string(notification.message);
        json.key("security").word(notification.protection.name());
        match notification.user {
            Some(user) => json.key("user").string(user),
            None => json.key("user").null(),
        }
        match news {
            News::Received(received) => match received.from() {
                Some(from) => json.key("from").word(from),
                None => json.key("from").null(),
            },
            News::Observed(_) => json.key("from").null(),
        }
        match news.observed() {
            Some(event) => json.key("presence").word(event.change.word()),
            None => json.key("presence").null(),
        }
    });
}

/// What was counted in all, by us and by the page's server, and how much there is.
pub(super) fn counts(json: &mut Json, summary: &Summary) {
    let Totals { counts, losses, filtered, skipped } = &summary.totals;
    let Losses { kernel, queue, errors, sources, own, duplicate_packets, duplicate_items, forgotten_seals, .. } =
        *losses;
    json.object(|json| {
        json.key("packets").count(counts.packets);
        json.key("octets").count(counts.octets);
        json.key("value_lists").count(counts.value_lists);
        json.key("values").count(counts.values);
        json.key("notifications").count(counts.notifications);
        json.key("hosts").count(summary.sizes.hosts as u64);
        json.key("series").count(summary.sizes.series as u64);
        json.key("series_values").count(summary.sizes.values as u64);
        json.key("charted_values").count(summary.sizes.charted as u64);
        json.key("refused").counts(counts.refused.iter().copied());
        json.key("lost").counts([("kernel", kernel), ("queue", queue), ("receive_errors", errors)]);
        json.key("left_out").counts([
            ("sources", sources),
            ("own", own),
            ("duplicate_packets", duplicate_packets),
            ("duplicate_items", duplicate_items),
            ("forgotten_seals", forgotten_seals),
            ("skipped", *skipped),
            ("filtered", *filtered),
            ("old", counts.old),
            ("refused_hosts", counts.refused_hosts),
            ("refused_series", counts.refused_series),
            ("refused_names", counts.refused_names),
            ("untold", counts.untold),
        ]);
        json.key("forgotten").counts([("hosts", counts.forgotten_hosts), ("series", counts.forgotten_series)]);
        let web = summary.web;
        json.key("web").counts([
            ("connections", web.connections),
            ("streams", web.streams),
            ("slow", web.slow),
            ("displaced", web.displaced),
            ("refused_connections", web.refused_connections),
            ("refused_streams", web.refused_streams),
            ("refused_requests", web.refused_requests),
        ]);
    });
}
