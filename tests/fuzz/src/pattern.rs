//! Patterns, matched by keeping the set of all places that the pattern may have come to.

/// Octets that one place of a pattern lets pass; `None` for a star.
type Place = Option<[bool; 256]>;

/// `None` if a `[` is not closed or nothing stands behind a backslash.
#[must_use]
pub fn parse(pattern: &[u8]) -> Option<Vec<Place>> {
    let mut octets = pattern.iter();
    let mut places = Vec::new();
    while let Some(&octet) = octets.next() {
        let mut allowed = [false; 256];
        match octet {
            b'*' => {
                places.push(None);
                continue;
            }
            b'?' => allowed = [true; 256],
            b'[' => {
                let inverted = octets.as_slice().first() == Some(&b'!');
                if inverted {
                    octets.next();
                }
                let mut members = Vec::new();
                loop {
                    match *octets.next()? {
                        b'\\' => members.push((*octets.next()?, true)),
                        b']' if !members.is_empty() => break,
                        octet => members.push((octet, false)),
                    }
                }
                let mut members = &members[..];
                while let [(first, _), behind @ ..] = members {
                    let (last, behind) = match behind {
                        [(b'-', false), (last, _), behind @ ..] => (last, behind),
                        _ => (first, behind),
                    };
                    for octet in *first..=*last {
                        allowed[usize::from(octet)] = true;
                    }
                    members = behind;
                }
                if inverted {
                    allowed = allowed.map(|allowed| !allowed);
                }
            }
            b'\\' => allowed[usize::from(*octets.next()?)] = true,
            octet => allowed[usize::from(octet)] = true,
        }
        places.push(Some(allowed));
    }
    Some(places)
}

/// Whether the whole text is as the pattern says.
#[must_use]
pub fn fits(pattern: &[Place], text: &[u8]) -> bool {
    let pass_stars = |reached: &mut Vec<bool>| {
        for place in 0..pattern.len() {
            reached[place + 1] |= reached[place] && pattern[place].is_none();
        }
    };
    let mut reached = vec![false; pattern.len() + 1];
    reached[0] = true;
    pass_stars(&mut reached);
    for octet in text {
        let mut next = vec![false; pattern.len() + 1];
        for (place, allowed) in pattern.iter().enumerate().filter(|(place, _)| reached[*place]) {
            match allowed {
                None => next[place] = true,
                Some(allowed) => next[place + 1] |= allowed[usize::from(*octet)],
            }
        }
        reached = next;
        pass_stars(&mut reached);
    }
    reached[pattern.len()]
}
