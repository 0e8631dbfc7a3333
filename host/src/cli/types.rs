//! `collectd-tap types`: what types.db says, and what is wrong with it.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use collectd_net::Text;

use super::look::read_types;
use super::{Exit, Failure, complain, say, shown};
use crate::suggest::did_you_mean;
use crate::types_db::TypesDb;

#[derive(Debug, clap::Args)]
pub(super) struct Types {
    /// Types to look up; without any, all are printed
    #[arg(value_name = "NAME", conflicts_with = "lint")]
    names: Vec<String>,
    /// Look them up in this file, too; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "lint")]
    types_db: Vec<PathBuf>,
    /// Say what is wrong with this file; may be repeated
    #[arg(long, value_name = "FILE")]
    lint: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Types) -> Result<Exit, Failure> {
    if !arguments.lint.is_empty() {
        return lint(&arguments.lint);
    }
    let types = read_types(&arguments.types_db)?;
    if types.is_empty() {
        return Err(Failure::Runtime("there is no types.db here: name one with --types-db".into()));
    }
    let mut names: Vec<Text<'_>> = arguments.names.iter().map(|name| Text::from(&**name)).collect();
    if names.is_empty() {
        names = types.names().collect();
        names.sort();
    }
    let mut out = String::new();
    let mut missing = false;
    for name in names {
        let Some(set) = types.get(name) else {
            missing = true;
            let known: Vec<_> = types.names().filter_map(|known| known.to_str().ok()).collect();
            let meant = did_you_mean(name.to_str().unwrap_or_default(), known);
            complain(format_args!("no type '{name}' in types.db{meant}"));
            continue;
        };
        let sources: Vec<_> = set.sources.iter().map(ToString::to_string).collect();
        // A `String` takes everything.
        _ = writeln!(out, "{name}\t{}", sources.join(", "));
    }
    print(&out)?;
    Ok(if missing { Exit::Failed } else { Exit::Done })
}

/// Prints the flaws of files, one a line as compilers do.
fn lint(files: &[PathBuf]) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    for path in files {
        if !lint_file(path)? {
            exit = Exit::Usage;
        }
    }
    Ok(exit)
}

/// Whether the file is as it should be.
fn lint_file(path: &Path) -> Result<bool, Failure> {
    let name = shown(path.as_os_str());
    let mut types = TypesDb::default();
    let flaws = match types.read(path) {
        Ok(flaws) => flaws,
        Err(error) => {
            complain(format_args!("cannot read {name}: {error}"));
            return Ok(false);
        }
    };
    let mut out = String::new();
    for flaw in &flaws {
        // A `String` takes everything.
        _ = writeln!(out, "{name}:{flaw}");
    }
    print(&out)?;
    let errors = flaws.iter().filter(|flaw| flaw.fatal).count();
    say(format_args!("{name}: {} types, {errors} errors, {} warnings", types.len(), flaws.len() - errors));
    Ok(errors == 0)
}

fn print(text: &str) -> Result<(), Failure> {
    io::stdout().lock().write_all(text.as_bytes()).map_err(Failure::Output)
}
