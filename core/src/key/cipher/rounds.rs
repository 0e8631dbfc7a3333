//! AES-256 in output feedback for processors without instructions for it, made of single rounds.
//!
//! The `aes` crate's own key schedule and block function check bounds that they keep, so a panic would stay in whatever is
//! linked with them. Its rounds do not. Both run in constant time; this way takes 1.7 times the instructions.

use aes::Block;
use aes::hazmat::{cipher_round, inv_mix_columns};
use cipher::array::Array;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A key, prepared; erased when dropped.
#[derive(Clone)]
pub(super) struct Feedback([Block; 15]);

/// What the key schedule makes at a time: the key of a round.
type Words = [u32; 4];

impl Feedback {
    /// The key schedule (FIPS 197, 5.2).
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let mut rounds = [Block::default(); 15];
        let (mut words, mut next) = halves(key);
        let mut constant = 0x0100_0000;
        for pair in rounds.chunks_mut(2) {
            for (round, turn) in pair.iter_mut().zip([true, false]) {
                write(words, round);
                let [.., last] = next;
                let change = if turn { substitute(last.rotate_left(8)) ^ constant } else { substitute(last) };
                (words, next) = (next, chain(words, change));
            }
            constant = constant.rotate_left(1);
        }
        Self(rounds)
    }

    /// Encrypts or decrypts, which is the same.
    pub(super) fn apply_stream(&self, iv: [u8; 16], stream: &mut [u8]) {
        let mut key = Array(iv);
        for octets in stream.chunks_mut(iv.len()) {
            self.encrypt(&mut key);
            add(&key, octets);
        }
        key.as_mut_slice().zeroize();
    }

    /// As [`apply_stream`](Self::apply_stream), for each stream: one after the other, as this way does not wait for instructions.
    pub(super) fn apply_streams<'s>(&self, streams: impl Iterator<Item = ([u8; 16], &'s mut [u8])>) {
        streams.for_each(|(iv, stream)| self.apply_stream(iv, stream));
    }

    /// One block (FIPS 197, 5.1).
    fn encrypt(&self, block: &mut Block) {
        let [first, middle @ .., last] = &self.0;
        add(first, block);
        for key in middle {
            cipher_round(block, key);
        }
        // The last round does not mix columns.
        cipher_round(block, &Block::default());
        inv_mix_columns(block);
        add(last, block);
    }
}

impl Drop for Feedback {
    fn drop(&mut self) {
        for round in &mut self.0 {
            round.as_mut_slice().zeroize();
        }
    }
}

impl ZeroizeOnDrop for Feedback {}

fn add(key: &Block, octets: &mut [u8]) {
    for (octet, key) in octets.iter_mut().zip(key) {
        *octet ^= key;
    }
}

/// A key as words.
fn halves(key: &[u8; 32]) -> (Words, Words) {
    let mut words = key.as_chunks().0.iter().map(|octets| u32::from_be_bytes(*octets));
    let mut half = || [(); 4].map(|()| words.next().unwrap_or_default());
    (half(), half())
}

fn write(words: Words, block: &mut Block) {
    for (octets, word) in block.as_chunks_mut().0.iter_mut().zip(words) {
        *octets = word.to_be_bytes();
    }
}

/// Each word changes the next.
fn chain(words: Words, mut change: u32) -> Words {
    words.map(|word| {
        change ^= word;
        change
    })
}

/// The S-box on each octet: a round without a key on four equal columns, as shifting their rows changes nothing.
fn substitute(word: u32) -> u32 {
    let mut block = Block::default();
    write([word; 4], &mut block);
    cipher_round(&mut block, &Block::default());
    inv_mix_columns(&mut block);
    let substituted = block.first_chunk().map_or(0, |octets| u32::from_be_bytes(*octets));
    block.as_mut_slice().zeroize();
    substituted
}

#[cfg(test)]
mod tests {
    use super::super::instructions;
    use super::*;

    #[test]
    fn key_schedule_is_the_one_of_the_standard() {
        // FIPS 197, A.3: the last words.
        let key = [
            0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe, 0x2b, 0x73, 0xae, 0xf0, 0x85, 0x7d, 0x77, 0x81, //
            0x1f, 0x35, 0x2c, 0x07, 0x3b, 0x61, 0x08, 0xd7, 0x2d, 0x98, 0x10, 0xa3, 0x09, 0x14, 0xdf, 0xf4,
        ];
        let cipher = Feedback::new(&key);
        let [.., last] = &cipher.0;
        assert_eq!(crate::text::Hex(last).to_string(), "fe4890d1e6188d0b046df344706c631e");
    }

    #[test]
    fn streams_of_any_length_are_those_of_the_whole_cipher() {
        let mut key = [0; 32];
        for length in 0..200 {
            key[length % 32] ^= 0x5a ^ u8::try_from(length).unwrap();
            let iv = core::array::from_fn(|place| key[place] ^ key[31 - place]);
            let [mut ours, mut theirs] = [vec![0xa5; length], vec![0xa5; length]];
            Feedback::new(&key).apply_stream(iv, &mut ours);
            instructions::Feedback::new(&key).apply_stream(iv, &mut theirs);
            assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn several_streams_are_those_that_each_is_by_itself() {
        let cipher = Feedback::new(&[0x5a; 32]);
        let mut together: Vec<_> = (0..40).map(|length| vec![0xa5; length]).collect();
        let mut alone = together.clone();
        cipher.apply_streams(together.iter_mut().zip(0..).map(|(stream, number)| ([number; 16], &mut stream[..])));
        for (stream, number) in alone.iter_mut().zip(0..) {
            cipher.apply_stream([number; 16], stream);
        }
        assert_eq!(together, alone);
    }
}
