//! The files of a recording, one after the other.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::RecordError;
use super::frame::file_header;

/// What to record into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The file; none for standard output.
    pub path: Option<PathBuf>,
    /// Begin another file when one would have more octets.
    pub rotate_size: Option<u64>,
    /// Begin another file when one is so old.
    pub rotate_time: Option<Duration>,
    /// How many files to keep; the oldest are deleted.
    pub keep: Option<usize>,
    /// Whether to compress with gzip.
    pub gzip: bool,
    /// Whether a file that is there already may be replaced.
    pub overwrite: bool,
}

impl Settings {
    const fn rotates(&self) -> bool {
        self.rotate_size.is_some() || self.rotate_time.is_some()
    }
}

/// The file that is written, and those before.
#[derive(Debug)]
pub(super) struct Files {
    settings: Settings,
    current: Option<Current>,
    /// Files of this name, oldest first, by this run or earlier ones.
    kept: Vec<PathBuf>,
    number: u64,
    count: u64,
    octets: u64,
}

#[derive(Debug)]
struct Current {
    out: Out,
    path: Option<PathBuf>,
    /// Octets up to the last whole record.
    len: u64,
    since: Instant,
    has_records: bool,
}

#[derive(Debug)]
enum Out {
    File(File),
    Stdout,
}

impl Files {
    pub(super) fn open(settings: Settings, now: Instant) -> Result<Self, RecordError> {
        let kept =
            if settings.rotates() { settings.path.as_deref().map(earlier).unwrap_or_default() } else { Vec::new() };
        let number = kept.iter().filter_map(|path| number_of(path)).max().unwrap_or(0);
        let mut files = Self { settings, current: None, kept, number, count: 0, octets: 0 };
        files.begin(now)?;
        Ok(files)
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    pub(super) const fn octets(&self) -> u64 {
        self.octets
    }

    /// Writes records; how many of them, the first ones, are in a file.
    pub(super) fn write(&mut self, records: &[&[u8]], now: Instant) -> (usize, Result<(), RecordError>) {
        let mut written = 0;
        while written < records.len() {
            if self.is_full(records[written].len(), now) {
                self.end();
            }
            let left = &records[written..];
            let count = self.fitting(left);
            let (fitted, outcome) = self.append(&left[..count], now);
            written += fitted;
            if let Err(error) = outcome {
                return (written, Err(error));
            }
        }
        (written, Ok(()))
    }

    pub(super) fn finish(&mut self) -> Result<(), RecordError> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let outcome = match &current.out {
            Out::File(file) => file.sync_data(),
            Out::Stdout => io::stdout().flush(),
        };
        match outcome {
            // Pipes and devices keep nothing.
            Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(current.error(error)),
            _ => Ok(()),
        }
    }

    /// Whether the file is too old, or too long for another record.
    fn is_full(&self, more: usize, now: Instant) -> bool {
        let Some(current) = self.current.as_ref().filter(|current| current.has_records) else { return false };
        let more = if self.settings.gzip { 0 } else { more as u64 };
        self.settings.rotate_size.is_some_and(|size| current.len + more > size || current.len >= size)
            || self.settings.rotate_time.is_some_and(|time| now.saturating_duration_since(current.since) >= time)
    }

    /// How many records go into the file before it is full; one at the least.
    fn fitting(&self, records: &[&[u8]]) -> usize {
        let Some(size) = self.settings.rotate_size.filter(|_| !self.settings.gzip) else { return records.len() };
        let mut len = self.current.as_ref().map_or(file_header().len() as u64, |current| current.len);
        let fits = records.iter().take_while(|record| {
            len += record.len() as u64;
            len <= size
        });
        fits.count().max(1)
    }

    /// Adds records; how many of them, the first ones, are in the file.
    fn append(&mut self, records: &[&[u8]], now: Instant) -> (usize, Result<(), RecordError>) {
        if self.current.is_none()
            && let Err(error) = self.begin(now)
        {
            return (0, Err(error));
        }
        let Some(current) = &mut self.current else { return (0, Ok(())) };
        let before = current.len;
        let (fitted, outcome) =
            if self.settings.gzip { current.append_packed(records) } else { current.append_plain(records) };
        let added = current.len - before;
        current.has_records |= added > 0;
        self.octets += added;
        (fitted, outcome)
    }

    fn end(&mut self) {
        // What was written is written; that it is not on the disk yet is no reason to stop.
        let _ = self.finish();
        self.current = None;
    }

