use chrono::TimeDelta;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

/// A server on which nothing happens.
fn idle() -> Pressure {
    Pressure {
        lock_waiters: Reading::Known(0),
        replication_lag: Reading::Known(Duration::ZERO),
        wal_bytes: Reading::Known(1_000_000),
        autovacuum: Reading::Known(0),
        active_sessions: Reading::Known(0),
    }
}

fn strict() -> Throttle {
    Throttle {
        wal_rate: Some(10 * 1024 * 1024),
        autovacuum: Some(0),
        active_sessions: Some(4),
        time_window: Some(TimeWindow::parse("mon-fri 20:00-06:00 Europe/Berlin").expect("a window")),
        ..Throttle::default()
    }
}

/// A Tuesday, 22:00 in Berlin.
const NIGHT: &str = "2026-11-24T21:00:00Z";

fn reasons(signals: &mut Signals, pressure: &Pressure, now: &str) -> Vec<String> {
    let table = TableName::new("market_data");
    let seen = Seen { pressure, table: &table, now: at(now) };
    signals.holds(&seen).into_iter().map(|h| h.reason).collect()
}

#[test]
fn nothing_holds_a_run_on_an_idle_server() {
    assert_eq!(reasons(&mut Signals::new(&Throttle::default()), &idle(), NIGHT), Vec::<String>::new());
    assert_eq!(reasons(&mut Signals::new(&strict()), &idle(), NIGHT), Vec::<String>::new());
}

#[test]
fn what_a_database_does_not_have_holds_nothing() {
    assert_eq!(reasons(&mut Signals::new(&strict()), &Pressure::not_applicable(), NIGHT), Vec::<String>::new());
}

#[test]
fn each_signal_holds_alone_and_says_why() {
    let cases = [
        (Pressure { lock_waiters: Reading::Known(3), ..idle() }, "3 sessions wait for a lock on market_data; limit 0"),
        (
            Pressure { replication_lag: Reading::Known(Duration::from_millis(12_340)), ..idle() },
            "the slowest replica is 12.3 s behind; limit 10 s",
        ),
        (Pressure { autovacuum: Reading::Known(1), ..idle() }, "1 autovacuum worker is on market_data; limit 0"),
        (Pressure { active_sessions: Reading::Known(9), ..idle() }, "9 other sessions are active; limit 4"),
    ];
    for (pressure, reason) in cases {
        assert_eq!(reasons(&mut Signals::new(&strict()), &pressure, NIGHT), [reason]);
    }
    assert_eq!(
        reasons(&mut Signals::new(&strict()), &idle(), "2026-11-24T13:05:00Z"),
        ["it is Tue 14:05 in Europe/Berlin; runs may work mon-fri 20:00-06:00 Europe/Berlin"]
    );
    assert_eq!(operator_pace::hold(0).map(|h| h.reason), Some("the operator's pace is 0 %".into()));
    assert_eq!(operator_pace::hold(1), None);
}

#[test]
fn the_rate_of_the_log_is_that_between_two_readings() {
    let mut signals = Signals::new(&strict());
    let of = |bytes| Pressure { wal_bytes: Reading::Known(bytes), ..idle() };
    assert_eq!(reasons(&mut signals, &of(0), "2026-11-24T21:00:00Z"), Vec::<String>::new());
    assert_eq!(
        reasons(&mut signals, &of(40 * 1024 * 1024), "2026-11-24T21:00:02Z"),
        ["the server writes 20 MiB/s of write-ahead log; limit 10 MiB/s"]
    );
    assert_eq!(reasons(&mut signals, &of(41 * 1024 * 1024), "2026-11-24T21:00:03Z"), Vec::<String>::new());
}

#[test]
fn what_cannot_be_observed_holds_until_it_is_switched_off_by_name() {
    let blind = Pressure { active_sessions: Reading::Unobservable("grant it".into()), ..idle() };
    assert_eq!(
        reasons(&mut Signals::new(&strict()), &blind, NIGHT),
        [
            "the signal active_sessions cannot be observed: grant it, or switch it off (throttle.off = [\"active_sessions\"])"
        ]
    );
    let off = Throttle { active_sessions: None, ..strict() };
    assert_eq!(reasons(&mut Signals::new(&off), &blind, NIGHT), Vec::<String>::new());
}

#[test]
fn every_signal_has_a_state_for_the_doctor() {
    let table = TableName::new("market_data");
    let pressure = Pressure { lock_waiters: Reading::Known(1), ..idle() };
    let seen = Seen { pressure: &pressure, table: &table, now: at(NIGHT) };
    let states = Signals::new(&Throttle::default()).states(&seen);
    assert_eq!(states.iter().map(|s| s.name).collect::<Vec<_>>(), NAMES);
    assert!(states[0].hold.is_some() && states[1].hold.is_none());
    assert_eq!((states[2].limit.as_deref(), states[2].reading.as_str()), (None, "switched off"));
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_it_begins() {
    let window = TimeWindow::parse("fri 22:00-06:00").expect("a window");
    // 2026-11-27 is a Friday.
    for (time, inside) in [
        ("2026-11-27T21:59:00Z", false),
        ("2026-11-27T22:00:00Z", true),
        ("2026-11-28T05:59:00Z", true),
        ("2026-11-28T06:00:00Z", false),
        ("2026-11-27T05:00:00Z", false),
        ("2026-11-28T23:00:00Z", false),
    ] {
        assert_eq!(window.contains(at(time)), inside, "{time}");
    }
}

#[test]
fn a_window_follows_the_clock_of_its_zone_through_the_year() {
    let window = TimeWindow::parse("09:00-10:00 Europe/Berlin").expect("a window");
    assert!(window.contains(at("2026-01-15T08:30:00Z")));
    assert!(window.contains(at("2026-07-15T07:30:00Z")) && !window.contains(at("2026-07-15T08:30:00Z")));
}

#[test]
fn several_windows_and_lists_of_days_are_read() {
    let window = TimeWindow::parse("mon-fri 20:00-06:00, sat+sun 00:00-24:00 UTC").expect("a window");
    let begun = at("2026-11-23T00:00:00Z");
    // A week: four nights of ten hours, Friday's first four hours, two days, Monday's and Saturday's mornings within.
    let hours = (0..7 * 24).filter(|h| window.contains(begun + TimeDelta::hours(*h))).count();
    assert_eq!(hours, 5 * 4 + 4 * 6 + 48);
    let weekend = TimeWindow::parse("sat-mon 10:00-11:00").expect("a window");
    assert!(weekend.contains(at("2026-11-23T10:30:00Z")) && !weekend.contains(at("2026-11-24T10:30:00Z")));
}

#[test]
fn a_window_that_cannot_be_read_is_refused_with_what_is_wrong() {
    for (text, part) in [
        ("", "hours"),
        ("mon-fri", "time zone"),
        ("20:00-06:00 Mars/Olympus", "Mars/Olympus"),
        ("monday 20:00-06:00", "monday"),
        ("25:00-06:00", "25:00"),
        ("20:61-06:00", "20:61"),
        ("20:00-20:00", "empty"),
        ("20:00", "hours"),
    ] {
        let problem = TimeWindow::parse(text).expect_err(text);
        assert!(problem.message.contains(part), "{text}: {problem}");
    }
}
