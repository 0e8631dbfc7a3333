//! `collectd-tap man`: the manual, from the same text as the help.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::ValueHint;
use clap_mangen::Man;
use roff::{Roff, bold, roman};

use super::{Exit, Failure, command, examples, shown};

#[derive(Debug, clap::Args)]
pub(super) struct Manual {
    /// The subcommand to write about, instead of the program
    #[arg(value_name = "SUBCOMMAND", conflicts_with = "out")]
    subcommand: Option<String>,
    /// Write a page for the program and for each subcommand into this folder, which is there
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
}

/// How the program ends.
const EXIT_STATUS: [(&str, &str); 5] = [
    ("0", "It did what it should. The end of whoever reads its output, and an interrupt, are no failures."),
    ("1", "The machine did not let it: a file, a socket or the output failed."),
    ("2", "The command line or the settings are wrong."),
    ("3", "Nothing arrived in the time given."),
    ("4", "Something was refused under --strict."),
];

/// What it looks at.
const ENVIRONMENT: [(&str, &str); 4] = [
    (
        "COLLECTD_TAP_...",
        "Settings: every long flag has a variable, COLLECTD_TAP_AUTH_FILE for --auth-file. Switches are true or false; blanks \
         separate the values of a flag that may be repeated. What is typed comes before variables, variables before the file.",
    ),
    ("COLLECTD_TAP_CONFIG", "The file with settings, instead of the usual ones."),
    ("NO_COLOR", "If it is not empty, help and errors have no colours."),
    ("SOURCE_DATE_EPOCH", "The time of the manual in seconds, instead of the present one."),
];

/// Where settings are.
const FILES: [(&str, &str); 2] = [
    ("~/.config/collectd-tap/config.toml", "Settings of a user. $XDG_CONFIG_HOME takes the place of ~/.config."),
    (
        "/etc/collectd-tap.toml",
        "Settings of the machine, for whom has none of their own. 'collectd-tap config' prints one to begin with.",
    ),
];

pub(super) fn run(arguments: &Manual) -> Result<Exit, Failure> {
    let mut command = command();
    command.build();
    let names: Vec<_> = command.get_subcommands().map(|sub| sub.get_name()).filter(|name| *name != "help").collect();
    if let Some(directory) = &arguments.out {
        for name in [None].into_iter().chain(names.into_iter().map(Some)) {
            let path = directory.join(format!("{}.1", title(&command, name)));
            let failed = |error| Failure::Runtime(format!("cannot write {}: {error}", shown(path.as_os_str())));
            fs::write(&path, page(&command, name)).map_err(failed)?;
        }
        return Ok(Exit::Done);
    }
    let name = arguments.subcommand.as_deref();
    if let Some(name) = name.filter(|name| !names.contains(name)) {
        let known = names.join(", ");
        let name = collectd_net::Text::from(name);
        return Err(Failure::Usage(format!("there is no subcommand '{name}' to write about, only {known}")));
    }
    io::stdout().lock().write_all(&page(&command, name)).map_err(Failure::Output)?;
    Ok(Exit::Done)
}

/// The name of a page: collectd-tap, or collectd-tap-listen.
fn title(command: &clap::Command, subcommand: Option<&str>) -> String {
    let program = command.get_name();
    subcommand.map_or_else(|| program.to_owned(), |name| format!("{program}-{name}"))
}

/// A page of the manual.
fn page(command: &clap::Command, subcommand: Option<&str>) -> Vec<u8> {
    let title = title(command, subcommand);
    let about = subcommand.and_then(|name| command.find_subcommand(name)).unwrap_or(command).clone();
    let version = format!("{} {}", command.get_name(), command.get_version().unwrap_or_default());
    let man = Man::new(about.display_name(&title)).title(&title).date(date()).source(version).manual("collectd-net");
    let mut page = Vec::new();
    let written = man
        .render_title(&mut page)
        .and_then(|()| man.render_name_section(&mut page))
        .and_then(|()| man.render_synopsis_section(&mut page))
        .and_then(|()| man.render_description_section(&mut page))
        .and_then(|()| man.render_options_section(&mut page));
    written.expect("a vector takes everything");
    if subcommand.is_none() {
        man.render_subcommands_section(&mut page).expect("a vector takes everything");
        list(&mut page, "EXIT STATUS", &EXIT_STATUS);
        list(&mut page, "ENVIRONMENT", &ENVIRONMENT);
        list(&mut page, "FILES", &FILES);
    }
    let examples: Vec<_> = examples::of(subcommand).iter().map(|(does, example)| (*example, *does)).collect();
    if !examples.is_empty() {
        list(&mut page, "EXAMPLES", &examples);
    }
    let mut see_also = Roff::new();
    see_also.control("SH", ["SEE ALSO"]);
    let first = subcommand.map(|_| command.get_name());
    let pages: Vec<_> = first.map(|name| format!("{name}(1)")).into_iter().collect();
    let others = ["collectd(1)".to_owned(), "collectd.conf(5)".to_owned()];
    see_also.text([roman(pages.into_iter().chain(others).collect::<Vec<_>>().join(", "))]);
    page.extend(see_also.to_roff().into_bytes());
    // A line is broken by the space before or after it anyway, and lint complains.
    let page = String::from_utf8(page).expect("what was written is text");
    page.replace(".br\n\n.br\n", ".sp\n")
        .replace("\n.br\n.sp\n", "\n.sp\n")
        .replace("\n.sp\n.br\n", "\n.sp\n")
        .into_bytes()
}

/// The day on which it is written, or the one of `SOURCE_DATE_EPOCH`, so that packages can be built again to the same octets.
fn date() -> String {
    let set = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    let time = set.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok()).unwrap_or_else(jiff::Timestamp::now);
    time.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

/// A section of words and what is to say about each.
fn list(page: &mut Vec<u8>, heading: &str, entries: &[(&str, &str)]) {
    let mut section = Roff::new();
    section.control("SH", [heading]);
    for (word, text) in entries {
        section.control("TP", []);
        section.text([bold(*word)]);
        section.text([roman(*text)]);
    }
    page.extend(section.to_roff().into_bytes());
}
