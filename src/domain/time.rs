//! Points in time, for users. Order is given by `seq` alone.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Microseconds since 1970-01-01T00:00:00Z, the precision of both stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Returns the time of the wall clock.
    pub fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }

    /// Reads RFC 3339 with any offset. Digits beyond microseconds are dropped. Returns `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let nanos = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
        i64::try_from(nanos.div_euclid(1_000)).ok().map(Self)
    }

    /// Adds `duration`.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Subtracts `duration`.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Returns whole seconds since the epoch, the unit of tokens.
    pub fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

/// The longest form: date, time and microseconds.
const TEMPLATE: &[u8; 27] = b"0000-00-00T00:00:00.000000Z";
/// Stands for times that have no such form.
const OUT_OF_RANGE: &str = "9999-12-31T23:59:59Z";

impl Timestamp {
    /// Returns a buffer for [`Timestamp::write`].
    pub const fn buffer() -> [u8; TEMPLATE.len()] {
        [0; TEMPLATE.len()]
    }

    /// Writes RFC 3339 in UTC into `text`, without the last zeros of the fraction. Every message has a time, and a general formatter takes
    /// longer for it than the rest of the message takes.
    pub fn write(self, text: &mut [u8; TEMPLATE.len()]) -> &str {
        let (seconds, micros) = (self.unix_seconds(), self.0.rem_euclid(1_000_000));
        let Ok(date_time) = OffsetDateTime::from_unix_timestamp(seconds) else { return OUT_OF_RANGE };
        let Ok(year @ 0..=9_999) = u32::try_from(date_time.year()) else { return OUT_OF_RANGE };
        *text = *TEMPLATE;
        write_digits(&mut text[0..4], year);
        write_digits(&mut text[5..7], u8::from(date_time.month()).into());
        write_digits(&mut text[8..10], date_time.day().into());
        write_digits(&mut text[11..13], date_time.hour().into());
        write_digits(&mut text[14..16], date_time.minute().into());
        write_digits(&mut text[17..19], date_time.second().into());
        let mut end = 19;
        if micros > 0 {
            write_digits(&mut text[20..26], u32::try_from(micros).unwrap_or(0));
            end = 20 + text[20..26].iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
        }
        text[end] = b'Z';
        str::from_utf8(&text[..=end]).unwrap_or(OUT_OF_RANGE)
    }
}

/// Writes a number with leading zeros. It has at most as many digits as `text`.
fn write_digits(text: &mut [u8], mut number: u32) {
    for digit in text.iter_mut().rev() {
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
        for out_of_range in [i64::MAX, i64::MIN, 253_402_300_800_000_000, -62_167_219_200_000_001] {
            assert_eq!(Timestamp(out_of_range).to_string(), "9999-12-31T23:59:59Z", "{out_of_range}");
        }
    }

    #[test]
    fn reads_rfc_3339_with_any_offset() {
        for text in
            ["1970-01-01T00:00:00Z", "2023-11-14T22:13:20.123456Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
        {
            assert_eq!(Timestamp::parse(text).map(|time| time.to_string()).as_deref(), Some(text));
        }
        let offset = Timestamp::parse("2023-11-14T23:13:20.1234567+01:00");
        assert_eq!(offset, Some(Timestamp(1_700_000_000_123_456)));
        for wrong in
            ["", "now", "2023-11-14", "2023-11-14T22:13:20", "2023-02-30T00:00:00Z", "10000-01-01T00:00:00Z", "17"]
        {
            assert_eq!(Timestamp::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn prints_as_the_library_does() {
        for step in 0..5_000_i64 {
            let timestamp = Timestamp(step * 50_000_000_123_457 + step % 7 * 100_000);
            let date_time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(timestamp.0) * 1_000).expect("a date");
            assert_eq!(timestamp.to_string(), date_time.format(&Rfc3339).expect("a date"));
        }
    }
}
