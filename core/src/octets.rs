//! Copying.

/// Copies what is as long as its place; `copy_from_slice` would check that again, and leave a panic in the program.
pub(crate) fn fill<T: Copy>(place: &mut [T], octets: &[T]) {
    for (place, octet) in place.iter_mut().zip(octets) {
        *place = *octet;
    }
}
