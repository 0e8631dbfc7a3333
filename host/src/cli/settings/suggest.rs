//! Which word was meant.

/// How alike two words must be, from 0 to 1, for one to be meant by the other.
const ALIKE: f64 = 0.7;

/// The name that is most like this word, if one is.
pub(super) fn closest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |name: &str| strsim::jaro(&plain(word), &plain(name));
    let likely = names.map(|name| (likeness(name), name)).filter(|(likeness, _)| *likeness > ALIKE);
    likely.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, name)| name)
}

/// A question with that name.
pub(super) fn did_you_mean(name: Option<&str>) -> Option<String> {
    name.map(|name| format!("did you mean '{name}'?"))
}

/// A word as it is compared: collectd's `SecurityLevel` is our `security-level`.
fn plain(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_words_find_theirs() {
        let names = ["security-level", "auth-file", "interface", "count"];
        for (word, meant) in [
            ("sercurity-level", Some("security-level")),
            ("SecurityLevel", Some("security-level")),
            ("authfile", Some("auth-file")),
            ("interfaces", Some("interface")),
            ("xyzzy", None),
            ("", None),
        ] {
            assert_eq!(closest(word, names.into_iter()), meant, "{word}");
        }
    }
}
