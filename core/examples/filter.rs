//! Prints the items of a packet that match a filter.
//!
//! ```sh
//! cargo run --example filter -- 'plugin == "p" and value > 41' tests/data/collectd-5.12.0-minimal.bin
//! ```

use std::error::Error;
use std::process::ExitCode;

use collectd_net::{Filter, Item, SecurityLevel, open};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("filter: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(expression), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("usage: filter EXPRESSION FILE".into());
    };
    let filter: Filter = Filter::new(&expression)?;
    let mut packet = std::fs::read(file)?;
    for item in open(&mut packet, (), SecurityLevel::None) {
        match item {
            Ok(item) if !filter.matches(&item) => {}
            Ok(Item::ValueList(list)) => println!("{} {:?}", list.identifier, list.values.iter().collect::<Vec<_>>()),
            Ok(Item::Notification(note)) => println!("{} {}: {}", note.identifier, note.severity.name(), note.message),
            Err(error) => eprintln!("refused: {error}"),
        }
    }
    Ok(())
}