    fn begin(&mut self, now: Instant) -> Result<(), RecordError> {
        let header = packed(&file_header(), self.settings.gzip);
        let mut current = match self.settings.path.clone() {
            None => Current { out: Out::Stdout, path: None, len: 0, since: now, has_records: false },
            Some(path) => {
                let path = if self.settings.rotates() { numbered(&path, self.number + 1) } else { path };
                let failed = |error| RecordError { path: Some(path.clone()), offset: 0, error, packets: 0 };
                let file = open(&path, self.settings.overwrite || self.settings.rotates()).map_err(failed)?;
                Current { out: Out::File(file), path: Some(path), len: 0, since: now, has_records: false }
            }
        };
        if let (_, Err(error)) = current.append(&header, &[header.len()]) {
            if let (true, Some(path)) = (self.settings.rotates(), &current.path) {
                // An empty file says nothing.
                let _ = fs::remove_file(path);
            }
            return Err(error);
        }
        self.octets += header.len() as u64;
        self.number += 1;
        self.count += 1;
        if let (true, Some(path)) = (self.settings.rotates(), &current.path) {
            self.kept.push(path.clone());
            while self.settings.keep.is_some_and(|keep| self.kept.len() > keep.max(1)) {
                // Whoever has deleted it already has done the same.
                let _ = fs::remove_file(self.kept.remove(0));
            }
        }
        self.current = Some(current);
        Ok(())
    }
}

impl Current {
    /// Adds records as they are, as many as there is room for.
    fn append_plain(&mut self, records: &[&[u8]]) -> (usize, Result<(), RecordError>) {
        let ends: Vec<_> = records
            .iter()
            .scan(0, |end, record| {
                *end += record.len();
                Some(*end)
            })
            .collect();
        let before = self.len;
        let (_, outcome) = self.append(&records.concat(), &ends);
        let added = self.len - before;
        (ends.iter().take_while(|end| **end as u64 <= added).count(), outcome)
    }

    /// Adds records that are compressed together; where there is no room for all of them, as many as there is room for.
    fn append_packed(&mut self, records: &[&[u8]]) -> (usize, Result<(), RecordError>) {
        let octets = packed(&records.concat(), true);
        let (room, outcome) = self.append(&octets, &[octets.len()]);
        let Err(error) = outcome else { return (records.len(), Ok(())) };
        let first = |count: usize| packed(&records.get(..count).unwrap_or_default().concat(), true);
        let (mut fitting, mut too_many) = (0, records.len());
        while too_many - fitting > 1 && matches!(self.out, Out::File(_)) {
            let half = fitting.midpoint(too_many);
            if first(half).len() <= room { fitting = half } else { too_many = half }
        }
        if fitting > 0 {
            let octets = first(fitting);
            let (_, outcome) = self.append(&octets, &[octets.len()]);
            fitting = if outcome.is_ok() { fitting } else { 0 };
        }
        (fitting, Err(error))
    }

    /// Adds all of it, or as much as there is room for up to one of these ends; for how much of it there was room.
    fn append(&mut self, octets: &[u8], ends: &[usize]) -> (usize, Result<(), RecordError>) {
        let (written, outcome) = match &mut self.out {
            Out::File(file) => write_all(file, octets),
            Out::Stdout => {
                let mut stdout = io::stdout().lock();
                let (written, outcome) = write_all(&mut stdout, octets);
                (written, outcome.and_then(|()| stdout.flush()))
            }
        };
        let Err(error) = outcome else {
            self.len += octets.len() as u64;
            return (written, Ok(()));
        };
        if let Out::File(file) = &mut self.out {
            self.len += ends.iter().rfind(|end| **end <= written).map_or(0, |end| *end as u64);
            // As far as that is possible; otherwise the next reader finds a damaged record here.
            let _ = file.set_len(self.len).and_then(|()| file.seek(SeekFrom::Start(self.len)));
        }
        (written, Err(self.error(error)))
    }

    fn error(&self, error: io::Error) -> RecordError {
        RecordError { path: self.path.clone(), offset: self.len, error, packets: 0 }
    }
}

