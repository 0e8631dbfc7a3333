//! Writes what fuzzing starts from: `fuzz-seeds FOLDER` puts every packet of the captures, of the vectors and of the bad packets
//! into a file in FOLDER/packets, and into FOLDER/open once for each way that the target `open` takes it. FOLDER/filter gets the
//! expressions of core's documentation and tests.

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
    let filter = folder.join("filter");
    fs::create_dir_all(&filter)?;
    let expressions = expressions()?;
    for (number, expression) in expressions.iter().enumerate() {
        fs::write(filter.join(number.to_string()), expression)?;
    }
    println!("{} packets, {} expressions", packets.len(), expressions.len());
    Ok(())
}

/// What stands in quotes in core's filter and its tests: expressions mostly, and to begin with anything will do.
fn expressions() -> Result<BTreeSet<String>, Box<dyn Error>> {
    let core = data("../../core");
    let mut files = vec![core.join("README.md")];
    for folder in ["src/filter", "src/filter/tests"] {
        for file in fs::read_dir(core.join(folder))? {
            files.push(file?.path());
        }
    }
    let mut expressions = BTreeSet::new();
    for file in files.iter().filter(|file| file.is_file()) {
        for line in fs::read_to_string(file)?.lines() {
            let Some((_, quoted)) = line.split_once('"') else { continue };
            // Behind the expression there may be what is expected of it.
            let quoted = quoted.split_once("\", ").or(quoted.rsplit_once('"')).map_or("", |(expression, _)| expression);
            if (1..MAX).contains(&quoted.len()) {
                expressions.insert(quoted.to_owned());
            }
        }
    }
    Ok(expressions)
}
