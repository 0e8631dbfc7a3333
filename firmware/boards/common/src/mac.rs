/// A MAC address for the chip with this unique ID: locally administered, for one station, the same at every start.
pub fn mac(id: &[u8]) -> [u8; 6] {
    // FNV-1a, 64 bits: IDs of neighbours on a wafer differ in few bits.
    let hash = id
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, octet| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3));
    let [first, .., a, b, c, d, e] = hash.to_le_bytes();
    [first & 0xfc | 0x02, a, b, c, d, e]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_and_unlike_its_neighbours() {
        let one = mac(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        let other = mac(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13]);
        assert_eq!(one[0] & 0x03, 0x02);
        assert_eq!(other[0] & 0x03, 0x02);
        assert_ne!(one, other);
        assert_eq!(one, mac(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]));
    }
}
