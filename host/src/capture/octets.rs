//! Captured octets that know how many there were on the wire.

/// Why a frame, or a datagram in fragments, yields no datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skip {
    /// It carries something else.
    NotUdp,
    /// It contradicts itself; no host would accept it.
    Malformed,
    /// The capture ends before the headers do.
    Cut,
}

/// The rest of a frame: what was captured of it, and how long it was on the wire.
///
/// This tells a frame that was cut by the capture's snap length from one that was always too short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Octets<'a> {
    captured: &'a [u8],
    promised: usize,
}

impl<'a> Octets<'a> {
    pub(super) fn new(captured: &'a [u8], promised: usize) -> Self {
        Self { captured, promised: promised.max(captured.len()) }
    }

    /// Splits a header of `N` octets off.
    pub(super) fn split_header<const N: usize>(self) -> Result<(&'a [u8; N], Self), Skip> {
        let rest = self.skip(N)?;
        let header = self.captured.first_chunk().ok_or(Skip::Cut)?;
        Ok((header, rest))
    }

    /// What follows the first `length` octets.
    pub(super) fn skip(self, length: usize) -> Result<Self, Skip> {
        let promised = self.promised.checked_sub(length).ok_or(Skip::Malformed)?;
        let captured = self.captured.get(length..).ok_or(Skip::Cut)?;
        Ok(Self { captured, promised })
    }

    /// The first `length` octets, as a header tells the length of what it heads.
    ///
    /// The header is believed even where the frame was shorter on the wire: not every tool that
    /// shortens frames keeps their original length.
    pub(super) fn first(self, length: usize) -> Self {
        Self { captured: self.captured.get(..length).unwrap_or(self.captured), promised: length }
    }

    pub(super) fn captured(self) -> &'a [u8] {
        self.captured
    }

    pub(super) fn promised(self) -> usize {
        self.promised
    }

    pub(super) fn is_cut(self) -> bool {
        self.captured.len() < self.promised
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_missing_on_the_wire_is_malformed() {
        let octets = Octets::new(&[1, 2, 3], 3);
        assert_eq!(octets.split_header::<4>(), Err(Skip::Malformed));
    }

    #[test]
    fn header_missing_in_the_capture_is_cut() {
        let octets = Octets::new(&[1, 2, 3], 60);
        assert_eq!(octets.split_header::<4>(), Err(Skip::Cut));
    }

    #[test]
    fn length_field_drops_what_follows() {
        let octets = Octets::new(&[1, 2, 3, 0, 0], 5).first(3);
        assert_eq!(octets, Octets::new(&[1, 2, 3], 3));
        assert!(!octets.is_cut());
    }

    #[test]
    fn length_field_beyond_the_capture_is_kept() {
        let octets = Octets::new(&[1, 2, 3], 3).first(9);
        assert_eq!((octets.captured().len(), octets.promised()), (3, 9));
        assert!(octets.is_cut());
    }

    #[test]
    fn original_length_below_the_captured_one_is_ignored() {
        assert_eq!(Octets::new(&[1, 2, 3], 0).promised(), 3);
    }
}
