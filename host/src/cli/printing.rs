//! What is printed: flags of all subcommands that print items.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use collectd_net::{Item, SecurityLevel};

use super::look::{Looks, Typed};
use super::{Failure, passwords};
use crate::Selection;
use crate::listen::Profile;
use crate::sink::Format;
use crate::users::Users;

#[derive(Debug, clap::Args)]
pub(super) struct Printing {
    #[command(flatten)]
    pub(super) typed: Typed,
    #[command(flatten)]
    pub(super) opening: Opening,
    /// Print only the items that fit: 'host =~ "^web" and value > 5', or a pattern of identifiers such as 'web*/cpu-*'
    #[arg(short, long, value_name = "EXPRESSION", value_parser = filter, allow_hyphen_values = true)]
    filter: Option<Arc<Selection>>,
    /// Print only value lists, or only notifications
    #[arg(long, value_name = "KIND")]
    only: Option<Only>,
    /// How to print: blog, long, json, csv, influx, graphite, prometheus (at the end), putval, exact or raw (a line for each
    /// packet), or a template such as '{host} {plugin} {value}'
    #[arg(
        short = 'o',
        long,
        value_name = "FORMAT",
        default_value = "blog",
        hide_default_value = true,
        hide_possible_values = true
    )]
    #[arg(value_parser = Formats)]
    pub(super) format: Format,
    /// Print what was refused, too, and why; not with graphite and raw, which have no line for it
    #[arg(long)]
    pub(super) rejects: bool,
    /// Exit with 4 if anything was refused
    #[arg(long)]
    pub(super) strict: bool,
    /// End after this many items (packets, with the formats exact and raw)
    #[arg(short, long, value_name = "N")]
    pub(super) count: Option<u64>,
    #[command(flatten)]
    pub(super) looks: Looks,
}

/// How packets are opened.
#[derive(Debug, clap::Args)]
pub(super) struct Opening {
    /// Passwords to verify and decrypt with: a file of collectd's form, `user: password` on each line
    #[arg(short, long, value_name = "FILE")]
    pub(super) auth_file: Option<PathBuf>,
    /// Take only what is protected at least so: none, sign or encrypt
    #[arg(
        short,
        long,
        value_name = "LEVEL",
        default_value = "none",
        hide_default_value = true,
        hide_possible_values = true
    )]
    #[arg(ignore_case = true, value_parser = security_level())]
    pub(super) security_level: SecurityLevel,
}

/// One of the kinds of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Only {
    Values,
    Notifications,
}

impl Printing {
    /// Whether items of this kind are to be printed.
    pub(super) fn wants_kind(&self, item: &Item<'_>) -> bool {
        let kind = match item {
            Item::ValueList(_) => Only::Values,
            Item::Notification(_) => Only::Notifications,
        };
        self.only.is_none_or(|only| only == kind)
    }

    /// Whether the filter, if there is one, lets this item pass.
    pub(super) fn filter_matches(&self, item: &Item<'_>) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.matches(item))
    }

    /// The filter, if there is one.
    #[cfg(any(feature = "tui", feature = "web"))]
    pub(super) fn filter(&self) -> Option<Arc<Selection>> {
        self.filter.clone()
    }

    /// Whether this item is wanted, as it was sent.
    pub(super) fn wants(&self, item: &Item<'_>) -> bool {
        self.wants_kind(item) && self.filter_matches(item)
    }

    /// Whether what is printed depends on what was printed before, so that one thread has to print all of it.
    pub(super) fn one_by_one(&self) -> bool {
        self.count.is_some() || self.format.is_whole() || self.looks.rates(&self.format).is_some()
    }

    /// Whether values decide what is printed.
    pub(super) fn looks_at_values(&self) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.looks_at_values())
    }

    /// What is wrong with these settings, as far as they can be read.
    #[cfg(feature = "config")]
    pub(super) fn check(&self) -> Vec<super::check::Finding> {
        let mut findings = self.opening.check();
        findings.extend(self.looks.check());
        findings
    }

    /// Whether some items are not to be printed.
    pub(super) const fn selects(&self) -> bool {
        self.filter.is_some() || self.only.is_some()
    }
}

impl Opening {
    /// Reads the passwords of each profile, and tells what is accepted there. Where no file is named, these users are known.
    pub(super) fn open_all(
        &self,
        known: Option<&Users>,
        profiles: &[Profile],
    ) -> Result<Vec<(Option<Users>, SecurityLevel)>, Failure> {
        let open = |profile: &Profile| {
            let level = profile.security_level.unwrap_or(self.security_level);
            let path = profile.auth_file.as_ref().or(self.auth_file.as_ref());
            let users = match known {
                Some(known) if path.is_none() => Some(known.clone()),
                _ => passwords::open(path.map(AsRef::as_ref), level)?,
            };
            Ok((users, level))
        };
        profiles.iter().map(open).collect()
    }

    /// What is wrong with the passwords and the level that hold where nothing else is said.
    #[cfg(feature = "config")]
    pub(super) fn check(&self) -> Vec<super::check::Finding> {
        let auth_file = ("auth-file", self.auth_file.as_deref());
        passwords::check(auth_file, ("security-level", self.security_level))
    }
}

/// The security levels, in any case, as the daemon takes them.
fn security_level() -> impl TypedValueParser<Value = SecurityLevel> {
    PossibleValuesParser::new(["none", "sign", "encrypt"]).try_map(|level| level.parse::<SecurityLevel>())
}

/// Compiles a filter; an error shows the place.
pub(super) fn filter(expression: &str) -> Result<Arc<Selection>, String> {
    Selection::new(expression).map(Arc::new).map_err(|error| {
        let before: String = expression.chars().take(error.column.saturating_sub(1)).map(|_| ' ').collect();
        format!("{error}\n  {expression}\n  {before}^")
    })
}

/// Parses formats. Their names are for whoever completes them; templates are formats, too.
#[derive(Clone)]
pub(super) struct Formats;

impl TypedValueParser for Formats {
    type Value = Format;

    fn parse_ref(&self, command: &clap::Command, arg: Option<&clap::Arg>, text: &OsStr) -> Result<Format, clap::Error> {
        str::parse::<Format>.parse_ref(command, arg, text)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Format::NAMES.into_iter().map(PossibleValue::new)))
    }
}
