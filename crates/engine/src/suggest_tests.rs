use super::*;

fn row(finding: Finding, parts: &[&str]) -> UnresolvedRow {
    UnresolvedRow {
        symbol: Some(parts.join(" / ")),
        matches: Some(parts.iter().map(|p| (*p).to_owned()).collect()),
        finding,
        rows: 100,
        current: Vec::new(),
        candidates: Vec::new(),
        first_seen: None,
        last_seen: None,
    }
}

fn known(pairs: &[(&[&str], &str)]) -> Known {
    Known {
        matches: pairs.iter().map(|(m, v)| (m.iter().map(|p| (*p).to_owned()).collect(), (*v).to_owned())).collect(),
        columns: vec!["symbol".into(), "venue".into()],
        ..Known::default()
    }
}

/// Kind, match, confidence of each suggestion for one orphan.
fn of(parts: &[&str], known: Known) -> Vec<(SuggestionKind, String, u8)> {
    let mut items = suggest(vec![row(Finding::Orphan, parts)], &Index::new(known));
    let item = items.remove(0);
    item.suggestions
        .into_iter()
        .map(|s| match s.decision {
            Decision::As(matches) => (s.kind, symbol_of(&matches), s.confidence),
            Decision::Value(value) => (s.kind, value, s.confidence),
        })
        .collect()
}

fn single() -> Known {
    let mut all = known(&[
        (&["AAPL"], "STOCK"),
        (&["BRK.B"], "STOCK"),
        (&["BRK"], "FUND"),
        (&["BTC-USD"], "CRYPTO"),
        (&["VODAFONE"], "STOCK"),
        (&["BARC"], "STOCK"),
        (&["XYZA"], "ETF"),
        (&["XYZB"], "STOCK"),
    ]);
    all.columns.truncate(1);
    all
}

#[test]
fn case_spaces_and_separators_are_the_first_guess() {
    use SuggestionKind::Spelling;
    assert_eq!(of(&[" aapl"], single()), [(Spelling, "AAPL".into(), 90)]);
    assert_eq!(of(&["brk b"], single())[0], (Spelling, "BRK.B".into(), 90));
    assert_eq!(of(&["BRK/B"], single())[0], (Spelling, "BRK.B".into(), 90));
    assert_eq!(of(&["btcusd"], single())[0], (Spelling, "BTC-USD".into(), 90));
}

#[test]
fn a_suffix_that_says_where_is_left_out_and_one_that_says_which_is_not() {
    use SuggestionKind::Suffix;
    for spelling in ["BARC.L", "barc:XLON", "XLON:BARC", "BARC LN Equity", "BARC-GBP"] {
        assert_eq!(of(&[spelling], single()), [(Suffix, "BARC".into(), 80)], "{spelling}");
    }
    // The reference may be the one with the suffix.
    assert_eq!(of(&["BTC"], single()), [(Suffix, "BTC-USD".into(), 80)]);
    assert!(of(&["BRK.C"], single()).iter().all(|(kind, ..)| *kind != Suffix));
}

#[test]
fn a_letter_or_two_may_differ_in_what_is_long_enough() {
    use SuggestionKind::Distance;
    assert_eq!(of(&["VODAPHONE"], single()), [(Distance, "VODAFONE".into(), 54)]);
    assert_eq!(of(&["APAL"], single()), [(Distance, "AAPL".into(), 52)]);
    assert!(of(&["AA"], single()).is_empty());
    assert!(of(&["VADOPHENE"], single()).is_empty());
    assert!(of(&["?"], single()).is_empty());
}

#[test]
fn candidates_with_different_values_share_the_confidence() {
    let found = of(&["XYZC"], single());
    assert_eq!(found.iter().map(|(.., confidence)| *confidence).collect::<Vec<_>>(), [26, 26]);
}

#[test]
fn with_several_match_columns_the_others_must_agree() {
    let both = || known(&[(&["AAPL", "XNAS"], "STOCK"), (&["AAPL", "XLON"], "ETF")]);
    let mut items = suggest(vec![row(Finding::Orphan, &["APPL", "XNAS"])], &Index::new(both()));
    let [only] = items.remove(0).suggestions.try_into().expect("one");
    let only: Suggestion = only;
    assert_eq!((only.value.as_str(), only.why.as_str()), ("STOCK", "one letter differs, and the same venue"));
}

#[test]
fn what_a_person_assigned_before_comes_first() {
    let mut all = single();
    all.decided.push(Assignment {
        matches: vec!["AAPL.US".into()],
        decision: Decision::As(vec!["BARC".into()]),
        assigned_by: "ada".into(),
        assigned_at: chrono::DateTime::UNIX_EPOCH,
    });
    let found = of(&["aapl us"], all);
    assert_eq!(found[0], (SuggestionKind::Alias, "BARC".into(), 95));
    assert_eq!(found[1], (SuggestionKind::Suffix, "AAPL".into(), 80));
}

#[test]
fn an_ambiguous_symbol_is_offered_only_what_the_reference_gives_and_the_rule_allows() {
    let mut dual = row(Finding::Ambiguous, &["DUAL"]);
    dual.candidates = vec![Some("ETF".into()), Some("STOCK".into()), Some("WIDGET".into()), None];
    dual.current = vec![(None, 60), (Some("STOCK".into()), 30), (Some("FUND".into()), 10)];
    let allowed = ["STOCK", "ETF", "FUND"].map(String::from).to_vec();
    let offered = |placed: Vec<(Matches, String, i64)>| {
        let known = Known { allowed: allowed.clone(), placed, ..single() };
        let mut items = suggest(vec![dual.clone()], &Index::new(known));
        let all = items.remove(0).suggestions;
        all.into_iter().map(|s| (s.kind, s.value, s.confidence)).collect::<Vec<_>>()
    };
    use SuggestionKind::{Carried, Reference, Venue};
    assert_eq!(offered(Vec::new()), [(Carried, "STOCK".into(), 52), (Reference, "ETF".into(), 5)]);
    let placed = vec![(vec!["DUAL".to_owned()], "ETF".to_owned(), 90)];
    assert_eq!(offered(placed), [(Venue, "ETF".into(), 81), (Carried, "STOCK".into(), 52)]);
}

#[test]
fn a_row_without_a_symbol_gets_no_suggestion() {
    let mut without = row(Finding::Orphan, &["x"]);
    (without.symbol, without.matches) = (None, None);
    assert!(suggest(vec![without], &Index::new(single())).iter().all(|item| item.suggestions.is_empty()));
}
