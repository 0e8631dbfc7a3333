//! Any octets as a plain packet, compared with what the second decoder makes of them.

#![no_main]

use collectd_net::{Cause, Decoder, Part, Parts, SecurityLevel};
use collectd_net_fuzz::second::compare_decoded;
use collectd_net_fuzz::{check, check_handed_out};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|packet: &[u8]| {
    let mut decoder = Decoder::new(packet);
    let results: Vec<_> = decoder.by_ref().collect();
    check(&results, packet.len(), SecurityLevel::None);
    assert!(decoder.next().is_none());
    compare_decoded(packet);
    check_handed_out(packet, (), SecurityLevel::None);

    // Parts stand one behind the other, and cover the packet up to its damage.
    let mut covered = 0;
    let mut parts = Parts::new(packet);
    for part in parts.by_ref() {
        let error = match part {
            Ok(Part { offset, type_, body }) => {
                assert_eq!(offset, covered);
                assert_eq!(packet[offset..][..2], type_.0.to_be_bytes());
                assert_eq!(&packet[offset + 4..][..body.len()], body);
                covered += 4 + body.len();
                continue;
            }
            Err(error) => error,
        };
        assert_eq!(error.offset, covered);
        assert!(matches!(
            error.cause,
            Cause::Stray { .. } | Cause::PartLength { .. } | Cause::Truncated { .. } | Cause::Padding { .. }
        ));
        covered = packet.len();
    }
    assert_eq!(covered, packet.len());
    assert!(parts.next().is_none());
});
