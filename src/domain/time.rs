//! Points in time, for people: order is a matter of `seq` alone.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use time::OffsetDateTime;

/// Microseconds since 1970-01-01T00:00:00Z, which is what both databases keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The wall clock's time.
    pub fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }

    /// This time and `duration` more.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Whole seconds since the epoch, as tokens count.
    pub fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

/// The longest form: a date, a time, microseconds.
const TEXT: &[u8; 27] = b"0000-00-00T00:00:00.000000Z";
/// What is said of times that have no such form.
const BEYOND: &str = "9999-12-31T23:59:59Z";

impl Timestamp {
    /// Room for any of them.
    pub const fn buffer() -> [u8; TEXT.len()] {
        [0; TEXT.len()]
    }

    /// RFC 3339 in UTC, the fraction without its last zeros, written into `text`. By hand, since each message has one, and a
    /// general formatter takes longer for it than all the rest of the message.
    pub fn write(self, text: &mut [u8; TEXT.len()]) -> &str {
        let (seconds, micros) = (self.unix_seconds(), self.0.rem_euclid(1_000_000));
        let Ok(moment) = OffsetDateTime::from_unix_timestamp(seconds) else { return BEYOND };
        let Ok(year @ 0..=9_999) = u32::try_from(moment.year()) else { return BEYOND };
        *text = *TEXT;
        put(&mut text[0..4], year);
        put(&mut text[5..7], u8::from(moment.month()).into());
        put(&mut text[8..10], moment.day().into());
        put(&mut text[11..13], moment.hour().into());
        put(&mut text[14..16], moment.minute().into());
        put(&mut text[17..19], moment.second().into());
        let mut end = 19;
        if micros > 0 {
            put(&mut text[20..26], u32::try_from(micros).unwrap_or(0));
            end = 20 + text[20..26].iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
        }
        text[end] = b'Z';
        str::from_utf8(&text[..=end]).unwrap_or(BEYOND)
    }
}

/// Writes a number that has at most as many digits as there is room.
fn put(room: &mut [u8], mut number: u32) {
    for digit in room.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

/// RFC 3339 in UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.write(&mut Self::buffer()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.write(&mut Self::buffer()))
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    use super::Timestamp;

    #[test]
    fn prints_as_rfc_3339_in_utc() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp(1_700_000_000_123_456).to_string(), "2023-11-14T22:13:20.123456Z");
        assert_eq!(Timestamp(1_700_000_000_120_000).to_string(), "2023-11-14T22:13:20.12Z");
        assert_eq!(Timestamp(1_700_000_000_000_001).to_string(), "2023-11-14T22:13:20.000001Z");
        assert_eq!(Timestamp(-1).to_string(), "1969-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp(951_782_400_000_000).to_string(), "2000-02-29T00:00:00Z");
        for beyond in [i64::MAX, i64::MIN, 253_402_300_800_000_000, -62_167_219_200_000_001] {
            assert_eq!(Timestamp(beyond).to_string(), "9999-12-31T23:59:59Z", "{beyond}");
        }
    }

    #[test]
    fn prints_as_the_library_does() {
        for step in 0..5_000_i64 {
            let timestamp = Timestamp(step * 50_000_000_123_457 + step % 7 * 100_000);
            let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(timestamp.0) * 1_000).expect("a date");
            assert_eq!(timestamp.to_string(), moment.format(&Rfc3339).expect("a date"));
        }
    }
}
