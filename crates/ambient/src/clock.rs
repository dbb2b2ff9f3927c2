//! Points in time. Only this file reads the system's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::date;
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};

/// A point in time: whole seconds since 1970-01-01T00:00:00Z, as in RFC 7519, section 2 (NumericDate).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// Seconds from UTC to Japan Standard Time, which has no daylight saving time.
const JST_OFFSET_HOURS: i8 = 9;

impl Timestamp {
    /// The time `seconds` after the epoch.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// Returns this time moved by `seconds`, which may be negative. The result stays within the
    /// range of the type.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Returns the seconds from `earlier` to `self`; negative if `earlier` is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Writes the time as eight bytes that sort in the order of time. Times before the epoch are
    /// written as the epoch.
    pub fn to_sortable(self) -> [u8; 8] {
        u64::try_from(self.0).unwrap_or(0).to_be_bytes()
    }

    /// Reads the bytes that [`Timestamp::to_sortable`] wrote.
    pub fn from_sortable(bytes: [u8; 8]) -> Self {
        Self(i64::try_from(u64::from_be_bytes(bytes)).unwrap_or(i64::MAX))
    }

    fn zoned(self, offset: Offset) -> jiff::ZonedDateTime {
        let instant = jiff::Timestamp::from_second(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        });
        instant.to_zoned_datetime(TimeZone::fixed(offset))
    }

    /// Writes the time in UTC as `2026-11-21T05:32:00Z` (RFC 3339).
    pub fn to_rfc3339(self) -> String {
        self.zoned(Offset::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// Reads an RFC 3339 text. A fraction of a second is dropped; `None` for other texts.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        Some(Self(text.parse::<jiff::Timestamp>().ok()?.as_second()))
    }

    /// Writes the time as `2026-11-21T14:32:00+09:00` (RFC 3339, Japan Standard Time).
    pub fn to_rfc3339_jst(self) -> String {
        self.zoned(Offset::constant(JST_OFFSET_HOURS))
            .strftime("%Y-%m-%dT%H:%M:%S+09:00")
            .to_string()
    }

    /// Writes the time for Japanese readers: `2026年11月21日 14時32分`, Japan Standard Time.
    pub fn to_japanese(self) -> String {
        self.zoned(Offset::constant(JST_OFFSET_HOURS))
            .strftime("%Y年%-m月%-d日 %H時%M分")
            .to_string()
    }

    /// Writes the time for English readers: `2026-11-21 14:32 JST`.
    pub fn to_english(self) -> String {
        self.zoned(Offset::constant(JST_OFFSET_HOURS)).strftime("%Y-%m-%d %H:%M JST").to_string()
    }

    /// Writes the day in Japan: `2026-11-21`.
    pub fn to_date_jst(self) -> String {
        self.zoned(Offset::constant(JST_OFFSET_HOURS)).strftime("%Y-%m-%d").to_string()
    }

    /// Returns the last second of the day `YYYY-MM-DD` in Japan; `None` if there is no such day.
    pub fn end_of_day_jst(day: &str) -> Option<Self> {
        let day: jiff::civil::Date = day.parse().ok()?;
        let end = day
            .at(23, 59, 59, 0)
            .to_zoned_datetime(TimeZone::fixed(Offset::constant(JST_OFFSET_HOURS)));
        Some(Self(end.ok()?.timestamp().as_second()))
    }

    /// Returns the last second of the Japanese fiscal year that contains this time: 31 March,
    /// 23:59:59 JST.
    #[must_use]
    pub fn fiscal_year_end(self) -> Self {
        let offset = Offset::constant(JST_OFFSET_HOURS);
        let local = self.zoned(offset);
        let year = if local.month() >= 4 { local.year() + 1 } else { local.year() };
        let end = date(year, 3, 31).at(23, 59, 59, 0).to_zoned_datetime(TimeZone::fixed(offset));
        end.map_or(self, |end| Self(end.timestamp().as_second()))
    }
}

/// A source of the present time: the operating system's clock, or one that a test moves.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

/// Moves the clock that [`Clock::manual`] returned with it.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl Clock {
    /// The operating system's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// Makes a clock that shows `start` until the returned `ManualClock` moves it.
    pub fn manual(start: Timestamp) -> (Self, ManualClock) {
        let seconds = Arc::new(AtomicI64::new(start.unix()));
        (Self(Source::Manual(Arc::clone(&seconds))), ManualClock(seconds))
    }

    /// Returns the present time.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp(jiff_now()),
            Source::Manual(seconds) => Timestamp(seconds.load(Ordering::SeqCst)),
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
fn jiff_now() -> i64 {
    jiff::Timestamp::now().as_second()
}

impl ManualClock {
    /// Moves the clock by `seconds`, which may be negative.
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Sets the clock to a new time.
    pub fn set(&self, time: Timestamp) {
        self.0.store(time.unix(), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_japan() {
        let time = Timestamp::from_unix(1_795_239_120);
        assert_eq!(time.to_rfc3339(), "2026-11-21T05:32:00Z");
        assert_eq!(time.to_rfc3339_jst(), "2026-11-21T14:32:00+09:00");
        assert_eq!(time.to_japanese(), "2026年11月21日 14時32分");
        assert_eq!(Timestamp::from_rfc3339(&time.to_rfc3339()), Some(time));
        assert_eq!(Timestamp::from_rfc3339(&time.to_rfc3339_jst()), Some(time));
        assert_eq!(Timestamp::from_rfc3339("2026-11-21"), None);
        assert_eq!(time.to_english(), "2026-11-21 14:32 JST");
    }

    #[test]
    fn a_fiscal_year_ends_in_march() {
        let end = |unix| Timestamp::from_unix(unix).fiscal_year_end().to_rfc3339();
        assert_eq!(end(1_795_239_120), "2027-03-31T14:59:59Z");
        let last = Timestamp::from_unix(1_795_239_120).fiscal_year_end();
        assert_eq!(last.fiscal_year_end(), last);
        assert_eq!(last.plus(1).fiscal_year_end().to_rfc3339(), "2028-03-31T14:59:59Z");
    }

    #[test]
    fn sortable_bytes_keep_the_order() {
        let (early, late) = (Timestamp::from_unix(255), Timestamp::from_unix(256));
        assert!(early.to_sortable() < late.to_sortable());
        assert_eq!(Timestamp::from_sortable(late.to_sortable()), late);
    }

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let (clock, hand) = Clock::manual(Timestamp::from_unix(10));
        hand.advance(5);
        assert_eq!(clock.now(), Timestamp::from_unix(15));
    }
}
