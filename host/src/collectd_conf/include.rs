//! A file with those that it includes, as the daemon includes them: by pattern, whole folders, through a filter, eight deep.

use std::env;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Item, Note, Place, parse};

/// How deep files may include files; the daemon's limit.
const MAX_DEPTH: usize = 8;

/// How deep folders may stand in folders, should they lead back to themselves.
const MAX_FOLDERS: usize = 32;

/// Longer than any configuration, so that a wrong file is noticed before it fills the memory.
const MAX_LENGTH: u64 = 16 << 20;

/// Reads a file and what it includes. What the daemon would say and go on is noted.
///
/// # Errors
/// Where the daemon would not start: a file that cannot be read, or what cannot be understood in it.
pub(crate) fn read(path: &Path, notes: &mut Vec<Note>) -> Result<Vec<Item>, Note> {
    file(path, 0, notes)
}

fn file(path: &Path, depth: usize, notes: &mut Vec<Note>) -> Result<Vec<Item>, Note> {
    let whole = Place::whole(path);
    let unreadable = |error: std::io::Error| Note::new(whole.clone(), format!("cannot read it: {error}"));
    let mut octets = Vec::new();
    File::open(path).map_err(unreadable)?.take(MAX_LENGTH).read_to_end(&mut octets).map_err(unreadable)?;
    if octets.len() as u64 == MAX_LENGTH {
        return Err(Note::new(whole, "it is too long for a configuration"));
    }
    let mut items = Vec::new();
    let path: Arc<Path> = path.into();
    for item in parse::parse(&String::from_utf8_lossy(&octets), &path, notes)? {
        if item.is("Include") { items.extend(included(&item, depth + 1, notes)?) } else { items.push(item) }
    }
    Ok(items)
}

/// What stands in place of an `Include`.
fn included(include: &Item, depth: usize, notes: &mut Vec<Note>) -> Result<Vec<Item>, Note> {
    let note = |notes: &mut Vec<Note>, message: String| notes.push(Note::new(include.place.clone(), message));
    let Some(words) = include.only_value().and_then(super::Value::text) else {
        note(notes, "Include takes exactly one string; nothing is included".into());
        return Ok(Vec::new());
    };
    if depth >= MAX_DEPTH {
        return Err(Note::new(include.place.clone(), "files include each other more than eight deep"));
    }
    let mut filter = None;
    for option in &include.children {
        match option.only_value().and_then(super::Value::text).map(glob::Pattern::new) {
            Some(Ok(pattern)) if option.is("Filter") => filter = Some(pattern),
            _ => note(notes, format!("'{}' cannot be used in an <Include> block", option.key.escape_default())),
        }
    }
    let mut items = Vec::new();
    // The daemon lets a shell's rules expand this, which split it at blanks.
    for word in words.split_whitespace() {
        let mut paths: Vec<PathBuf> = match glob::glob(&with_home(word)) {
            Ok(paths) => paths.filter_map(Result::ok).collect(),
            Err(error) => {
                note(notes, format!("'{}' is no pattern: {error}", word.escape_default()));
                continue;
            }
        };
        if paths.is_empty() {
            note(notes, format!("nothing is found for '{}'", word.escape_default()));
        }
        paths.sort();
        for path in paths {
            items.extend(any(&path, filter.as_ref(), depth, 0, notes)?);
        }
    }
    Ok(items)
}

/// A file, if the filter lets it through, or those of a folder whose names do not begin with a dot.
fn any(
    path: &Path,
    filter: Option<&glob::Pattern>,
    depth: usize,
    folders: usize,
    notes: &mut Vec<Note>,
) -> Result<Vec<Item>, Note> {
    let whole = Place::whole(path);
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    if path.is_file() {
        let wanted = filter.is_none_or(|filter| filter.matches(&name));
        return if wanted { file(path, depth, notes) } else { Ok(Vec::new()) };
    }
    if !path.is_dir() {
        notes.push(Note::new(whole, "it is neither a file nor a folder, and is left out"));
        return Ok(Vec::new());
    }
    if folders >= MAX_FOLDERS {
        return Err(Note::new(whole, "too many folders inside each other"));
    }
    let entries = fs::read_dir(path).map_err(|error| Note::new(whole, format!("cannot list it: {error}")))?;
    let visible = |path: &PathBuf| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.'));
    let mut paths: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(visible).collect();
    paths.sort();
    let mut items = Vec::new();
    for path in paths {
        items.extend(any(&path, filter, depth, folders + 1, notes)?);
    }
    Ok(items)
}

/// A word with the user's home in place of its tilde.
fn with_home(word: &str) -> String {
    match (word.strip_prefix('~'), env::var("HOME")) {
        (Some(rest), Ok(home)) if rest.is_empty() || rest.starts_with('/') => home + rest,
        _ => word.to_owned(),
    }
}
