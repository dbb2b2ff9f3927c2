//! An estimate of how much of the file is free, so that the writer knows when it is worth giving it
//! back to the disk.

/// Below this many free bytes nothing is given back.
const MUCH: u64 = 8 << 20;
/// A file with more bytes in use than this is not compacted: readers would wait too long.
const MOST_IN_USE: u64 = 64 << 20;

/// The bytes of the file that may be free.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slack(u64);

impl Slack {
    /// The slack of a file of this length that was just opened. Nothing is known of it yet, so a file
    /// that is not too long is compacted once.
    pub(crate) fn unknown(length: u64) -> Self {
        Self(if length <= MOST_IN_USE { length } else { 0 })
    }

    /// Counts the bytes of rows that a group freed (or, if negative, wrote).
    pub(crate) fn add(&mut self, freed: i64) {
        self.0 = self.0.saturating_add_signed(freed);
    }

    /// Whether a file of this length should be compacted: at least a half of it is free, that is much, and
    /// what is in use is moved fast.
    pub(crate) fn is_much(self, length: u64) -> bool {
        let free = self.0.min(length);
        free >= MUCH && free >= length / 2 && length - free <= MOST_IN_USE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_worth_it_if_half_of_the_file_is_free_and_the_rest_is_moved_fast() {
        assert!(Slack(8 << 20).is_much(16 << 20));
        assert!(!Slack((8 << 20) - 1).is_much(8 << 20));
        assert!(!Slack(8 << 20).is_much(17 << 20));
        assert!(Slack(1000 << 20).is_much(1064 << 20));
        assert!(!Slack(1000 << 20).is_much(1065 << 20));
        let mut slack = Slack::default();
        slack.add(9 << 20);
        slack.add(-(2 << 20));
        assert!(!slack.is_much(7 << 20));
        slack.add(1 << 20);
        assert!(slack.is_much(9 << 20));
        slack.add(i64::MIN);
        assert_eq!(slack.0, 0);
    }
}
