//! The statements that put prevention into a target table. They hold literals where other statements
//! bind values, because a function's text has no parameters.

use amend_domain::{PreventionKind, Rule, finding::WHITE_SPACE};

use super::numbered;
use crate::shape::Shape;

/// What a chunk's transaction sets, so that rows that Amend itself writes pass.
pub(crate) const AT_WORK: &str = "amend.at_work";

/// A text as a literal. Backslashes stand for themselves, whatever the server's settings.
fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", doubled.replace('\\', "\\\\")) } else { format!("'{doubled}'") }
}

fn literals(texts: &[String]) -> String {
    let all: Vec<String> = texts.iter().map(|t| literal(t)).collect();
    format!("ARRAY[{}]::text[]", all.join(", "))
}

/// What `str::trim` trims, in letters that can be read.
fn white_space() -> String {
    let escaped: String = WHITE_SPACE.chars().map(|c| format!("\\u{:04X}", u32::from(c))).collect();
    format!("E'{escaped}'")
}

/// Between dollar signs, with a tag that the text does not hold.
fn dollars(body: &str) -> String {
    let mut tag = "$amend$".to_owned();
    while body.contains(&tag) {
        tag.insert(tag.len() - 1, '_');
    }
    format!("{tag}\n{body}\n{tag}")
}

/// The reference asked for one row: `lo` and `hi` are its least and greatest value that is not blank.
/// The same as [`super::reference::resolved`], which the conformance suite holds it to.
fn lookup(shape: &Shape) -> String {
    let value = shape.reference_value.text_of("r");
    let pairs: Vec<String> = shape
        .reference_matches
        .iter()
        .zip(&shape.matches)
        .map(|(there, here)| {
            if there.compares_as_text() {
                // As the column compares, so that its index serves.
                format!("{} = {}::text COLLATE \"default\"", there.of("r"), here.of("NEW"))
            } else {
                format!("{} = {}", there.text_of("r"), here.text_of("NEW"))
            }
        })
        .collect();
    format!(
        "SELECT min(e.v), max(e.v) INTO lo, hi
    FROM (SELECT CASE WHEN btrim({value}, {space}) <> '' THEN {value} END AS v
          FROM {reference} r
          WHERE {matching}) e;",
        space = white_space(),
        reference = shape.reference,
        matching = pairs.join(" AND "),
    )
}

/// What the function does about a row whose reference gives `lo`.
fn act(shape: &Shape, rule: &Rule, kind: PreventionKind, count: &str) -> String {
    let value = shape.value.of("NEW");
    match kind {
        PreventionKind::Fill => format!("  {value} := lo;\n  {count}"),
        PreventionKind::Refuse => {
            let says = literal(&format!(
                "amend: {} of {} must be %L, as {} of {} says, and not %L",
                rule.target.value.to_string().replace('%', "%%"),
                rule.target.table.to_string().replace('%', "%%"),
                rule.reference.value.to_string().replace('%', "%%"),
                rule.reference.table.to_string().replace('%', "%%"),
            ));
            format!(
                "  IF {text} IS DISTINCT FROM lo THEN
    {count}
    RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = format({says}, lo, {text}),
      HINT = {hint};
  END IF;",
                text = shape.value.text_of("NEW"),
                hint = literal(&format!("Rule {} of Amend refuses this; amend prevent off takes it off.", rule.slug)),
            )
        }
    }
}

/// Sequence, function and trigger, in this order: the one that locks the table comes last.
pub(crate) fn install(shape: &Shape, rule: &Rule, kind: PreventionKind, name: &str) -> Vec<String> {
    let own = own(name);
    // A sequence is never waited for, and counts refused writes too, whose transactions are undone.
    let count = format!("PERFORM nextval({}::regclass);", literal(&own));
    let unresolved = if rule.allowed_values.is_empty() {
        String::new()
    } else {
        format!(" OR lo <> ALL ({})", literals(&rule.allowed_values))
    };
    let lost = literal(&format!(
        "amend: the reference {} cannot be read any more; rule {} lets every row pass",
        rule.reference.table, rule.slug
    ));
    let body = format!(
        "DECLARE
  lo text;
  hi text;
BEGIN
  BEGIN
    {lookup}
  EXCEPTION WHEN undefined_table OR undefined_column OR undefined_function OR insufficient_privilege THEN
    RAISE WARNING USING MESSAGE = {lost};
    RETURN NEW;
  END;
  -- No value, several, or one that is not allowed: never guessed.
  IF lo IS NULL OR lo <> hi{unresolved} THEN
    RETURN NEW;
  END IF;
{act}
  RETURN NEW;
END;",
        lookup = lookup(shape),
        act = act(shape, rule, kind, &count),
    );
    let outsider = format!("current_setting('{AT_WORK}', true) IS DISTINCT FROM 'on'");
    let when = match kind {
        PreventionKind::Fill => {
            let value = shape.value.text_of("NEW");
            format!("{outsider} AND ({value} IS NULL OR btrim({value}, {}) = '')", white_space())
        }
        PreventionKind::Refuse => outsider,
    };
    vec![
        format!("CREATE SEQUENCE {own}"),
        format!(
            "CREATE FUNCTION {own}() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS {}",
            dollars(&body)
        ),
        // Firing a trigger needs no right on its function; making another trigger of it does.
        format!("REVOKE ALL ON FUNCTION {own}() FROM PUBLIC"),
        format!(
            "CREATE TRIGGER {name} BEFORE INSERT OR UPDATE OF {columns} ON {target}
  FOR EACH ROW WHEN ({when})
  EXECUTE FUNCTION {own}()",
            name = quote(name),
            columns = numbered(&columns(shape), ", ", |_, c| c.quoted.clone()),
            target = shape.target,
        ),
    ]
}

fn columns(shape: &Shape) -> Vec<crate::shape::Column> {
    shape.matches.iter().chain([&shape.value]).cloned().collect()
}

/// The CHECK for rows to come, and the look at those that are there.
pub(crate) fn check(shape: &Shape, rule: &Rule, name: &str) -> [String; 2] {
    let add = format!(
        "ALTER TABLE {target} ADD CONSTRAINT {name}
  CHECK ({value} IS NULL OR {text} = ANY ({allowed})) NOT VALID",
        target = shape.target,
        name = quote(name),
        value = shape.value.quoted,
        text = shape.value.text(&shape.value.quoted),
        allowed = literals(&rule.allowed_values),
    );
    [add, validate(&shape.target, name)]
}

pub(crate) fn validate(target: &str, name: &str) -> String {
    format!("ALTER TABLE {target} VALIDATE CONSTRAINT {}", quote(name))
}

/// A name in schema amend.
pub(crate) fn own(name: &str) -> String {
    format!("amend.{}", quote(name))
}

pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_what_they_are_between_quotes_and_dollars() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"a\b'"), r"E'a\\b'''");
        assert!(dollars("x $amend$ y").starts_with("$amend_$"));
        assert!(white_space().starts_with(r"E'\u0009\u000A") && white_space().ends_with(r"\u3000'"));
    }
}
