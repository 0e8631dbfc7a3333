//! Text of fixed capacity, and how octets get into it quickly.

use crate::octets::fill;
use crate::{Full, Text};

/// Whether the machine moves octets of any alignment eight and sixteen at a time. Where it does not, the short copies below
/// would be many instructions in many places, and calling `memcpy` is the better way.
const WIDE: bool = cfg!(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64"));

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
        let copied = match self.octets.first_chunk_mut() {
            Some(place) if WIDE && octets.len() <= 32 => copy_short(octets, place),
            _ => copy_long(octets, &mut self.octets),
        };
        copied.ok_or(Full { what })?;
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

/// Copies at most 32 octets, as most names have, without a loop and without a call.
#[inline(always)]
fn copy_short(octets: &[u8], place: &mut [u8; 32]) -> Option<()> {
    let place = place.get_mut(..octets.len())?;
    if octets.len() >= 8 {
        if octets.len() >= 16 { copy_ends::<16>(octets, place) } else { copy_ends::<8>(octets, place) }
    } else if octets.len() >= 4 {
        copy_ends::<4>(octets, place)
    } else if octets.len() >= 2 {
        copy_ends::<2>(octets, place)
    } else {
        if let ([place], [octet]) = (place, octets) {
            *place = *octet;
        }
        Some(())
    }
}

/// Copies `W` to `2 W` octets as their first `W` and their last `W`, which may overlap.
#[inline(always)]
fn copy_ends<const W: usize>(octets: &[u8], place: &mut [u8]) -> Option<()> {
    *place.first_chunk_mut::<W>()? = *octets.first_chunk()?;
    *place.last_chunk_mut::<W>()? = *octets.last_chunk()?;
    Some(())
}

#[inline(never)]
fn copy_long(octets: &[u8], place: &mut [u8]) -> Option<()> {
    fill(place.get_mut(..octets.len())?, octets);
    Some(())
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
