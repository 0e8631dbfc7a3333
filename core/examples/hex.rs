//! Prints what is in a packet that is given as hexadecimal digits, on the command line or on standard input.
//!
//! ```sh
//! echo 0000000668000008000c19550122000000000009000c00000002800000000002000670000004000a67617567650000\
//! 06000f0001010000000000004540 | cargo run -p collectd-net --example hex
//! ```

use std::io::Read as _;

use collectd_net::{Item, Parts, SecurityLevel, open};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut text: String = std::env::args().skip(1).collect();
    if text.is_empty() {
        std::io::stdin().read_to_string(&mut text)?;
    }
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let octet =
        |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair)?, 16).map_err(Box::<dyn std::error::Error>::from);
    let mut packet = digits.chunks(2).map(octet).collect::<Result<Vec<u8>, _>>()?;

    for part in Parts::new(&packet) {
        match part {
            Ok(part) => println!("{:5}  part {:#06x}, {} octets", part.offset, part.type_.0, part.body.len()),
            Err(error) => println!("{:5}  {}", error.offset, error.cause),
        }
    }
    for item in open(&mut packet, (), SecurityLevel::None) {
        match item {
            Ok(Item::ValueList(list)) => {
                let values: Vec<_> = list.values.iter().collect();
                println!("{} at {} s: {values:?}", list.identifier, list.time.secs());
            }
            Ok(Item::Notification(note)) => {
                println!("{} at {} s: {}: {}", note.identifier, note.time.secs(), note.severity.name(), note.message);
            }
            Err(error) => println!("refused: {error}"),
        }
    }
    Ok(())
}