/// Writes it, and tells how much of it was written if not all could be.
fn write_all(out: &mut impl Write, octets: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while let Some(left) = octets.get(written..).filter(|left| !left.is_empty()) {
        match out.write(left) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

/// A new file; one with something in it is replaced only if that is allowed.
fn open(path: &Path, overwrite: bool) -> io::Result<File> {
    let is_taken = fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0);
    if is_taken && !overwrite {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is there already (--overwrite replaces it)"));
    }
    OpenOptions::new().write(true).create(true).truncate(true).open(path)
}

/// These octets, compressed on their own if they are to be: compressed streams one behind the other are one file.
fn packed(octets: &[u8], gzip: bool) -> Vec<u8> {
    #[cfg(feature = "gzip")]
    if gzip {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        let packed = encoder.write_all(octets).and_then(|()| encoder.finish());
        return packed.expect("memory takes everything");
    }
    #[cfg(not(feature = "gzip"))]
    let _ = gzip;
    octets.to_vec()
}

/// The name of a file of the recording: `name_00001_20261125T200000Z.pcap`.
fn numbered(path: &Path, number: u64) -> PathBuf {
    let (stem, extension) = split(path);
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    path.with_file_name(format!("{stem}_{number:05}_{time}{extension}"))
}

/// The name up to its first extension, and all of them.
fn split(path: &Path) -> (String, String) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match name.char_indices().skip(1).find(|(_, letter)| *letter == '.') {
        Some((dot, _)) => (name[..dot].to_owned(), name[dot..].to_owned()),
        None => (name, String::new()),
    }
}

fn number_of(path: &Path) -> Option<u64> {
    split(path).0.rsplit('_').nth(1)?.parse().ok()
}

/// The files that earlier runs made under this name, oldest first.
fn earlier(path: &Path) -> Vec<PathBuf> {
    let (stem, extension) = split(path);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_ours = |name: &str| {
        let middle = name.strip_prefix(&stem).and_then(|rest| rest.strip_prefix('_'));
        let middle = middle.and_then(|rest| rest.strip_suffix(&extension)).and_then(|middle| middle.split_once('_'));
        middle.is_some_and(|(number, time)| {
            let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
            number.len() >= 5 && digits(number) && time.len() == 16 && time.ends_with('Z') && digits(&time[..8])
        })
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_ours))
        .map(|entry| path.with_file_name(entry.file_name()))
        .collect();
    files.sort_by_key(|path| number_of(path));
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("collectd-tap-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        folder
    }

    #[test]
    fn files_are_rotated_by_size_and_the_oldest_deleted() {
        let folder = folder("size");
        fs::write(folder.join("x_y.pcap"), "of somebody else").unwrap();
        let settings = Settings {
            path: Some(folder.join("x.pcap")),
            rotate_size: Some(24 + 250),
            keep: Some(2),
            ..Settings::default()
        };
        let now = Instant::now();
        let mut files = Files::open(settings.clone(), now).unwrap();
        let record = [7; 100];
        let (written, outcome) = files.write(&[&record[..]; 7], now);
        assert!(outcome.is_ok());
        assert_eq!((written, files.count()), (7, 4));
        drop(files);
        // A later run goes on counting, and deletes what the earlier one left.
        let files = Files::open(settings, now).unwrap();
        assert_eq!(files.number, 5);
        let names = names(&folder);
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(names[0].starts_with("x_00004_") && names[1].starts_with("x_00005_") && names[2] == "x_y.pcap");
        assert_eq!(fs::metadata(folder.join(&names[0])).unwrap().len(), 124);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn files_are_rotated_by_time() {
        let folder = folder("time");
        let hour = Duration::from_secs(3600);
        let settings =
            Settings { path: Some(folder.join("x.pcap.gz")), rotate_time: Some(hour), ..Settings::default() };
        let now = Instant::now();
        let mut files = Files::open(settings, now).unwrap();
        for (after, count) in [(0, 1), (3599, 1), (3600, 2), (7199, 2), (7200, 3)] {
            assert!(files.write(&[&[7; 100][..]], now + Duration::from_secs(after)).1.is_ok());
            assert_eq!(files.count(), count);
        }
        assert!(names(&folder).iter().all(|name| name.ends_with("Z.pcap.gz")));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_is_there_is_not_replaced_unasked() {
        let folder = folder("there");
        let path = folder.join("x.pcap");
        fs::write(&path, "valuable").unwrap();
        let settings = Settings { path: Some(path.clone()), ..Settings::default() };
        let error = Files::open(settings.clone(), Instant::now()).unwrap_err();
        assert!(error.to_string().contains("--overwrite"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"valuable");
        Files::open(Settings { overwrite: true, ..settings }, Instant::now()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), file_header());
        fs::remove_dir_all(folder).unwrap();
    }
}
