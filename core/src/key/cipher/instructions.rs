//! AES-256 in output feedback for processors that may have instructions for it; whether this one has is found out as it runs.

use core::mem;

use aes::{Aes256Enc, Block};
use cipher::array::Array;
use cipher::{BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipherCore};
use ofb::OfbCore;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A key, prepared; erased when dropped.
#[derive(Clone)]
pub(super) struct Feedback(Aes256Enc);

impl Feedback {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Enc::new(key.into()))
    }

    /// Encrypts or decrypts, which is the same.
    pub(super) fn apply_stream(&self, iv: [u8; 16], stream: &mut [u8]) {
        let mut core = OfbCore::inner_iv_init(&self.0, &Array(iv));
        let (blocks, tail) = Array::slice_as_chunks_mut(stream);
        core.apply_keystream_blocks(blocks);
        let mut last = Array([0; 16]);
        core.write_keystream_block(&mut last);
        add(&last, tail);
        last.zeroize();
    }

    /// As [`apply_stream`](Self::apply_stream), for each stream; up to [`LANES`] side by side, as a stream by itself is a chain
    /// in which each block waits for the one before.
    pub(super) fn apply_streams<'s>(&self, streams: impl Iterator<Item = ([u8; 16], &'s mut [u8])>) {
        let mut streams = streams.fuse();
        let mut keys = [Block::default(); LANES];
        let mut lanes: [&mut [u8]; LANES] = Default::default();
        let mut used: usize = 0;
        loop {
            for (key, lane) in keys.iter_mut().zip(&mut lanes).skip(used) {
                let Some((iv, stream)) = streams.next() else { break };
                (*key, *lane) = (Array(iv), stream);
                used = used.wrapping_add(1);
            }
            let (Some(keys), Some(lanes)) = (keys.get_mut(..used), lanes.get_mut(..used)) else { break };
            let Some(blocks) = lanes.iter().map(|lane| lane.len() / BLOCK).min() else { break };
            for _ in 0..blocks {
                self.0.encrypt_blocks(keys);
                for (key, lane) in keys.iter().zip(&mut *lanes) {
                    if let Some((block, rest)) = mem::take(lane).split_first_chunk_mut::<BLOCK>() {
                        add(key, block);
                        *lane = rest;
                    }
                }
            }
            // The shortest are at their end, and make room for others.
            for place in (0..used).rev() {
                if let (Some(key), Some(lane)) = (keys.get_mut(place), lanes.get_mut(place))
                    && lane.len() < BLOCK
                {
                    self.0.encrypt_block(key);
                    add(key, lane);
                    used = used.wrapping_sub(1);
                    keys.swap(place, used);
                    lanes.swap(place, used);
                }
            }
        }
        keys.iter_mut().for_each(|key| key.as_mut_slice().zeroize());
    }
}

fn add(key: &Block, octets: &mut [u8]) {
    for (octet, key) in octets.iter_mut().zip(key) {
        *octet ^= key;
    }
}

/// Octets of a block.
const BLOCK: usize = 16;
/// How many streams are encrypted side by side: as many blocks as the instructions for AES work on at once.
const LANES: usize = 8;

// The crate does it with its feature `zeroize`, without which this does not compile.
impl ZeroizeOnDrop for Feedback where Aes256Enc: ZeroizeOnDrop {}
