//! What is found, and how it is told.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use crate::sink::json;
use crate::sink::paint::{ASIDE, NAME, Paint};

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// As it should be.
    Okay,
    /// Nothing is wrong with it, but it explains things.
    Note,
    /// Some of what is sent may not be received.
    Warning,
    /// Something is not received at all.
    Failure,
}

impl Severity {
    /// A word for it: `okay`, `note`, `warning` or `failure`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Okay => "okay",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }

    const fn style(self) -> Style {
        match self {
            Self::Okay => AnsiColor::Green.on_default(),
            Self::Note => AnsiColor::Cyan.on_default(),
            Self::Warning => AnsiColor::Yellow.on_default().bold(),
            Self::Failure => AnsiColor::Red.on_default().bold(),
        }
    }
}

/// One thing that was found. Text of strangers in it is escaped already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A stable kebab-case word for what it is.
    pub word: &'static str,
    /// What it is about: an interface, a group, a sender; empty if it is about the machine.
    pub about: String,
    /// What is so, as a clause.
    pub message: String,
    /// What to do; only what is okay has none.
    pub advice: Option<String>,
    /// The numbers in it, by name.
    pub numbers: Vec<(&'static str, u64)>,
}

impl Finding {
    pub(super) fn new(
        severity: Severity,
        word: &'static str,
        about: impl Into<String>,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let advice = Some(advice.into()).filter(|advice| !advice.is_empty());
        Self { severity, word, about: about.into(), message: message.into(), advice, numbers: Vec::new() }
    }

    pub(super) fn okay(word: &'static str, about: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Okay, word, about, message, "")
    }

    /// The one to end with where nothing is wrong.
    #[must_use]
    pub fn healthy() -> Self {
        Self::okay("healthy", "", "nothing is wrong: what is sent is received")
    }

    /// With this number.
    pub(super) fn number(mut self, name: &'static str, number: u64) -> Self {
        self.numbers.push((name, number));
        self
    }

    /// Appends it as a line for people, with a second one for what to do.
    pub fn text(&self, color: bool, out: &mut String) {
        let paint = Paint(color);
        paint.with(self.severity.style(), out, |out| {
            // A `String` takes everything.
            _ = write!(out, "{:8}", self.severity.name());
        });
        if !self.about.is_empty() {
            paint.with(NAME, out, |out| out.push_str(&self.about));
            out.push_str(": ");
        }
        out.push_str(&self.message);
        paint.with(ASIDE, out, |out| _ = write!(out, " [{}]", self.word));
        out.push('\n');
        if let Some(advice) = &self.advice {
            _ = writeln!(out, "        -> {advice}");
        }
    }

    /// Appends it as a JSON object on a line. The keys and their order stay.
    pub fn json(&self, out: &mut String) {
        _ = write!(out, r#"{{"kind":"finding","severity":"{}","word":"{}""#, self.severity.name(), self.word);
        for (key, text) in
            [("about", Some(&self.about)), ("message", Some(&self.message)), ("advice", self.advice.as_ref())]
        {
            _ = write!(out, r#","{key}":"#);
            match text {
                Some(text) => json::string(text.as_str().into(), out),
                None => out.push_str("null"),
            }
        }
        out.push_str(r#","numbers":{"#);
        for (place, (name, number)) in self.numbers.iter().enumerate() {
            _ = write!(out, r#"{}"{name}":{number}"#, if place == 0 { "" } else { "," });
        }
        out.push_str("}}\n");
    }
}

/// A number and what it counts: `1 packet`, `2 packets`.
pub(super) fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_text_or_an_object() {
        let finding = Finding::new(Severity::Warning, "clock-ahead", "web01", "the clock is \"93 s\" ahead", "set it")
            .number("seconds", 93);
        let (mut text, mut json) = (String::new(), String::new());
        finding.text(false, &mut text);
        finding.json(&mut json);
        assert_eq!(text, "warning web01: the clock is \"93 s\" ahead [clock-ahead]\n        -> set it\n");
        let expected = "{\"kind\":\"finding\",\"severity\":\"warning\",\"word\":\"clock-ahead\",\"about\":\"web01\",\
            \"message\":\"the clock is \\\"93 s\\\" ahead\",\"advice\":\"set it\",\"numbers\":{\"seconds\":93}}\n";
        assert_eq!(json, expected);

        let (mut text, mut json) = (String::new(), String::new());
        let okay = Finding::okay("clock", "", "the clock is set");
        okay.text(true, &mut text);
        okay.json(&mut json);
        assert!(text.contains('\u{1b}') && !text.contains("->"), "{text:?}");
        assert!(json.contains(r#""about":"","message":"the clock is set","advice":null,"numbers":{}"#), "{json}");
    }
}
