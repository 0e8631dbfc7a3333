//! Runs an emulated board, and prints its log as text.

use std::{
    env,
    error::Error,
    fs,
    io::{self, Write},
    path::PathBuf,
    process::Stdio,
};

use collectd_net_tests::board::{Model, log::Log};

const USAGE: &str = "usage: board-log BOARD [--settings FILE] [-- QEMU'S OPTIONS...]

BOARD is lm3s6965evb or mps2-an386. QEMU's options say where its Ethernet leads: -netdev TYPE,id=lan,...";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let model: Model = arguments.next().ok_or(USAGE)?.parse()?;
    let directory = tempfile::tempdir()?;
    let mut settings = directory.path().join("settings");
    fs::write(&settings, "")?;
    match (arguments.next().as_deref(), &mut arguments) {
        (None | Some("--"), _) => {}
        (Some("--settings"), rest) => {
            settings = PathBuf::from(rest.next().ok_or(USAGE)?);
            if rest.next().is_some_and(|argument| argument != "--") {
                return Err(USAGE.into());
            }
        }
        _ => return Err(USAGE.into()),
    }
    let firmware = model.firmware(&[])?;
    let mut qemu = model
        .qemu(&firmware, &settings)
        .args(["-monitor", "none", "-serial", "stdio"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let serial = qemu.stdout.take().ok_or("QEMU has no output")?;
    let mut out = io::stdout().lock();
    let printed = Log::of(&firmware)?.lines(serial, |line| {
        writeln!(out, "{line}")?;
        out.flush()
    });
    _ = qemu.kill();
    qemu.wait()?;
    Ok(printed?)
}
