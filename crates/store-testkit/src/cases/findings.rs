//! Each kind of finding, and what is close to it and is not.

use amend_domain::{
    Finding::{self, Ambiguous, Correct, Mismatched, Missing, Orphan, Unresolvable, Variant},
    RowFilter, RowSort, Rule, SortDirection,
    finding::WHITE_SPACE,
};

use crate::{
    Fixture,
    bench::{self, Known, Tick, known, open_rule, rule, tick},
    model::{agree, pages},
};

/// The findings of ids 1, 2, 3 and so on, and everything else against the model.
async fn expect(
    f: &Fixture,
    rule: &Rule,
    tickers: &[Known],
    ticks: &[Tick],
    expected: &[Finding],
) -> anyhow::Result<()> {
    bench::fill(f, tickers, ticks).await?;
    let rows = pages(f, rule, &RowFilter::default(), (RowSort::Key, SortDirection::Asc), 1_000).await?;
    let found: Vec<(String, Finding)> = rows.iter().map(|r| (r.key[0].clone(), r.finding)).collect();
    let wanted: Vec<(String, Finding)> = (1..).map(|id: i64| id.to_string()).zip(expected.iter().copied()).collect();
    assert_eq!(found, wanted);
    agree(f, rule).await?;
    Ok(())
}

pub async fn a_value_that_the_reference_has_is_correct(f: &Fixture) -> anyhow::Result<()> {
    expect(f, &rule(), &[known("AAPL", "STOCK")], &[tick(1, "AAPL", "STOCK")], &[Correct]).await
}

pub async fn a_null_value_is_missing(f: &Fixture) -> anyhow::Result<()> {
    expect(f, &rule(), &[known("AAPL", "STOCK")], &[tick(1, "AAPL", None)], &[Missing]).await
}

pub async fn an_empty_value_is_missing(f: &Fixture) -> anyhow::Result<()> {
    expect(f, &rule(), &[known("AAPL", "STOCK")], &[tick(1, "AAPL", ""), tick(2, "AAPL", "   ")], &[Missing, Missing])
        .await
}

pub async fn every_unicode_white_space_alone_is_missing(f: &Fixture) -> anyhow::Result<()> {
    let mut ticks: Vec<Tick> =
        (1..).zip(WHITE_SPACE.chars()).map(|(id, c)| tick(id, "AAPL", c.to_string().as_str())).collect();
    ticks.push(tick(i64::try_from(ticks.len())? + 1, "AAPL", WHITE_SPACE));
    let expected = vec![Missing; ticks.len()];
    expect(f, &rule(), &[known("AAPL", "STOCK")], &ticks, &expected).await
}

pub async fn what_only_looks_like_white_space_is_a_value(f: &Fixture) -> anyhow::Result<()> {
    // Zero width space, word joiner, byte order mark, Mongolian vowel separator, the information
    // separators (which other languages trim), the Hangul filler.
    let odd = ["\u{200b}", "\u{2060}", "\u{feff}", "\u{180e}", "\u{1c}", "\u{1f}", "\u{3164}"];
    let ticks: Vec<Tick> = (1..).zip(odd).map(|(id, c)| tick(id, "AAPL", c)).collect();
    expect(f, &rule(), &[known("AAPL", "STOCK")], &ticks, &[Mismatched; 7]).await
}

pub async fn another_value_is_mismatched(f: &Fixture) -> anyhow::Result<()> {
    let ticks = [tick(1, "AAPL", "ETF"), tick(2, "AAPL", "STOCKS"), tick(3, "AAPL", "ST OCK"), tick(4, "AAPL", "null")];
    expect(f, &rule(), &[known("AAPL", "STOCK")], &ticks, &[Mismatched; 4]).await
}

