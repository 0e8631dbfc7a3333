//! What somebody may have meant.

/// How alike two words have to be, from 0 to 1, for one to be a slip of the other.
const ALIKE: f64 = 0.7;

/// The one of `known` that is most like `word`, if any is like it at all.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = plain(word);
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word, &plain(candidate)), candidate))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// A question about `word`, `did you mean 'json'?`, if there is one to ask.
pub fn question<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, known).map(|candidate| format!("did you mean '{candidate}'?"))
}

/// The same as the end of an error: `, did you mean 'json'?`, or nothing.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    question(word, known).map_or_else(String::new, |question| format!(", {question}"))
}

/// A word as it is compared: collectd's `SecurityLevel` is our `security-level`.
fn plain(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_have_a_suggestion_and_other_words_none() {
        let known = ["blog", "json", "graphite", "prometheus"];
        for (word, meant) in [("jsn", "json"), ("JSON", "json"), ("promethus", "prometheus"), ("grafite", "graphite")] {
            assert_eq!(nearest(word, known), Some(meant), "{word}");
        }
        assert_eq!(nearest("xml", known), None);
        assert_eq!(did_you_mean("jso", known), ", did you mean 'json'?");
        assert_eq!(did_you_mean("", known), "");
    }

    #[test]
    fn words_of_collectd_find_ours() {
        let known = ["security-level", "auth-file", "interface", "count"];
        for (word, meant) in [
            ("sercurity-level", Some("security-level")),
            ("SecurityLevel", Some("security-level")),
            ("authfile", Some("auth-file")),
            ("interfaces", Some("interface")),
            ("xyzzy", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }
}
