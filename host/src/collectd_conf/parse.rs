//! Options and blocks of `collectd.conf`.

use std::path::Path;
use std::sync::Arc;

use super::scan::{self, Placed, Token};
use super::{Item, Note, Place, Value};

/// Deeper than any configuration, so that a wrong file does not use up the stack.
const MAX_DEPTH: usize = 32;

/// Reads the items of a text. What stands for nothing in it is noted.
pub(super) fn parse(text: &str, path: &Arc<Path>, notes: &mut Vec<Note>) -> Result<Vec<Item>, Note> {
    let place = |line| Place { path: path.clone(), line: Some(line) };
    let (tokens, strays) = scan::scan(text).map_err(|(line, why)| Note::new(place(line), why))?;
    for (line, stray) in strays {
        let message = format!("'{}' outside quotes is left out, as collectd does", stray.escape_default());
        notes.push(Note::new(place(line), message));
    }
    let mut parser = Parser { tokens: tokens.into_iter().peekable(), path, depth: 0 };
    parser.items(None)
}

struct Parser<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Placed>>,
    path: &'a Arc<Path>,
    depth: usize,
}

impl Parser<'_> {
    /// The items up to the end of a block, or of the file.
    fn items(&mut self, block: Option<(usize, &str)>) -> Result<Vec<Item>, Note> {
        let mut items = Vec::new();
        while let Some((line, token)) = self.tokens.next() {
            match token {
                Token::End => {}
                Token::Word(key) => {
                    let (values, end) = self.values();
                    match end {
                        Some((_, Token::End)) if !values.is_empty() => {
                            items.push(Item { key, values, children: Vec::new(), place: self.place(line) });
                        }
                        Some((_, Token::End)) | None => {
                            return Err(self.wrong(line, format!("'{key}' has no value")));
                        }
                        Some((line, _)) => return Err(self.wrong(line, "this is no value; does it want quotes?")),
                    }
                }
                Token::Open if matches!(self.tokens.peek(), Some((_, Token::Slash))) => {
                    self.tokens.next();
                    return match (self.tokens.next(), self.tokens.next(), self.tokens.next(), block) {
                        (
                            Some((_, Token::Word(key))),
                            Some((_, Token::Close)),
                            Some((_, Token::End)),
                            Some((begin, open)),
                        ) => {
                            if key == open {
                                Ok(items)
                            } else {
                                Err(self.wrong(line, format!("</{key}> ends the <{open}> of line {begin}")))
                            }
                        }
                        (.., None) => Err(self.wrong(line, "the end of a block that has not begun")),
                        _ => Err(self.wrong(line, "the end of a block is written </Name>, alone on its line")),
                    };
                }
                Token::Open => items.push(self.block(line)?),
                Token::Slash | Token::Close | Token::Value(_) => {
                    return Err(self.wrong(line, "a line begins with the name of an option, or with a block"));
                }
            }
        }
        match block {
            Some((begin, open)) => Err(self.wrong(begin, format!("<{open}> is never closed"))),
            None => Ok(items),
        }
    }

    /// A block, whose `<` has been read.
    fn block(&mut self, line: usize) -> Result<Item, Note> {
        let Some((_, Token::Word(key))) = self.tokens.next() else {
            return Err(self.wrong(line, "a block begins with its name"));
        };
        let (values, end) = self.values();
        let closed = matches!(end, Some((_, Token::Close)));
        if !closed || !matches!(self.tokens.next(), Some((_, Token::End))) {
            return Err(self.wrong(line, format!("'>' at the end of the line of <{key} is missing")));
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.wrong(line, "too many blocks inside each other"));
        }
        let children = self.items(Some((line, &key)))?;
        self.depth -= 1;
        Ok(Item { key, values, children, place: self.place(line) })
    }

    /// Values, and the token after them.
    fn values(&mut self) -> (Vec<Value>, Option<Placed>) {
        let mut values = Vec::new();
        loop {
            match self.tokens.next() {
                Some((_, Token::Word(word))) => values.push(Value::Text(word)),
                Some((_, Token::Value(value))) => values.push(value),
                end => return (values, end),
            }
        }
    }

    fn place(&self, line: usize) -> Place {
        Place { path: self.path.clone(), line: Some(line) }
    }

    fn wrong(&self, line: usize, message: impl Into<String>) -> Note {
        Note::new(self.place(line), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<Item>, String> {
        let path: Arc<Path> = Path::new("x").into();
        parse(text, &path, &mut Vec::new()).map_err(|note| note.to_string())
    }

    #[test]
    fn options_and_blocks_nest() {
        let text = "Interval 10\n<Plugin \"network\">\n  <Listen \"::\" \"25826\">\n    Interface eth0\n  </Listen>\n  Forward on\n\
                    </Plugin>";
        let items = parsed(text).expect("it can be read");
        assert_eq!(
            (items[0].key.as_str(), items[0].values.as_slice()),
            ("Interval", &[Value::Number("10".into())][..])
        );
        let plugin = &items[1];
        assert!(plugin.is("plugin") && plugin.name() == Some("network"));
        let [listen, forward] = plugin.children.as_slice() else { panic!("{plugin:?}") };
        assert_eq!(listen.values, [Value::Text("::".into()), Value::Text("25826".into())]);
        assert_eq!(listen.children[0].only_value(), Some(&Value::Text("eth0".into())));
        assert_eq!((listen.place.line, forward.only_value()), (Some(3), Some(&Value::Boolean(true))));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, wrong) in [
            ("Interval", "x:1: 'Interval' has no value"),
            ("\n10 20", "x:2: a line begins with the name of an option, or with a block"),
            ("a b >\n", "x:1: this is no value; does it want quotes?"),
            ("<Plugin network>\n<Listen \"::\">\n</Plugin>\n", "x:3: </Plugin> ends the <Listen> of line 2"),
            ("<Plugin network>\na b\n", "x:1: <Plugin> is never closed"),
            ("</Plugin>\n", "x:1: the end of a block that has not begun"),
            ("<Plugin network\n", "x:1: '>' at the end of the line of <Plugin is missing"),
            ("<a>\n</a b>\n", "x:2: the end of a block is written </Name>, alone on its line"),
            ("<10>\n", "x:1: a block begins with its name"),
            ("a \"b\n", "x:1: the closing quote is missing"),
        ] {
            assert_eq!(parsed(text).unwrap_err(), wrong, "{text:?}");
        }
        assert!(parsed(&"<a>\n".repeat(100_000)).unwrap_err().ends_with("too many blocks inside each other"));
    }
}
