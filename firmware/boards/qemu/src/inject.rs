//! Faults on request, so that tests can see what the board makes of them.

use collectd_node::collectd_net::Item;

/// Has the fault that a notification of plugin "inject" asks for.
pub(crate) fn fault(item: &Item<'_>) {
    let Item::Notification(notification) = item else {
        return;
    };
    if notification.identifier.plugin.as_octets() != b"inject" {
        return;
    }
    match notification.message.as_octets() {
        b"panic" => panic!("as requested"),
        b"hang" => hang(),
        b"deaf" => {
            cortex_m::interrupt::disable();
            hang()
        }
        _ => {}
    }
}

fn hang() -> ! {
    loop {
        cortex_m::asm::nop();
    }
}