pub async fn another_letter_case_is_a_variant(f: &Fixture) -> anyhow::Result<()> {
    let ticks = [tick(1, "AAPL", "stock"), tick(2, "AAPL", "Stock"), tick(3, "AAPL", "sTOCK")];
    expect(f, &rule(), &[known("AAPL", "STOCK")], &ticks, &[Variant; 3]).await
}

pub async fn surrounding_white_space_is_a_variant(f: &Fixture) -> anyhow::Result<()> {
    let ticks = [
        tick(1, "AAPL", " STOCK"),
        tick(2, "AAPL", "STOCK\n"),
        tick(3, "AAPL", "\u{3000}stock\u{a0}\t"),
        tick(4, "AAPL", "\u{85}STOCK\u{2028}"),
    ];
    expect(f, &rule(), &[known("AAPL", "STOCK")], &ticks, &[Variant; 4]).await
}

pub async fn the_reference_may_itself_carry_white_space(f: &Fixture) -> anyhow::Result<()> {
    let ticks =
        [tick(1, "AAPL", " STOCK "), tick(2, "AAPL", "STOCK"), tick(3, "AAPL", "stock "), tick(4, "AAPL", None)];
    let expected = [Correct, Variant, Variant, Missing];
    expect(f, &open_rule(), &[known("AAPL", " STOCK ")], &ticks, &expected).await?;
    // With a list of allowed values, what is written must be one of them to the letter.
    expect(f, &rule(), &[known("AAPL", " STOCK ")], &ticks, &[Unresolvable; 4]).await
}

pub async fn letter_case_is_folded_in_ascii_alone(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known("A", "ÉTOILE"), known("B", "STRASSE"), known("C", "KILO"), known("D", "ПАЙ"), known("E", "I")];
    let ticks = [
        tick(1, "A", "Étoile"),
        tick(2, "A", "étoile"),
        tick(3, "B", "straße"),
        tick(4, "C", "\u{212a}ilo"),
        tick(5, "D", "пай"),
        tick(6, "E", "ı"),
        tick(7, "E", "i"),
    ];
    let expected = [Variant, Mismatched, Mismatched, Mismatched, Mismatched, Mismatched, Variant];
    expect(f, &open_rule(), &tickers, &ticks, &expected).await
}

pub async fn composed_and_decomposed_letters_are_different_texts(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known("CAF\u{c9}", "STOCK"), known("X", "CAF\u{c9}")];
    let ticks = [tick(1, "CAF\u{c9}", "STOCK"), tick(2, "CAFE\u{301}", "STOCK"), tick(3, "X", "CAFE\u{301}")];
    expect(f, &open_rule(), &tickers, &ticks, &[Correct, Orphan, Mismatched]).await
}

pub async fn a_symbol_without_a_reference_row_is_an_orphan(f: &Fixture) -> anyhow::Result<()> {
    let ticks = [tick(1, "GONE", "STOCK"), tick(2, "GONE", None), tick(3, "", "STOCK")];
    expect(f, &rule(), &[known("AAPL", "STOCK")], &ticks, &[Orphan; 3]).await
}

pub async fn matching_is_exact_in_case_and_space(f: &Fixture) -> anyhow::Result<()> {
    let ticks =
        [tick(1, "aapl", "STOCK"), tick(2, "AAPL ", "STOCK"), tick(3, " AAPL", None), tick(4, "AAPL\u{a0}", "")];
    expect(f, &rule(), &[known("AAPL", "STOCK")], &ticks, &[Orphan; 4]).await
}

pub async fn an_empty_match_value_matches_an_empty_one(f: &Fixture) -> anyhow::Result<()> {
    let ticks = [tick(1, "", None), tick(2, " ", None)];
    expect(f, &rule(), &[known("", "STOCK")], &ticks, &[Missing, Orphan]).await
}

pub async fn a_null_match_column_is_an_orphan_even_beside_a_null_reference(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known(None, "STOCK"), known("AAPL", "STOCK")];
    expect(f, &rule(), &tickers, &[tick(1, None, None), tick(2, None, "STOCK")], &[Orphan; 2]).await
}

