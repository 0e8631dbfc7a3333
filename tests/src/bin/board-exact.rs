//! What an emulated board makes of recorded datagrams, in the form of `collectd-tap decode --format exact`.

use std::{
    env,
    error::Error,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use collectd_net_tests::{
    board::{self, Board, Model, QUIET},
    datagrams::datagrams,
};

const USAGE: &str = "usage: board-exact BOARD [--users FILE] [--level none|sign|encrypt] PATH...

BOARD is lm3s6965evb or mps2-an386. PATH is a capture (pcap, pcapng), a packet (*.bin) or a folder of them; of captures, the
datagrams to port 25826 are taken. Sends them to the board as Ethernet frames, one at a time, and prints a line for each. What
cannot travel in one Ethernet frame is named on standard error, and the exit status is then 1.";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let Some(model) = arguments.next().filter(|model| !model.starts_with('-')) else {
        eprintln!("{USAGE}");
        return Ok(ExitCode::from(2));
    };
    let model: Model = model.parse()?;
    let mut settings = QUIET.to_owned();
    let mut paths: Vec<PathBuf> = Vec::new();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(USAGE);
        match argument.as_str() {
            "--users" => settings += &board::users(Path::new(&value()?))?,
            "--level" => settings += &format!("security-level = {}\n", value()?),
            _ if argument.starts_with("--") => return Err(USAGE.into()),
            _ => paths.push(argument.into()),
        }
    }
    let mut board = Board::start(model, &model.firmware(&["exact"])?, &settings)?;
    let mut out = io::stdout().lock();
    let mut all = true;
    for path in paths {
        for datagram in datagrams(&path).map_err(|error| format!("{}: {error}", path.display()))? {
            let name = &datagram.name;
            let family = board::family(&datagram).inspect_err(|reason| eprintln!("{name}: left out: {reason}"));
            match family {
                Ok(family) => writeln!(out, "{}", board.exact(family, &datagram.payload, name)?)?,
                Err(_) => all = false,
            }
        }
    }
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
