//! Writes what fuzzing starts from: `fuzz-seeds FOLDER` puts every packet of the captures, of the vectors and of the bad packets
//! into a file in FOLDER/packets, and into FOLDER/open once for each way that the target `open` takes it.

use std::{
    collections::BTreeSet,
    env,
    error::Error,
    fs::{self, File},
    path::PathBuf,
};

use collectd_net_tests::data;
use collectd_tap::capture::Capture;

/// Fuzzing goes no further; longer packets have the same parts.
const MAX: usize = 2048;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args_os().nth(1).ok_or("usage: fuzz-seeds FOLDER")?);
    let mut packets = BTreeSet::new();
    for file in fs::read_dir(data("captures"))? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "pcap") {
            for datagram in Capture::new(File::open(path)?)? {
                packets.insert(datagram?.payload);
            }
        }
    }
    for file in fs::read_dir(data("bad-packets/packets"))? {
        packets.insert(fs::read(file?.path())?);
    }
    for line in fs::read_to_string(data("vectors/vectors.tsv"))?.lines() {
        let (_, hex) = line.split_once('\t').ok_or("a vector is a name and octets")?;
        let octets = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16));
        packets.insert(octets.collect::<Result<_, _>>()?);
    }
    packets.retain(|packet| packet.len() < MAX);
    let [plain, open] = ["packets", "open"].map(|name| folder.join(name));
    fs::create_dir_all(&plain)?;
    fs::create_dir_all(&open)?;
    for (number, packet) in packets.iter().enumerate() {
        fs::write(plain.join(number.to_string()), packet)?;
        let how = u8::try_from(number % 15)?;
        fs::write(open.join(number.to_string()), [&[how], &packet[..]].concat())?;
        fs::write(open.join(format!("{number}-as-it-is")), [&[how % 3], &packet[..]].concat())?;
    }
    println!("{} packets", packets.len());
    Ok(())
}
