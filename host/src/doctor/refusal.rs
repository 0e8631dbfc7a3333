//! What was refused of a packet, and what to do about it.

use collectd_net::{Cause, Error, SecurityLevel, Text};

use super::finding::{Finding, Severity, count as plural};
use super::senders::Envelope;
use crate::cli::shown;

/// A reason to refuse, as one that is the same for many packets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Refusal {
    /// The user, and the file that should know it.
    UnknownUser(Vec<u8>, String),
    WrongPassword(Vec<u8>, String),
    NoPasswords(Option<Vec<u8>>),
    BelowLevel(SecurityLevel),
    Replayed,
    /// Cut by us, after so many octets.
    CutHere(usize),
    /// It arrived with so many octets, and ends in the middle of a part.
    CutBefore(usize),
    /// Something else: the word, and a sentence.
    Damaged(&'static str, String),
}

impl Refusal {
    /// Why something of a packet was refused; the user is the one of the seal.
    pub(super) fn new(error: &Error, user: Option<&[u8]>, envelope: &Envelope<'_>) -> Self {
        let Envelope { len, taken_in, level, auth_file, .. } = *envelope;
        let user = || user.map(<[u8]>::to_vec);
        let file = || auth_file.map_or_else(|| "the auth file".into(), |path| shown(path.as_os_str()).to_string());
        match error.cause {
            Cause::UnknownUser => Self::UnknownUser(user().unwrap_or_default(), file()),
            Cause::BadSignature | Cause::BadChecksum if taken_in < len => Self::CutHere(taken_in),
            Cause::BadSignature | Cause::BadChecksum => Self::WrongPassword(user().unwrap_or_default(), file()),
            Cause::NoKeys => Self::NoPasswords(user()),
            Cause::BelowLevel => Self::BelowLevel(level),
            Cause::Replayed => Self::Replayed,
            Cause::Truncated { .. } | Cause::Stray { .. } if taken_in < len => Self::CutHere(taken_in),
            Cause::Truncated { .. } => Self::CutBefore(len),
            cause => Self::Damaged(cause.word(), cause.to_string()),
        }
    }

    /// What there is to say about it. It is worse if `nothing` of the sender came through.
    pub(super) fn finding(&self, about: &str, count: u64, nothing: bool) -> Finding {
        let (word, message, advice) = match self {
            Self::UnknownUser(user, file) => (
                "unknown-user",
                format!("user '{}' is not in the auth file", Text::new(user)),
                format!("add a line '{}: PASSWORD' to {file}", Text::new(user)),
            ),
            Self::WrongPassword(user, file) => (
                "wrong-password",
                format!("wrong password for user '{}', or packets that were changed on their way", Text::new(user)),
                format!("write the password that the sender has to {file}"),
            ),
            Self::NoPasswords(user) => (
                "no-passwords",
                format!(
                    "encrypted by user '{}', and there is no auth file to decrypt it with",
                    Text::new(user.as_deref().unwrap_or_default())
                ),
                "name a file of users and passwords with --auth-file".into(),
            ),
            Self::BelowLevel(level) => {
                let (is, level) = match level {
                    SecurityLevel::Encrypt => ("not encrypted", "encrypt"),
                    SecurityLevel::Sign | SecurityLevel::None => ("unsigned", "sign"),
                };
                let advice = format!("set 'SecurityLevel' of the sender to {level}, or accept less with --security-level");
                ("below-level", format!("{is} although the level is {level}"), advice)
            }
            Self::Replayed => (
                "replayed",
                "sealed packets that were opened before: a replay, or another copy of the same".into(),
                "without --replay-window copies are accepted; see which machine sends them again".into(),
            ),
            Self::CutHere(octets) => (
                "cut",
                format!("cut at {octets} octets: raise MaxPacketSize"),
                "take in more with --max-packet-size (in a collectd: MaxPacketSize, not smaller than the sender's)".into(),
            ),
            Self::CutBefore(octets) => (
                "cut",
                format!("cut at {octets} octets before they came here: raise MaxPacketSize of what is between"),
                "a relay or a proxy reads packets into a buffer that is too small; raise it (in a collectd: MaxPacketSize)".into(),
            ),
            Self::Damaged(_, sentence) => (
                "damaged",
                format!("damaged packets: {}", Text::from(sentence.as_str())),
                "this is no packet of a collectd's, or it was changed on its way; look at it with 'collectd-tap listen -o raw'".into(),
            ),
        };
        let severity = if nothing { Severity::Failure } else { Severity::Warning };
        let message = format!("{message} ({})", plural(count, "time"));
        Finding::new(severity, word, about, message, advice).number("count", count)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use collectd_net::Arrival;

    use super::*;

    fn told(
        cause: Cause,
        user: Option<&[u8]>,
        level: SecurityLevel,
        taken_in: usize,
        len: usize,
    ) -> (&'static str, String) {
        let arrival = Arrival { len, from: None };
        let envelope = Envelope::new(&arrival, &vec![0; taken_in], level, Some(Path::new("/etc/a\nuth")));
        let finding = Refusal::new(&Error { offset: 0, cause }, user, &envelope).finding("10.0.0.1", 2, true);
        assert!(!finding.advice.as_ref().is_some_and(|advice| advice.contains('\n')), "{finding:?}");
        assert!(finding.advice.is_some() && finding.severity == Severity::Failure);
        (finding.word, finding.message)
    }

    #[test]
    fn causes_are_told_in_the_words_of_their_remedies() {
        let (none, sign, encrypt) = (SecurityLevel::None, SecurityLevel::Sign, SecurityLevel::Encrypt);
        let truncated = Cause::Truncated { needed: 9, left: 5 };
        for (cause, level, taken_in, len, word, said) in [
            (Cause::UnknownUser, none, 9, 9, "unknown-user", "user 'w\\x1b' is not in the auth file (2 times)"),
            (Cause::BadSignature, none, 9, 9, "wrong-password", "wrong password for user 'w\\x1b'"),
            (Cause::BadChecksum, none, 9, 9, "wrong-password", "wrong password for user 'w\\x1b'"),
            (Cause::BadSignature, none, 1452, 2000, "cut", "cut at 1452 octets: raise MaxPacketSize"),
            (Cause::NoKeys, none, 9, 9, "no-passwords", "encrypted by user 'w\\x1b'"),
            (Cause::BelowLevel, sign, 9, 9, "below-level", "unsigned although the level is sign"),
            (Cause::BelowLevel, encrypt, 9, 9, "below-level", "not encrypted although the level is encrypt"),
            (Cause::Replayed, none, 9, 9, "replayed", "opened before"),
            (truncated, none, 1452, 2000, "cut", "cut at 1452 octets: raise MaxPacketSize"),
            (truncated, none, 1452, 1452, "cut", "cut at 1452 octets before they came here"),
            (Cause::StringEmpty, none, 9, 9, "damaged", "string part without a body"),
        ] {
            let (told, message) = told(cause, Some(b"w\x1b"), level, taken_in, len);
            assert!(told == word && message.contains(said), "{told} {message}");
        }
    }

    #[test]
    fn it_is_a_warning_if_something_else_came_through() {
        let envelope = Envelope::new(&Arrival { len: 9, from: None }, &[0; 9], SecurityLevel::None, None);
        let refusal = Refusal::new(&Error { offset: 0, cause: Cause::StringEmpty }, None, &envelope);
        let finding = refusal.finding("10.0.0.1", 1, false);
        assert_eq!((finding.severity, finding.numbers), (Severity::Warning, vec![("count", 1)]));
    }
}
