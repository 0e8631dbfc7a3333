//! Places for things that come and go: each keeps its number while it is there, and growing moves nothing.

use std::array;

/// Things in one piece of memory.
const CHUNK: usize = 64;

/// Things with numbers.
#[derive(Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Box<[Place<T>; CHUNK]>>,
    /// The first of the places that are free.
    free: Option<u32>,
    len: usize,
}

#[derive(Debug)]
struct Place<T> {
    /// How many things this place has had.
    generation: u32,
    content: Content<T>,
}

#[derive(Debug)]
enum Content<T> {
    Used(T),
    /// And the next that is.
    Free(Option<u32>),
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new(), free: None, len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// How many places there are, used or not.
    pub(super) const fn places(&self) -> usize {
        self.chunks.len() * CHUNK
    }

    /// Takes a thing in and gives its number; `None` if there are no more numbers.
    pub(super) fn insert(&mut self, thing: T) -> Option<u32> {
        if self.free.is_none() {
            self.grow()?;
        }
        let number = self.free?;
        let place = self.place_mut(number)?;
        let Content::Free(next) = place.content else { return None };
        *place = Place { generation: place.generation.wrapping_add(1), content: Content::Used(thing) };
        self.free = next;
        self.len += 1;
        Some(number)
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<T> {
        let free = self.free;
        let place = self.place_mut(number)?;
        let Content::Used(_) = place.content else { return None };
        let Content::Used(thing) = std::mem::replace(&mut place.content, Content::Free(free)) else { return None };
        self.free = Some(number);
        self.len -= 1;
        Some(thing)
    }

    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&T> {
        match &self.place(number)?.content {
            Content::Used(thing) => Some(thing),
            Content::Free(_) => None,
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        match &mut self.place_mut(number)?.content {
            Content::Used(thing) => Some(thing),
            Content::Free(_) => None,
        }
    }

    /// Tells the thing that has this number now from those that had it before.
    pub(super) fn generation(&self, number: u32) -> u32 {
        self.place(number).map_or(0, |place| place.generation)
    }

    /// The things whose numbers are in this range, which need not have all of them.
    pub(super) fn range(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = (u32, &T)> {
        let numbers = range.start..range.end.min(self.places());
        numbers.filter_map(|number| {
            let number = u32::try_from(number).ok()?;
            Some((number, self.get(number)?))
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.range(0..usize::MAX)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        let places = self.chunks.iter_mut().flat_map(|chunk| chunk.iter_mut());
        (0..).zip(places).filter_map(|(number, place)| match &mut place.content {
            Content::Used(thing) => Some((number, thing)),
            Content::Free(_) => None,
        })
    }

    #[inline]
    fn place(&self, number: u32) -> Option<&Place<T>> {
        let number = number as usize;
        self.chunks.get(number / CHUNK).map(|chunk| &chunk[number % CHUNK])
    }

    #[inline]
    fn place_mut(&mut self, number: u32) -> Option<&mut Place<T>> {
        let number = number as usize;
        self.chunks.get_mut(number / CHUNK).map(|chunk| &mut chunk[number % CHUNK])
    }

    #[cold]
    fn grow(&mut self) -> Option<()> {
        let first = u32::try_from(self.places()).ok()?;
        let behind = u32::try_from(self.places() + CHUNK).ok()?;
        let next =
            |place: usize| u32::try_from(place).ok().map(|place| first + 1 + place).filter(|next| *next < behind);
        let places = array::from_fn(|place| Place { generation: 0, content: Content::Free(next(place)) });
        self.chunks.push(Box::new(places));
        self.free = Some(first);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_and_are_used_again() {
        let mut slab = Slab::new();
        let numbers: Vec<u32> = (0..200).filter_map(|thing| slab.insert(thing)).collect();
        assert_eq!(numbers, (0..200).collect::<Vec<u32>>());
        assert_eq!((slab.remove(7), slab.remove(7), slab.get(7)), (Some(7), None, None));
        assert_eq!((slab.remove(150), slab.len()), (Some(150), 198));
        let before = slab.generation(150);
        assert_eq!((slab.insert(-1), slab.insert(-2)), (Some(150), Some(7)));
        assert_ne!(slab.generation(150), before);
        assert_eq!((slab.places(), slab.insert(-3)), (256, Some(200)));
        assert_eq!(slab.get_mut(150).map(|thing| std::mem::replace(thing, 5)), Some(-1));
        assert_eq!((slab.get(150), slab.get(201), slab.get(u32::MAX)), (Some(&5), None, None));
    }

    #[test]
    fn all_are_met_in_order_and_part_by_part() {
        let mut slab = Slab::new();
        (0..100).for_each(|thing| assert!(slab.insert(thing).is_some()));
        slab.remove(3);
        slab.iter_mut().for_each(|(_, thing)| *thing *= 2);
        let all: Vec<u32> = slab.iter().map(|(number, _)| number).collect();
        assert_eq!(all, (0..100).filter(|number| *number != 3).collect::<Vec<u32>>());
        let parts: Vec<_> = [0..2, 2..5, 99..500, 500..600].map(|range| slab.range(range).count()).into();
        assert_eq!(parts, [2, 2, 1, 0]);
    }
}
