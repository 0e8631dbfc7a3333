//! How items are printed: flags of everything that is about their looks, not about which they are.

use std::io;
use std::path::PathBuf;

use anstream::{AutoStream, ColorChoice};
use clap::ArgMatches;
use clap::parser::ValueSource;

use super::{Failure, note, shown};
use crate::rate::Rates;
use crate::sink::{Format, Look, TimeStyle};
use crate::sources::Dictionary;
use crate::types_db::TypesDb;

#[derive(Debug, clap::Args)]
pub(super) struct Looks {
    /// Print counts as rates per second, from the second value of a series on
    #[arg(short, long)]
    rate: bool,
    /// How times are printed by the formats blog, long and csv, and by templates
    #[arg(long, value_name = "FORM")]
    time: Option<Times>,
    /// Print dates in UTC, not in the zone of this machine
    #[arg(long)]
    utc: bool,
    /// Whether blog and long have colours; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Color::Auto, hide_default_value = true)]
    color: Color,
    /// Names of data sources, besides those of this machine's collectd; may be repeated
    #[arg(long, value_name = "FILE")]
    types_db: Vec<PathBuf>,
    /// Remember no more than this many values, for rates and for the format prometheus
    #[arg(long, value_name = "N", default_value_t = Look::default().max_series)]
    max_series: usize,
}

/// Which flags were typed, by their ids. What is set for every run need not go with each format.
///
/// It stands before the flags in question, since each is taken out of what is parsed.
#[derive(Debug)]
pub(super) struct Typed(Vec<String>);

impl Typed {
    /// Whether this flag was.
    pub(super) fn has(&self, id: &str) -> bool {
        self.0.iter().any(|typed| typed == id)
    }
}

impl clap::FromArgMatches for Typed {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let typed = matches.ids().map(clap::Id::as_str);
        let typed = typed.filter(|id| matches.value_source(id) == Some(ValueSource::CommandLine));
        Ok(Self(typed.map(str::to_owned).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for Typed {
    fn augment_args(command: clap::Command) -> clap::Command {
        command
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        command
    }
}

/// How times are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Times {
    /// Seconds since the start of 1970 in UTC
    Epoch,
    /// 2009-03-22T20:20:08.000+01:00
    Rfc3339,
    /// Seconds since the first item
    Relative,
    /// Not at all
    None,
}

impl From<Times> for TimeStyle {
    fn from(times: Times) -> Self {
        match times {
            Times::Epoch => Self::Epoch,
            Times::Rfc3339 => Self::Rfc3339,
            Times::Relative => Self::Relative,
            Times::None => Self::None,
        }
    }
}

/// When there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Whether standard output is to have colours.
    pub(super) fn is_wanted(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => AutoStream::choice(&io::stdout()) != ColorChoice::Never,
        }
    }
}

impl Looks {
    /// What the sink is to know.
    pub(super) fn look(&self, typed: &Typed, format: &Format, rejects: bool, selects: bool) -> Result<Look, Failure> {
        let time = "--time is for the formats blog, long and csv, and for templates; the others have one form";
        let rate = "the formats exact, putval and raw are what was sent; --rate does not go with them";
        let refused = "the formats graphite and raw have no line for what was refused; --rejects does not go with them";
        let presence = "the formats exact and raw are packets, and --presence tells of what comes in none";
        for (flag, fits, message) in [
            ("time", format.has_time_styles(), time),
            ("rate", format.takes_rates(), rate),
            ("rejects", format.takes_rejects(), refused),
            ("presence", !format.counts_packets(), presence),
        ] {
            if !fits && typed.has(flag) {
                return Err(Failure::Usage(message.into()));
            }
        }
        let color = self.color.is_wanted();
        Ok(Look {
            rejects,
            selects,
            time: self.time.map(TimeStyle::from),
            utc: self.utc,
            color,
            max_series: self.max_series,
        })
    }

    /// What is wrong with these settings, as far as they can be read.
    #[cfg(feature = "config")]
    pub(super) fn check(&self) -> Vec<super::check::Finding> {
        use super::check::Finding;

        let mut findings = Vec::new();
        for path in &self.types_db {
            let name = shown(path.as_os_str());
            match TypesDb::default().read(path) {
                Ok(flaws) => {
                    let fatal = flaws.iter().filter(|flaw| flaw.fatal);
                    findings.extend(fatal.map(|flaw| Finding::warning("types-db", format!("{name}:{flaw}"))));
                }
                Err(error) => findings.push(Finding::error("types-db", format!("cannot read {name}: {error}"))),
            }
        }
        findings
    }

    /// How live graphs look that are shown instead.
    #[cfg(feature = "tui")]
    pub(super) const fn view(&self, ascii: bool) -> super::view::View {
        super::view::View::new(ascii, self.color, self.utc)
    }

    /// What types.db says of types.
    #[cfg(any(feature = "tui", feature = "web"))]
    pub(super) fn types(&self) -> Result<TypesDb, Failure> {
        read_types(&self.types_db)
    }

    /// How many values are remembered.
    pub(super) const fn max_series(&self) -> usize {
        self.max_series
    }

    /// A table for rates, if they are wanted.
    pub(super) fn rates(&self, format: &Format) -> Option<Rates> {
        (self.rate && format.takes_rates()).then(|| Rates::new(self.max_series))
    }

    /// What data sources are called, if anybody wants to know.
    pub(super) fn dictionary(&self, format: &Format) -> Result<Dictionary, Failure> {
        if !format.tells_names() && !self.rate && self.types_db.is_empty() {
            return Ok(Dictionary::default());
        }
        read_types(&self.types_db).map(Dictionary::new)
    }
}

/// This machine's types.db, if there is one, and then these files.
pub(super) fn read_types(files: &[PathBuf]) -> Result<TypesDb, Failure> {
    let mut types = TypesDb::default();
    // Not everybody has collectd, and its file may be unreadable: nothing is lost without it.
    let system = TypesDb::system_file();
    for path in system.iter().chain(files) {
        let name = shown(path.as_os_str());
        match types.read(path) {
            Ok(flaws) => flaws.iter().filter(|flaw| flaw.fatal).for_each(|flaw| note(format_args!("{name}:{flaw}"))),
            Err(error) if system.as_ref() == Some(path) => note(format_args!("cannot read {name}: {error}")),
            Err(error) => return Err(Failure::Usage(format!("cannot read {name}: {error}"))),
        }
    }
    Ok(types)
}
