//! When runs may work: days and hours of a time zone, such as `mon-fri 20:00-06:00 Europe/Berlin`.

use amend_domain::Problem;
use chrono::{DateTime, Datelike as _, Timelike as _, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{Seen, Signal, Verdict};

pub(super) const NAME: &str = "time_window";

const DAY: u32 = 24 * 60;
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Mon),
    ("tue", Weekday::Tue),
    ("wed", Weekday::Wed),
    ("thu", Weekday::Thu),
    ("fri", Weekday::Fri),
    ("sat", Weekday::Sat),
    ("sun", Weekday::Sun),
];

/// Hours of some days, in minutes of the day. Hours that pass midnight belong to the day they begin.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    days: [bool; 7],
    from: u32,
    to: u32,
}

/// One or several spans in one time zone; in settings it is its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeWindow {
    text: String,
    spans: Vec<Span>,
    zone: Tz,
}

impl TimeWindow {
    /// Reads `[days] HH:MM-HH:MM [, ...] [zone]`: days as `mon`, `mon-fri` or `sat+sun` (left out:
    /// every day), the zone by its IANA name (left out: UTC).
    ///
    /// # Errors
    /// Names what cannot be read.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let bad = |what: String| {
            Problem::field("time_window", &what).advice(
                "Write days, hours and a time zone: \"mon-fri 20:00-06:00, sat+sun 00:00-24:00 Europe/Berlin\".",
            )
        };
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let zone = match words.last() {
            Some(word) if !word.contains(':') => {
                let zone = word.parse().map_err(|_| bad(format!("names no time zone that is known: {word}")))?;
                words.pop();
                zone
            }
            _ => Tz::UTC,
        };
        let spans = words
            .join(" ")
            .split(',')
            .map(|part| Span::parse(part.trim()).map_err(&bad))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { text: text.split_whitespace().collect::<Vec<_>>().join(" "), spans, zone })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        let local = at.with_timezone(&self.zone);
        let (day, minute) = (local.weekday(), local.hour() * 60 + local.minute());
        self.spans.iter().any(|s| s.contains(day, minute))
    }
}

impl TryFrom<String> for TimeWindow {
    type Error = Problem;

    fn try_from(text: String) -> Result<Self, Problem> {
        Self::parse(&text)
    }
}

impl From<TimeWindow> for String {
    fn from(window: TimeWindow) -> Self {
        window.text
    }
}

impl Span {
    fn parse(text: &str) -> Result<Self, String> {
        let (days, hours) = text.rsplit_once(' ').unwrap_or(("", text));
        let (from, to) =
            hours.split_once('-').ok_or_else(|| format!("needs hours such as 20:00-06:00, not {hours:?}"))?;
        let (from, to) = (minute(from)?, minute(to)?);
        if from == to || from == DAY {
            return Err(format!("must not be empty: {hours}"));
        }
        Ok(Self { days: self::days(days)?, from, to })
    }

    fn contains(&self, day: Weekday, minute: u32) -> bool {
        let on = |day: Weekday| self.days[day.num_days_from_monday() as usize];
        if self.from < self.to {
            return on(day) && (self.from..self.to).contains(&minute);
        }
        (on(day) && minute >= self.from) || (on(day.pred()) && minute < self.to)
    }
}

/// Minutes of the day; 24:00 is the end of it.
fn minute(text: &str) -> Result<u32, String> {
    let wrong = || format!("needs a time from 00:00 to 24:00, not {text:?}");
    let (hour, minute) = text.trim().split_once(':').ok_or_else(wrong)?;
    let (hour, minute): (u32, u32) = (hour.parse().map_err(|_| wrong())?, minute.parse().map_err(|_| wrong())?);
    let at = hour * 60 + minute;
    if hour > 24 || minute > 59 || at > DAY { Err(wrong()) } else { Ok(at) }
}

fn days(text: &str) -> Result<[bool; 7], String> {
    if text.is_empty() {
        return Ok([true; 7]);
    }
    let number = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        DAYS.iter()
            .position(|(word, _)| *word == name)
            .ok_or_else(|| format!("needs days as mon, tue, wed, thu, fri, sat or sun, not {name:?}"))
    };
    let mut on = [false; 7];
    for part in text.split('+') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut at, last) = (number(first)?, number(last)?);
        on[at] = true;
        // fri-mon goes over the weekend.
        while at != last {
            at = (at + 1) % 7;
            on[at] = true;
        }
    }
    Ok(on)
}

/// The signal.
pub(super) struct InWindow(pub TimeWindow);

impl Signal for InWindow {
    fn name(&self) -> &'static str {
        NAME
    }

    fn limit(&self) -> String {
        self.0.text.clone()
    }

    fn reads_database(&self) -> bool {
        false
    }

    fn judge(&mut self, seen: &Seen<'_>) -> Verdict {
        let local = seen.now.with_timezone(&self.0.zone);
        let now = format!("it is {} in {}", local.format("%a %H:%M"), self.0.zone);
        if self.0.contains(seen.now) {
            Verdict::Calm(now)
        } else {
            Verdict::Hold(format!("{now}; runs may work {}", self.0.text))
        }
    }
}
