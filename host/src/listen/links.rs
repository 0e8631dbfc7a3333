//! Interfaces whose link is lost: told once, and once more when it is back.

use super::interfaces::{Interface, Link};
use super::seats::{Change, Place};

/// The interfaces in use that have no link.
#[derive(Debug, Default)]
pub(super) struct Links {
    lost: Vec<Place>,
}

impl Links {
    /// Looks at the interfaces in use, and tells what has changed. One that is gone is told elsewhere.
    pub(super) fn follow(
        &mut self,
        interfaces: &[Interface],
        is_in_use: impl Fn(&Place) -> bool,
        tell: &mut dyn FnMut(Change),
    ) {
        let used: Vec<_> = interfaces
            .iter()
            .map(|interface| (Place::from(interface), interface.link()))
            .filter(|(place, _)| is_in_use(place))
            .collect();
        self.lost.retain(|lost| used.iter().any(|(place, _)| place == lost));
        for (place, link) in used {
            let known = self.lost.iter().position(|lost| *lost == place);
            match (link, known) {
                (Link::Up, Some(position)) => {
                    self.lost.swap_remove(position);
                    tell(Change::Up(place.name));
                }
                (Link::Down | Link::NoCarrier, None) => {
                    let name = place.name.clone();
                    tell(if link == Link::Down { Change::Down(name) } else { Change::NoCarrier(name) });
                    self.lost.push(place);
                }
                // As it was, or lost for another reason.
                (Link::Up, None) | (Link::Down | Link::NoCarrier, Some(_)) => {}
            }
        }
    }
}
