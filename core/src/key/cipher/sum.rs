//! The check sum in encrypted parts: SHA-1 (`WIRE §10.1`).
//!
//! The `sha1` crate does the work. How it ends a message leaves a panic in programs optimised for size, so that is done here.

use sha1::block_api::compress;

use crate::security::SUM;

/// The SHA-1 of `content`.
pub(super) fn sum(content: &[u8]) -> [u8; SUM] {
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let (blocks, tail) = content.as_chunks();
    compress(&mut state, blocks);

    // The end of the message is a one, zeros, and its length in bits at the end of a block (FIPS 180-4, 5.1.1).
    let mut end = [[0; 64]; 2];
    for (octet, rest) in end.as_flattened_mut().iter_mut().zip(tail.iter().chain(&[0x80])) {
        *octet = *rest;
    }
    let bits = u64::try_from(content.len()).unwrap_or_default().wrapping_mul(8);
    let end = end.get_mut(..if tail.len() < 56 { 1 } else { 2 }).unwrap_or_default();
    if let Some(length) = end.as_flattened_mut().last_chunk_mut() {
        *length = bits.to_be_bytes();
    }
    compress(&mut state, end);

    let mut sum = [0; SUM];
    for (octets, word) in sum.as_chunks_mut().0.iter_mut().zip(state) {
        *octets = word.to_be_bytes();
    }
    sum
}

#[cfg(test)]
mod tests {
    use sha1::{Digest, Sha1};

    use super::*;

    #[test]
    fn messages_of_any_length_end_as_they_must() {
        let content: Vec<u8> = (0..=255).collect();
        for length in 0..=content.len() {
            assert_eq!(sum(&content[..length]), *Sha1::digest(&content[..length]));
        }
    }
}
