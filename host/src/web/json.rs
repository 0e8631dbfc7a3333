//! What is shown as JSON: keys and their meaning are stable; `host/README.md` tells of them.
//!
//! - Names and messages are what they are, with control characters and the like escaped; octets that are not UTF-8 are `\x80`.
//! - NaN and infinities are null.
//! - Integers beyond ±2⁵³, which a float does not hold exactly, are strings of their digits, and so are exact for every reader.

use std::fmt::{Display, Write as _};

use collectd_net::{Identifier, Interval, Text, Time, Value};

use crate::fleet::Protections;
use crate::sink::json::string;
use crate::sink::number::{Number, Seconds};

/// The largest integer that a float holds with all those below it.
const EXACT: u64 = 1 << 53;

/// Objects and arrays, written one behind the other into a text.
#[derive(Debug, Default)]
pub(super) struct Json {
    text: String,
}

impl Json {
    /// What was written.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// What was written so far, in octets.
    pub(super) const fn len(&self) -> usize {
        self.text.len()
    }

    /// An object of members.
    pub(super) fn object(&mut self, members: impl FnOnce(&mut Self)) {
        self.within('{', '}', members);
    }

    /// An array of elements.
    pub(super) fn array(&mut self, elements: impl FnOnce(&mut Self)) {
        self.within('[', ']', elements);
    }

    /// The name of a member, whose value comes next.
    pub(super) fn key(&mut self, key: &str) -> &mut Self {
        self.separate();
        // A `String` takes everything.
        _ = write!(self.text, "\"{key}\":");
        self
    }

    /// Foreign text.
    pub(super) fn string(&mut self, text: Text<'_>) {
        self.separate();
        string(text, &mut self.text);
    }

    /// A word of ours.
    pub(super) fn word(&mut self, word: impl Display) {
        self.string(word.to_string().as_str().into());
    }

    pub(super) fn null(&mut self) {
        self.raw("null");
    }

    pub(super) fn bool(&mut self, is: bool) {
        self.raw(if is { "true" } else { "false" });
    }

    /// An integer of ours.
    pub(super) fn count(&mut self, count: u64) {
        self.value(Value::Counter(count));
    }

    pub(super) fn float(&mut self, number: f64) {
        self.value(Value::Gauge(number));
    }

    /// A float that needs no more than this many digits behind the point.
    pub(super) fn rounded(&mut self, number: f64, digits: i32) {
        let scale = 10_f64.powi(digits);
        self.float((number * scale).round() / scale);
    }

    /// A float of a chart, with the digits that it has.
    pub(super) fn short(&mut self, number: f32) {
        if number.is_finite() {
            self.raw(ryu::Buffer::new().format_finite(number));
        } else {
            self.null();
        }
    }

    /// A value as it was sent.
    pub(super) fn value(&mut self, value: Value) {
        let is_exact = match value {
            Value::Counter(number) | Value::Absolute(number) => number <= EXACT,
            Value::Derive(number) => number.unsigned_abs() <= EXACT,
            Value::Gauge(number) if !number.is_finite() => return self.null(),
            Value::Gauge(_) => true,
        };
        self.separate();
        if is_exact {
            Number(value).push(&mut self.text);
        } else {
            self.text.push('"');
            Number(value).push(&mut self.text);
            self.text.push('"');
        }
    }

    /// Seconds since the epoch.
    pub(super) fn time(&mut self, time: Time) {
        self.separate();
        Seconds(time.raw()).push(&mut self.text);
    }

    /// Seconds, or null.
    pub(super) fn interval(&mut self, interval: Option<Interval>) {
        match interval {
            Some(interval) => {
                self.separate();
                Seconds(interval.raw()).push(&mut self.text);
            }
            None => self.null(),
        }
    }

    /// An array of elements that were written before.
    pub(super) fn elements(&mut self, elements: Self) {
        self.array(|json| json.text.push_str(&elements.text));
    }

    fn raw(&mut self, json: &str) {
        self.separate();
        self.text.push_str(json);
    }

    fn within(&mut self, open: char, close: char, write: impl FnOnce(&mut Self)) {
        self.separate();
        self.text.push(open);
        write(self);
        self.text.push(close);
    }

    /// A comma, if something stands before what comes.
    fn separate(&mut self) {
        if !matches!(self.text.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.text.push(',');
        }
    }

    /// How often each of these was.
    pub(super) fn counts<'k>(&mut self, counts: impl IntoIterator<Item = (&'k str, u64)>) {
        self.object(|json| counts.into_iter().for_each(|(word, count)| json.key(word).count(count)));
    }

    pub(super) fn protections(&mut self, protections: Protections) {
        let Protections { none, unverified, signed, encrypted, .. } = protections;
        self.counts([("none", none), ("unverified", unverified), ("signed", signed), ("encrypted", encrypted)]);
    }

    /// The five names.
    pub(super) fn identifier(&mut self, identifier: &Identifier<'_>) {
        let keys = ["host", "plugin", "plugin_instance", "type", "type_instance"];
        for (key, field) in keys.into_iter().zip(identifier.fields()) {
            self.key(key).string(field);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_stand_between_what_is_written() {
        let mut json = Json::default();
        json.object(|json| {
            json.key("a").array(|json| {
                json.count(1);
                json.null();
                json.object(|_| ());
            });
            json.key("b").word("x\"\n");
            json.key("c").bool(true);
            let mut elements = Json::default();
            elements.count(1);
            elements.count(2);
            json.key("d").elements(elements);
            json.key("e").rounded(0.12345, 3);
        });
        assert_eq!(json.into_text(), r#"{"a":[1,null,{}],"b":"x\"\u000a","c":true,"d":[1,2],"e":0.123}"#);
    }

    #[test]
    fn a_string_that_ends_as_an_array_begins_is_followed_by_a_comma() {
        let mut json = Json::default();
        json.array(|json| ["[", "{", ":"].into_iter().for_each(|text| json.word(text)));
        assert_eq!(json.into_text(), r#"["[","{",":"]"#);
    }

    #[test]
    fn integers_that_no_float_holds_are_strings() {
        for (value, text) in [
            (Value::Counter(1 << 53), "9007199254740992"),
            (Value::Counter((1 << 53) + 1), "\"9007199254740993\""),
            (Value::Absolute(u64::MAX), "\"18446744073709551615\""),
            (Value::Derive(-(1 << 53)), "-9007199254740992"),
            (Value::Derive(i64::MIN), "\"-9223372036854775808\""),
            (Value::Gauge(1e300), "1e+300"),
            (Value::Gauge(f64::NAN), "null"),
            (Value::Gauge(f64::NEG_INFINITY), "null"),
        ] {
            let mut json = Json::default();
            json.value(value);
            assert_eq!(json.into_text(), text);
        }
    }
}
