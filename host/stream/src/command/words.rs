//! A line split into words, as collectd does it.

use super::Refused;

/// What C's isspace() takes for a blank.
pub(super) const fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t'..=b'\r')
}

/// The words of a line, without quotes and escapes.
#[derive(Debug, Default)]
pub(super) struct Words {
    octets: Vec<u8>,
    words: Vec<Word>,
}

/// Where a word ends in the octets, and where it began in the line.
#[derive(Clone, Copy, Debug)]
struct Word {
    end: usize,
    at: usize,
}

impl Words {
    /// Splits at blanks. In double quotes blanks are part of the word, and a backslash stands before a quote or a backslash.
    ///
    /// A quote may open within a word; where it closes, the word ends.
    pub(super) fn split(&mut self, line: &[u8]) -> Result<(), Refused> {
        self.octets.clear();
        self.words.clear();
        // Where the word that is being read began, and where quotes opened.
        let (mut word, mut quotes) = (None, None);
        let mut octets = line.iter().copied().enumerate();
        while let Some((at, octet)) = octets.next() {
            let octet = match octet {
                b'"' if quotes.is_some() => {
                    self.words.push(Word { end: self.octets.len(), at: word.take().or(quotes).unwrap_or(at) });
                    quotes = None;
                    continue;
                }
                b'"' => {
                    quotes = Some(at);
                    continue;
                }
                b'\\' if quotes.is_some() => match octets.next() {
                    Some((_, octet)) => octet,
                    None => {
                        return Err(Refused::new("Backslash at end of string.", at, "nothing follows the backslash"));
                    }
                },
                _ if is_blank(octet) && quotes.is_none() => {
                    if let Some(at) = word.take() {
                        self.words.push(Word { end: self.octets.len(), at });
                    }
                    continue;
                }
                _ => octet,
            };
            word.get_or_insert(quotes.unwrap_or(at));
            self.octets.push(octet);
        }
        if let Some(at) = quotes {
            return Err(Refused::new("Unterminated quoted string.", at, "these quotes are not closed"));
        }
        if let Some(at) = word {
            self.words.push(Word { end: self.octets.len(), at });
        }
        Ok(())
    }

    /// The words, and where each began.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], usize)> {
        let mut start = 0;
        self.words.iter().map(move |word| {
            let octets = self.octets.get(start..word.end).unwrap_or_default();
            start = word.end;
            (octets, word.at)
        })
    }
}

/// `key=value` in a word: the key, and the value with its place in the word. Of anything else, `None`.
pub(super) fn option(word: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let end = word.iter().position(|octet| !(octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b':')))?;
    let (key, rest) = word.split_at_checked(end).filter(|(key, _)| !key.is_empty())?;
    Some((key, rest.strip_prefix(b"=")?, end + 1))
}
