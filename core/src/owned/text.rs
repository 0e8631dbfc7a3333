//! Text of fixed capacity.

use crate::octets::copy;
use crate::{Full, Text};

/// The octets of a [`Text`], at most `N` of them.
///
/// All `N` are always there, because only then safe code can write over them without looking at what it wrote before; those
/// behind `len` mean nothing.
#[derive(Clone)]
pub(super) struct OwnedText<const N: usize> {
    len: usize,
    octets: [u8; N],
}

impl<const N: usize> OwnedText<N> {
    pub(super) const EMPTY: Self = Self { len: 0, octets: [0; N] };

    /// Takes the octets of `text` in place of its own. After [`Full`] it is as before.
    #[inline(always)]
    pub(super) fn set(&mut self, text: Text<'_>, what: &'static str) -> Result<(), Full> {
        let octets = text.as_octets();
        copy(octets, &mut self.octets).ok_or(Full { what })?;
        self.len = octets.len();
        Ok(())
    }

    pub(super) fn as_text(&self) -> Text<'_> {
        Text::new(self.octets.get(..self.len).unwrap_or_default())
    }

    /// As [`set`](Self::set), for the user that an item may have.
    #[inline(always)]
    pub(super) fn set_user(place: &mut Option<Self>, user: Option<Text<'_>>) -> Result<(), Full> {
        match user {
            None => *place = None,
            Some(user) => place.get_or_insert(Self::EMPTY).set(user, "user")?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_every_length_is_copied_up_to_the_capacity() {
        fn check<const N: usize>() {
            let octets: Vec<u8> = (1..=u8::MAX).collect();
            let mut text = OwnedText::<N>::EMPTY;
            for len in (0..=N).chain((0..=N).rev()) {
                let octets = Text::new(&octets[..len]);
                assert_eq!(text.set(octets, "x"), Ok(()));
                assert_eq!(text.as_text(), octets);
                assert_eq!(text.set(Text::new(&[7; 255][..=N]), "x"), Err(Full { what: "x" }));
                assert_eq!(text.as_text(), octets, "as it was before");
            }
        }
        check::<0>();
        check::<1>();
        check::<7>();
        check::<31>();
        check::<32>();
        check::<33>();
        check::<128>();
    }
}
