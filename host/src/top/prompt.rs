//! The line in which a filter is written, and the filter that holds while it is.

use crate::{Selection, SelectionError};

/// No filter is longer.
const MOST: usize = 1000;

/// What a key does to the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    Insert(char),
    Backspace,
    Delete,
    /// The word before the cursor.
    DeleteWord,
    /// All of it.
    Clear,
    Left,
    Right,
    Home,
    End,
    /// It is as it should be.
    Accept,
    /// It is to be as it was before.
    Cancel,
}

/// The line, and what it says.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    pub(super) is_open: bool,
    pub(super) text: String,
    /// Where the next character goes, in characters.
    pub(super) cursor: usize,
    pub(super) error: Option<SelectionError>,
    selection: Option<Selection>,
    before: String,
}

impl Prompt {
    /// Begins to write.
    pub(super) fn open(&mut self) {
        self.is_open = true;
        self.before.clone_from(&self.text);
        self.cursor = self.text.chars().count();
    }

    /// Takes a key; whether another filter holds now.
    pub(super) fn edit(&mut self, edit: Edit) -> bool {
        let count = self.text.chars().count();
        match edit {
            Edit::Insert(character) => {
                if count >= MOST || collectd_net::text::is_unsafe(character) {
                    return false;
                }
                self.text.insert(self.octet(self.cursor), character);
                self.cursor += 1;
            }
            Edit::Backspace if self.cursor > 0 => self.remove(self.cursor - 1, self.cursor),
            Edit::Delete if self.cursor < count => self.remove(self.cursor, self.cursor + 1),
            Edit::DeleteWord => {
                let before: Vec<char> = self.text.chars().take(self.cursor).collect();
                let word = before.iter().rposition(|c| !c.is_whitespace()).unwrap_or(0);
                let start = before[..word].iter().rposition(|c| c.is_whitespace()).map_or(0, |space| space + 1);
                self.remove(start, self.cursor);
            }
            Edit::Clear => self.remove(0, count),
            Edit::Left => return self.place(self.cursor.saturating_sub(1)),
            Edit::Right => return self.place(count.min(self.cursor + 1)),
            Edit::Home => return self.place(0),
            Edit::End => return self.place(count),
            Edit::Accept => {
                // What is no filter can be mended, and not accepted.
                self.is_open = self.error.is_some();
                return false;
            }
            Edit::Cancel => {
                self.is_open = false;
                self.text.clone_from(&self.before);
            }
            Edit::Backspace | Edit::Delete => return false,
        }
        self.compile()
    }

    /// The filter that holds: what the line says, or said last.
    pub(super) const fn selection(&self) -> Option<&Selection> {
        self.selection.as_ref()
    }

    fn compile(&mut self) -> bool {
        self.error = None;
        if self.text.trim().is_empty() {
            self.selection = None;
            return true;
        }
        match Selection::new(&self.text) {
            Ok(selection) => {
                self.selection = Some(selection);
                true
            }
            Err(error) => {
                self.error = Some(error);
                false
            }
        }
    }

    fn place(&mut self, cursor: usize) -> bool {
        self.cursor = cursor;
        false
    }

    fn remove(&mut self, from: usize, to: usize) {
        self.text.replace_range(self.octet(from)..self.octet(to), "");
        self.cursor = from;
    }

    fn octet(&self, character: usize) -> usize {
        self.text.char_indices().nth(character).map_or(self.text.len(), |(octet, _)| octet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(prompt: &mut Prompt, text: &str) -> usize {
        text.chars().filter(|character| prompt.edit(Edit::Insert(*character))).count()
    }

    #[test]
    fn a_filter_holds_as_soon_as_it_is_one_and_until_another_is() {
        let mut prompt = Prompt::default();
        prompt.open();
        assert_eq!(typed(&mut prompt, "web*"), 4);
        assert!(!prompt.edit(Edit::Accept) && !prompt.is_open && prompt.selection().is_some());
        prompt.open();
        assert!(prompt.edit(Edit::Clear) && prompt.selection().is_none());
        typed(&mut prompt, "host == 'a' and ");
        assert_eq!(prompt.error.as_ref().map(|error| error.column), Some(17));
        assert!(prompt.selection().is_some(), "as before");
        assert!(!prompt.edit(Edit::Accept) && prompt.is_open, "it is no filter");
        assert!(prompt.edit(Edit::DeleteWord) && prompt.error.is_none());
        assert!(prompt.edit(Edit::Cancel) && !prompt.is_open);
        assert_eq!(prompt.text, "web*");
    }

    #[test]
    fn a_line_is_edited_by_characters() {
        let mut prompt = Prompt::default();
        prompt.open();
        typed(&mut prompt, "é*b");
        for edit in
            [Edit::Left, Edit::Backspace, Edit::Home, Edit::Insert('ü'), Edit::Right, Edit::Delete, Edit::Delete]
        {
            prompt.edit(edit);
        }
        assert_eq!((prompt.text.as_str(), prompt.cursor), ("üé", 2));
        prompt.edit(Edit::Insert('\u{1b}'));
        prompt.edit(Edit::Backspace);
        prompt.edit(Edit::Left);
        prompt.edit(Edit::Left);
        prompt.edit(Edit::Backspace);
        assert_eq!((prompt.text.as_str(), prompt.cursor), ("ü", 0));
    }
}
