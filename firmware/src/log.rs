//! Log lines: `defmt`'s with the feature of that name, otherwise nothing.

use core::time::Duration;

use collectd_net::{Item, Severity};

/// A line that says what happens.
macro_rules! info {
    ($format:literal $(, $argument:expr)* $(,)?) => {{
        #[cfg(feature = "defmt")]
        defmt::info!($format $(, $argument)*);
        #[cfg(not(feature = "defmt"))]
        { $(_ = &$argument;)* }
    }};
}

/// A line that says what is wrong.
macro_rules! warning {
    ($format:literal $(, $argument:expr)* $(,)?) => {{
        #[cfg(feature = "defmt")]
        defmt::warn!($format $(, $argument)*);
        #[cfg(not(feature = "defmt"))]
        { $(_ = &$argument;)* }
    }};
}

/// Something that is logged as it is printed.
#[cfg(feature = "defmt")]
pub(crate) use defmt::Display2Format as shown;

#[cfg(not(feature = "defmt"))]
pub(crate) const fn shown<T>(what: T) -> T {
    what
}

pub(crate) use {info, warning};

/// A line for an item: what it is about, and what it says of that.
pub(crate) fn log_item(item: &Item<'_>) {
    match item {
        Item::ValueList(list) => info!("{} [{}]", list.identifier, list.values),
        Item::Notification(notification) => {
            let severity = notification.severity.name();
            match notification.severity {
                Severity::Okay => info!("{}: {=str}: {}", notification.identifier, severity, notification.message),
                _ => warning!("{}: {=str}: {}", notification.identifier, severity, notification.message),
            }
        }
    }
}

/// So many lines in a second, and a count of those that were too many.
#[derive(Debug)]
pub(crate) struct Allowance {
    rate: u16,
    left: u16,
    since: Duration,
    suppressed: u32,
}

impl Allowance {
    pub(crate) const fn new(rate: u16) -> Self {
        Self { rate, left: rate, since: Duration::ZERO, suppressed: 0 }
    }

    /// Notices the time; to be called before lines are asked for.
    pub(crate) fn refill(&mut self, now: Duration) {
        if self.rate > 0 && now.saturating_sub(self.since) >= Duration::from_secs(1) {
            self.since = now;
            self.left = self.rate;
            if self.suppressed > 0 {
                info!("{=u32} lines left out", self.suppressed);
                self.suppressed = 0;
            }
        }
    }

    /// Whether there are ever lines.
    pub(crate) const fn is_some(&self) -> bool {
        self.rate > 0
    }

    /// Whether one more line may be written.
    pub(crate) const fn take(&mut self) -> bool {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => self.suppressed = self.suppressed.saturating_add(1),
        }
        self.suppressed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_lines() {
        let mut allowance = Allowance::new(2);
        let mut taken = |millis| {
            allowance.refill(Duration::from_millis(millis));
            allowance.take()
        };
        assert_eq!([0, 10, 20, 999].map(&mut taken), [true, true, false, false]);
        assert_eq!([1000, 1001, 1002].map(&mut taken), [true, true, false]);
        assert!(!Allowance::new(0).is_some() && !Allowance::new(0).take());
    }
}
