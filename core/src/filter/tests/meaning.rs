//! What the operators say, by hand-written cases.

use super::{notification, value_list};
use crate::{Filter, Interval, Item, Value};

fn matches(expression: &str, item: &Item<'_>) -> bool {
    let filter: Filter = Filter::new(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    filter.matches(item)
}

#[track_caller]
fn all_hold(item: &Item<'_>, expressions: &[&str]) {
    for expression in expressions {
        assert!(matches(expression, item), "{expression}");
        assert!(!matches(&format!("not ({expression})"), item), "not ({expression})");
    }
}

#[track_caller]
fn none_holds(item: &Item<'_>, expressions: &[&str]) {
    for expression in expressions {
        assert!(!matches(expression, item), "{expression}");
        assert!(matches(&format!("not ({expression})"), item), "not ({expression})");
    }
}

#[test]
fn text_is_compared_by_its_octets() {
    let item = value_list(&[Value::Gauge(1.0)]);
    all_hold(
        &item,
        &[
            r#""foobar" in item.host and item.plugin == "swap""#,
            "plugin == 'swap'",
            "'swap' == plugin",
            "plugin == type",
            "plugin != 'swa'",
            "plugin != 'Swap'",
            "plugin < 'swaq'",
            "plugin < 'swapp'",
            "plugin <= 'swap'",
            "'swap' <= plugin",
            "'sw' < plugin",
            "plugin > 'swa'",
            "plugin >= type",
            "host > plugin",
            "'z' > plugin",
            "'' <= plugin",
            r"type_instance == 'us\xffed'",
            r"type_instance > 'us\x7f'",
            r"'s\xffe' in type_instance",
            "plugin_instance == ''",
            "user == 'joe'",
        ],
    );
    none_holds(
        &item,
        &[
            r#""foobar" in item.host and item.plugin == "cpu""#,
            "plugin == 'swa'",
            "plugin != type",
            "plugin < type",
            "plugin > type",
            "plugin < 'swap'",
            "'swap' < plugin",
            "plugin >= 'swapp'",
            "plugin_instance > ''",
            "type_instance == 'us\u{ff}ed'",
        ],
    );
}

#[test]
fn in_looks_for_the_left_in_the_right() {
    let item = value_list(&[Value::Gauge(1.0)]);
    all_hold(
        &item,
        &[
            "'wap' in plugin",
            "'' in plugin",
            "'' in plugin_instance",
            "plugin in 'a swap file'",
            "plugin in type",
            "'a' in 'cat'",
            "'x' not in plugin",
            "plugin not in 'swa'",
            "host not in plugin",
            "plugin_instance in plugin",
        ],
    );
    none_holds(&item, &["'swapp' in plugin", "plugin in 'swa'", "'b' in 'cat'", "'wap' not in plugin"]);
}

#[test]
fn in_a_list_means_equal_to_a_member() {
    let item = value_list(&[Value::Gauge(1.0), Value::Derive(5)]);
    all_hold(
        &item,
        &[
            "plugin in ('cpu', 'swap')",
            "plugin in ('swap',)",
            "plugin in ('swap')",
            "plugin not in ('wap')",
            "plugin not in ('cpu', 'load', 'df')",
            "'swap' in ('cpu', type)",
            "value in (1, 2)",
            "value in (7, 5)",
            "value not in (2, 3)",
            "interval in (10, 60) and plugin in ('swap', 'cpu') or host == ''",
            "kind in ('values', 'notification')",
            "kind not in ('notification',)",
            "severity not in ('failure', 'warning', 'okay')",
        ],
    );
    none_holds(&item, &["plugin in ('cpu', 'load')", "plugin in ('wap',)", "value in (2, 3)", "value not in (5, 2)"]);
    all_hold(&notification(), &["severity in ('failure', 'WARNING')", "'warning' in (severity)"]);
    none_holds(&notification(), &["severity in ('failure', 'okay')", "severity not in ('warning',)"]);
}

#[test]
fn patterns_match_the_whole_text() {
    let item = value_list(&[Value::Gauge(1.0)]);
    all_hold(&item, &["host ~ 'web??.*'", "host ~ '[v-x]eb*'", "'abc' ~ 'a*'", "not host ~ 'web'", r"'a*' ~ 'a\*'"]);
    none_holds(&item, &["host ~ 'eb'", "host ~ '[!w]*'", r"host ~ '\*'", "plugin_instance ~ '?*'", "message ~ '*'"]);
}

#[test]
fn words_are_compared_with_their_fields() {
    all_hold(
        &value_list(&[Value::Gauge(1.0)]),
        &["kind == 'values'", "'notification' != kind", "kind != 'notification'"],
    );
    let expressions =
        ["kind == 'notification'", "severity == 'Warning'", "'WARNING' == item.severity", "severity != 'okay'"];
    all_hold(&notification(), &expressions);
    none_holds(&notification(), &["kind == 'values'", "severity == 'failure'", "severity != 'warning'"]);
}

#[test]
fn what_a_notification_lacks_compares_with_nothing() {
    let item = notification();
    none_holds(
        &item,
        &[
            "value == 0",
            "value < 0",
            "value >= 0",
            "0 <= value",
            "value in (0, 1)",
            "value == time",
            "interval == 0",
            "interval <= 1e18",
            "interval > 0",
            "interval == interval",
            "time > interval",
            "user == ''",
            "user ~ '*'",
            "'' in user",
            "user in ('', 'joe')",
            "user in 'joe'",
            "user == user",
            "user < 'z'",
        ],
    );
    all_hold(
        &item,
        &[
            "value != 0",
            "value not in (0, 1)",
            "interval != 10",
            "user != 'joe'",
            "'' not in user",
            "user not in ('joe',)",
        ],
    );
    all_hold(
        &item,
        &["plugin == ''", "message == 'disk is \"full\"'", r#""\"full\"" in message"#, "time == 1700005001"],
    );
}

#[test]
fn what_a_value_list_lacks_compares_with_nothing() {
    let mut item = value_list(&[Value::Gauge(1.0)]);
    none_holds(&item, &["message == ''", "'' in message", "message ~ '*'", "severity == 'okay'", "message == message"]);
    all_hold(&item, &["message != ''", "severity != 'okay'", "severity not in ('okay',)", "'x' not in message"]);
    let Item::ValueList(list) = &mut item else { panic!() };
    list.interval = None;
    none_holds(&item, &["interval == 10", "interval < 10", "interval >= 10", "interval <= time"]);
    all_hold(&item, &["interval != 10", "interval not in (10,)"]);
}

#[test]
fn one_of_several_values_is_enough() {
    let item = value_list(&[Value::Gauge(f64::NAN), Value::Gauge(-1.5), Value::Counter(7)]);
    all_hold(
        &item,
        &["value < 0", "value > 0", "value == 7", "7 == value", "-1.5 == value", "value != 0", "value <= -1.5"],
    );
    none_holds(&item, &["value > 7", "value < -1.5", "value != 7", "value == 0", "8 <= value", "value == 5e-324"]);
}

#[test]
fn a_nan_compares_with_nothing() {
    let item = value_list(&[Value::Gauge(f64::NAN)]);
    none_holds(&item, &["value == 1", "value < 1", "value >= 1", "value <= 1e300", "value == time", "value in (0, 1)"]);
    all_hold(&item, &["value != 1", "value not in (0, 1)"]);
}

#[test]
fn integers_are_compared_in_all_their_bits() {
    let of = |value| value_list(&[value]);
    all_hold(
        &of(Value::Counter((1 << 53) + 1)),
        &[
            "value == 9007199254740993",
            "value > 9007199254740992.5",
            "value != 9007199254740992",
            "value < 9007199254740993.5",
        ],
    );
    all_hold(&of(Value::Gauge(9_007_199_254_740_992.0)), &["value < 9007199254740993", "value == 9007199254740992"]);
    all_hold(
        &of(Value::Derive(i64::MIN)),
        &["value == -9223372036854775808", "value < -9223372036854775807", "value < 0"],
    );
    all_hold(&of(Value::Derive(i64::MAX)), &["value == 9223372036854775807", "value < 9223372036854775808"]);
    all_hold(&of(Value::Absolute(1 << 63)), &["value == 9223372036854775808", "value > 9223372036854775807"]);
    all_hold(&of(Value::Counter(u64::MAX)), &["value == 18446744073709551615", "value < 1.8446744073709552e19"]);
    all_hold(
        &of(Value::Gauge(18_446_744_073_709_551_616.0)),
        &["value > 18446744073709551615", "value == 1.8446744073709552e19"],
    );
    all_hold(&of(Value::Derive(2)), &["value > 1.5", "value < 2.5", "value == 2.0", "value == 20e-1", "value != 2.1"]);
}

#[test]
fn what_was_printed_can_be_compared_again() {
    for number in [0.1, 1e300, 5e-324, -2.5e-7, f64::MAX, 48_082_944.0, 1.0 / 3.0, 1e22, 1e23] {
        let item = value_list(&[Value::Gauge(number)]);
        let text = format!("{number:e}");
        all_hold(&item, &[&format!("value == {text}"), &format!("value <= {text}"), &format!("value >= {text}")]);
    }
    none_holds(&value_list(&[Value::Gauge(0.1)]), &["value > 0.1", "value < 0.1", "value == 0.10000000000000002"]);
    let mut item = value_list(&[Value::Gauge(0.0)]);
    let Item::ValueList(list) = &mut item else { panic!() };
    list.interval = Some(Interval::from_raw(107_374_182));
    all_hold(&item, &["interval == 0.1", "interval > 0.0999999", "interval < 0.100000001", "value == -0.0"]);
}

#[test]
fn times_are_seconds() {
    let item = value_list(&[Value::Gauge(10.0), Value::Counter(1)]);
    all_hold(
        &item,
        &[
            "time == 1700005000.5",
            "time > 1700005000",
            "time < 1700005000.500000001",
            "time != 1700005000",
            "interval == 10",
            "interval >= 10.0",
            "1e1 == interval",
            "interval < time",
            "value == interval",
            "interval == value",
            "interval > value",
            "value < interval",
            "time > value",
            "interval > -1",
        ],
    );
    none_holds(
        &item,
        &[
            "interval < value",
            "time <= 1700005000",
            "time == interval",
            "time < value",
            "interval < 10.000000001 and time < 5",
        ],
    );
}

#[test]
fn a_filter_is_small() {
    assert!(size_of::<Filter>() <= 1600, "{}", size_of::<Filter>());
}
