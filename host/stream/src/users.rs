//! The password file: collectd's `AuthFile` (`WIRE §14`).

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use collectd_net::{Key, Passwords};

/// Users and their keys, mostly from a file that is read again when it changes.
#[derive(Clone, Debug)]
pub struct Users {
    path: PathBuf,
    keys: Keys,
    /// `None` if there is no file.
    stamp: Option<Stamp>,
    /// Whether the last try to read it again failed, so that it is said only once.
    failing: bool,
}

type Keys = HashMap<Box<[u8]>, Key>;

/// What tells that a file is not the one that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// What a look at the file brought.
#[derive(Debug)]
pub enum Refresh {
    /// It is as it was, or was known to be unreadable.
    Same,
    /// It was read again; this many users are known now.
    Read(usize),
    /// It cannot be read any more; the users stay as they were.
    Failed(io::Error),
}

impl Users {
    /// Reads a password file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let (keys, stamp) = read(&path)?;
        Ok(Self { path, keys, stamp: Some(stamp), failing: false })
    }

    /// Users that are known without a file.
    #[must_use]
    pub fn known<'a>(users: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let key = |(user, password): (&str, &str)| (user.as_bytes().into(), Key::new(password.as_bytes()));
        Self { path: PathBuf::new(), keys: users.into_iter().map(key).collect(), stamp: None, failing: false }
    }

    /// Reads the file again if it has changed.
    pub fn refresh(&mut self) -> Refresh {
        let Some(before) = self.stamp else { return Refresh::Same };
        let now = fs::metadata(&self.path).map(|metadata| Stamp::of(&metadata));
        let outcome = match now {
            Ok(stamp) if stamp == before && !self.failing => return Refresh::Same,
            Ok(_) => read(&self.path),
            Err(error) => Err(error),
        };
        match outcome {
            Ok((keys, stamp)) => {
                self.keys = keys;
                self.stamp = Some(stamp);
                self.failing = false;
                Refresh::Read(self.keys.len())
            }
            Err(_) if self.failing => Refresh::Same,
            Err(error) => {
                self.failing = true;
                Refresh::Failed(error)
            }
        }
    }

    /// Where the file is; empty if there is none.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is no user.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether anybody on the machine may read the passwords.
    #[must_use]
    pub fn world_readable(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|metadata| metadata.mode() & 0o004 != 0)
    }
}

impl Passwords for Users {
    fn key(&self, user: &[u8]) -> Option<&Key> {
        self.keys.get(user)
    }
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

fn read(path: &Path) -> io::Result<(Keys, Stamp)> {
    let mut file = File::open(path)?;
    let stamp = Stamp::of(&file.metadata()?);
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let mut keys = Keys::new();
    for (user, password) in text.split(|octet| *octet == b'\n').filter_map(line) {
        keys.entry(user.into()).or_insert_with(|| Key::new(password));
    }
    text.fill(0);
    Ok((keys, stamp))
}

/// User and password of a line; `None` for a comment and for a line that has not got both.
fn line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = line.iter().rposition(|octet| *octet != b'\r').map_or(0, |last| last + 1);
    let line = without_leading_blanks(&line[..end]);
    if line.first() == Some(&b'#') {
        return None;
    }
    let colon = line.iter().position(|octet| *octet == b':')?;
    let password = without_leading_blanks(&line[colon + 1..]);
    (!password.is_empty()).then_some((&line[..colon], password))
}

fn without_leading_blanks(line: &[u8]) -> &[u8] {
    // What C's isspace() takes for a blank.
    let start = line.iter().position(|octet| !matches!(octet, b' ' | b'\t'..=b'\r'));
    &line[start.unwrap_or(line.len())..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_the_daemon_reads_them() {
        for (text, parsed) in [
            ("alice: secret", Some(("alice", "secret"))),
            ("  alice:\t secret  \r", Some(("alice", "secret  "))),
            ("alice :x", Some(("alice ", "x"))),
            ("a:b:c", Some(("a", "b:c"))),
            ("# alice: secret", None),
            ("  # alice: secret", None),
            ("alice", None),
            ("alice:  ", None),
            ("", None),
            (":x", Some(("", "x"))),
        ] {
            assert_eq!(
                line(text.as_bytes()),
                parsed.map(|(user, password)| (user.as_bytes(), password.as_bytes())),
                "{text:?}"
            );
        }
    }
}