pub async fn reference_rows_that_disagree_are_ambiguous(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known("DUAL", "STOCK"), known("DUAL", "ETF")];
    let ticks = [tick(1, "DUAL", "STOCK"), tick(2, "DUAL", None), tick(3, "DUAL", "CRYPTO")];
    expect(f, &rule(), &tickers, &ticks, &[Ambiguous; 3]).await
}

pub async fn reference_rows_that_differ_by_case_or_space_alone_disagree(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known("A", "STOCK"), known("A", "stock"), known("B", "STOCK"), known("B", "STOCK ")];
    expect(f, &open_rule(), &tickers, &[tick(1, "A", "STOCK"), tick(2, "B", None)], &[Ambiguous; 2]).await
}

pub async fn an_allowed_and_a_forbidden_reference_value_disagree(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known("A", "STOCK"), known("A", "WIDGET")];
    expect(f, &rule(), &tickers, &[tick(1, "A", None)], &[Ambiguous]).await
}

pub async fn reference_rows_that_agree_are_not_ambiguous(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known("AAPL", "STOCK"), known("AAPL", "STOCK"), known("AAPL", "STOCK")];
    expect(f, &rule(), &tickers, &[tick(1, "AAPL", "STOCK"), tick(2, "AAPL", None)], &[Correct, Missing]).await
}

pub async fn a_blank_reference_row_is_passed_over_where_another_has_a_value(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known("AAPL", None), known("AAPL", " \u{a0}"), known("AAPL", "STOCK"), known("AAPL", "")];
    expect(f, &rule(), &tickers, &[tick(1, "AAPL", "STOCK"), tick(2, "AAPL", "")], &[Correct, Missing]).await
}

pub async fn a_reference_of_blank_values_alone_is_unresolvable(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known("A", None), known("B", ""), known("C", "\t"), known("C", None)];
    let ticks = [tick(1, "A", None), tick(2, "B", "STOCK"), tick(3, "C", "")];
    expect(f, &rule(), &tickers, &ticks, &[Unresolvable; 3]).await?;
    expect(f, &open_rule(), &tickers, &ticks, &[Unresolvable; 3]).await
}

pub async fn a_reference_value_that_is_not_allowed_is_unresolvable(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known("A", "WIDGET"), known("B", "stock")];
    let ticks = [tick(1, "A", None), tick(2, "A", "WIDGET"), tick(3, "B", "stock"), tick(4, "B", "STOCK")];
    expect(f, &rule(), &tickers, &ticks, &[Unresolvable; 4]).await
}

pub async fn an_empty_list_of_allowed_values_allows_any_that_is_not_blank(f: &Fixture) -> anyhow::Result<()> {
    let tickers = [known("A", "WIDGET"), known("B", "it's \"odd\", \\ and\nlong — 東京")];
    let ticks = [
        tick(1, "A", None),
        tick(2, "A", "WIDGET"),
        tick(3, "B", "it's \"odd\", \\ and\nlong — 東京"),
        tick(4, "B", "it's"),
    ];
    expect(f, &open_rule(), &tickers, &ticks, &[Missing, Correct, Correct, Mismatched]).await
}

pub async fn allowed_values_may_hold_quotes_and_commas(f: &Fixture) -> anyhow::Result<()> {
    let rule =
        Rule { allowed_values: vec!["it's".into(), "a,b".into(), "{\"x\"}".into(), "back\\slash".into()], ..rule() };
    let tickers =
        [known("A", "it's"), known("B", "a,b"), known("C", "{\"x\"}"), known("D", "back\\slash"), known("E", "a")];
    let ticks = [tick(1, "A", None), tick(2, "B", None), tick(3, "C", None), tick(4, "D", None), tick(5, "E", None)];
    expect(f, &rule, &tickers, &ticks, &[Missing, Missing, Missing, Missing, Unresolvable]).await
}
