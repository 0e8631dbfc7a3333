//! Patterns of whole identifiers: `web01/cpu*`.

use collectd_net::{Filter, Item, Notification, Protection, Severity, Text, Time};

use super::{Comparisons, SelectionError};

/// Whether this is a pattern of identifiers: every expression has a blank, a quote, a parenthesis or an operator.
pub(super) fn is_pattern(expression: &str) -> bool {
    !expression.is_empty() && !expression.contains([' ', '\t', '\n', '\r', '"', '\'', '(', ')', '=', '<', '>', '~'])
}

/// Compiles a pattern into a filter for [`matches`].
pub(super) fn compile(pattern: &str) -> Result<Box<Comparisons>, SelectionError> {
    let literal = pattern.replace('\\', r"\\");
    Filter::new(&format!(r#"host ~ "{literal}" or host ~ "{literal}/*""#)).map(Box::new).map_err(|_| SelectionError {
        column: 1,
        message: format!(
            "expected a pattern of identifiers with every [ closed and nothing missing behind \\, found '{}'",
            Text::from(pattern)
        ),
    })
}

/// Whether the identifier of an item fits.
pub(super) fn matches(filter: &Comparisons, item: &Item<'_>) -> bool {
    filter.matches(&as_host(item, &mut Vec::with_capacity(128)))
}

/// An item with the whole identifier in the place of its host.
fn as_host<'a>(item: &Item<'_>, octets: &'a mut Vec<u8>) -> Item<'a> {
    let [host, plugin, plugin_instance, type_, type_instance] = item.identifier().fields().map(Text::as_octets);
    octets.extend_from_slice(host);
    for (name, instance) in [(plugin, plugin_instance), (type_, type_instance)] {
        octets.push(b'/');
        octets.extend_from_slice(name);
        if !instance.is_empty() {
            octets.push(b'-');
            octets.extend_from_slice(instance);
        }
    }
    let identifier = collectd_net::Identifier { host: Text::new(octets), ..Default::default() };
    Item::Notification(Notification {
        identifier,
        time: Time::from_raw(1),
        severity: Severity::Okay,
        message: "".into(),
        protection: Protection::None,
        user: None,
    })
}
