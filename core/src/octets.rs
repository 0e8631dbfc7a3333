//! Copying and comparing octets: mostly names, which are short.

/// Whether the machine moves octets of any alignment eight and sixteen at a time. Where it does not, the short copies below
/// would be many instructions in many places, and calling `memcpy` is the better way.
pub(crate) const WIDE: bool = cfg!(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64"));

/// Octets that are copied without a call.
const SHORT: usize = 32;

/// Copies what is as long as its place; `copy_from_slice` would check that again, and leave a panic in the program.
#[inline]
pub(crate) fn fill<T: Copy>(place: &mut [T], octets: &[T]) {
    for (place, octet) in place.iter_mut().zip(octets) {
        *place = *octet;
    }
}

/// Copies `octets` to the start of `place`; `None` if they are too many. Up to 32, as most names have, are copied without a loop
/// and without a call.
#[inline(always)]
pub(crate) fn copy(octets: &[u8], place: &mut [u8]) -> Option<()> {
    let length = octets.len();
    if !WIDE {
        return copy_long(octets, place);
    }
    // The shortest are the most.
    if length < 8 {
        return match length {
            4.. => copy_ends::<4>(octets, place),
            2.. => copy_ends::<2>(octets, place),
            1 => octets.first().zip(place.first_mut()).map(|(octet, place)| *place = *octet),
            _ => Some(()),
        };
    }
    match length {
        8..16 => copy_ends::<8>(octets, place),
        16..=SHORT => copy_ends::<16>(octets, place),
        _ => copy_long(octets, place),
    }
}

/// Copies `W` to `2 W` octets as their first `W` and their last `W`, which may overlap.
#[inline(always)]
fn copy_ends<const W: usize>(octets: &[u8], place: &mut [u8]) -> Option<()> {
    let place = place.get_mut(..octets.len())?;
    *place.first_chunk_mut::<W>()? = *octets.first_chunk()?;
    *place.last_chunk_mut::<W>()? = *octets.last_chunk()?;
    Some(())
}

#[inline(never)]
fn copy_long(octets: &[u8], place: &mut [u8]) -> Option<()> {
    fill(place.get_mut(..octets.len())?, octets);
    Some(())
}

/// Whether both are the same.
#[inline(always)]
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    let length = one.len();
    if !WIDE || length > SHORT {
        return one == other;
    }
    if length != other.len() {
        return false;
    }
    // The shortest are the most.
    if length < 8 {
        return match length {
            4.. => same_ends::<4>(one, other),
            2.. => same_ends::<2>(one, other),
            _ => one.first() == other.first(),
        };
    }
    if length < 16 { same_ends::<8>(one, other) } else { same_ends::<16>(one, other) }
}

/// Compares `W` to `2 W` octets as their first `W` and their last `W`, which may overlap.
#[inline(always)]
fn same_ends<const W: usize>(one: &[u8], other: &[u8]) -> bool {
    let ends = (one.first_chunk::<W>(), one.last_chunk::<W>(), other.first_chunk::<W>(), other.last_chunk::<W>());
    matches!(ends, (Some(a), Some(b), Some(c), Some(d)) if a == c && b == d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_of_any_length_are_copied_and_no_others_are_touched() {
        let octets: Vec<u8> = (1..=70).collect();
        for room in 0..70 {
            for length in 0..=octets.len() {
                let mut place = vec![0xa5; room];
                let copied = copy(&octets[..length], &mut place);
                assert_eq!(copied, (length <= room).then_some(()));
                let length = copied.map_or(0, |()| length);
                assert_eq!((&place[..length], &place[length..]), (&octets[..length], &vec![0xa5; room - length][..]));
            }
        }
    }

    #[test]
    fn octets_are_the_same_if_every_one_is() {
        let octets: Vec<u8> = (1..=70).collect();
        for length in 0..octets.len() {
            let one = &octets[..length];
            assert!(same(one, one) && !same(one, &octets[..=length]) && !same(&octets[..=length], one));
            for place in 0..length {
                let mut other = one.to_vec();
                other[place] ^= 0x80;
                assert!(!same(one, &other), "{place} of {length}");
            }
        }
    }
}
