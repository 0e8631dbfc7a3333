//! The datagrams of files and folders, named as `collectd-tap decode` names them.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use collectd_tap::capture::Capture;

use crate::{frame::Family, net::PORT};

/// A datagram that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The file's name; of a capture, with the number of the packet: `x.pcap#17`.
    pub name: String,
    /// What it travelled over, as far as the file tells.
    pub family: Family,
    /// What is recorded of it.
    pub payload: Vec<u8>,
    /// Whether there was more of it.
    pub truncated: bool,
}

/// The datagrams to collectd's port in a capture, the one that a `.bin` file is, or those of all such files of a folder.
///
/// # Errors
///
/// When something cannot be read, or is no capture.
pub fn datagrams(path: &Path) -> io::Result<Vec<Datagram>> {
    let mut found = Vec::new();
    if path.is_dir() {
        let mut files = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        files.sort();
        for file in files.iter().filter(|file| ["bin", "pcap", "pcapng"].iter().any(|kind| has_extension(file, kind))) {
            found.extend(datagrams(file)?);
        }
        return Ok(found);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if has_extension(path, "bin") {
        found.push(Datagram { name, family: Family::V4, payload: fs::read(path)?, truncated: false });
        return Ok(found);
    }
    for datagram in Capture::new(File::open(path)?).map_err(io::Error::other)? {
        let datagram = datagram.map_err(io::Error::other)?;
        if datagram.to.port() == PORT {
            found.push(Datagram {
                name: format!("{name}#{}", found.len() + 1),
                family: if datagram.from.is_ipv4() { Family::V4 } else { Family::V6 },
                payload: datagram.payload,
                truncated: datagram.truncated,
            });
        }
    }
    Ok(found)
}

fn has_extension(path: &Path, kind: &str) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(kind))
}
