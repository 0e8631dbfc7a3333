//! `collectd-tap completions`: what the Tab key needs to know.

use std::io::{self, Write as _};

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Arguments, Exit, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// The shell to write for
    shell: Shell,
}

pub(super) fn run(arguments: &Completions) -> Result<Exit, Failure> {
    // Without the opposites of switches, which nobody looks for.
    let mut command = Arguments::command();
    let (name, mut script) = (command.get_name().to_owned(), Vec::new());
    clap_complete::generate(arguments.shell, &mut command, &name, &mut script);
    let mut script = String::from_utf8(script).expect("a script is text");
    if arguments.shell == Shell::Bash {
        // clap_complete 4.6 sets one name for a program with a dash and compares with another.
        script = script.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"));
    }
    io::stdout().lock().write_all(script.as_bytes()).map_err(Failure::Output)?;
    Ok(Exit::Done)
}
