//! Which columns of `NEW` a trigger function in PL/pgSQL assigns, read from its text.
//!
//! A guess by the letter: what is assigned by other means (`SELECT ... INTO`, a whole record) is not seen
//! here, but by the digests of the first chunk.

/// The columns, each once, as the database spells them.
pub(crate) fn assigned(body: &str) -> Vec<String> {
    let text = without_comments_and_texts(body);
    let mut found = Vec::new();
    for (at, _) in text.match_indices(['n', 'N']) {
        let Some(rest) =
            text.get(at + 3..).filter(|_| text[at..].get(..3).is_some_and(|w| w.eq_ignore_ascii_case("new")))
        else {
            continue;
        };
        let Some((column, after)) = rest.trim_start().strip_prefix('.').and_then(|r| identifier(r.trim_start())) else {
            continue;
        };
        let after = after.trim_start();
        let assigns = after.starts_with(":=") || after.starts_with('=') && begins_statement(&text[..at]);
        if assigns && !found.contains(&column) {
            found.push(column);
        }
    }
    found
}

/// A single `=` assigns only at the beginning of a statement; elsewhere it compares.
fn begins_statement(before: &str) -> bool {
    let before = before.trim_end();
    before.ends_with(';')
        || ["begin", "then", "else", "loop"].iter().any(|word| {
            before.len() >= word.len()
                && before.get(before.len() - word.len()..).is_some_and(|end| end.eq_ignore_ascii_case(word))
        })
}

/// A name and what follows it: folded to lower case unless it is quoted.
fn identifier(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (name, rest) = quoted.split_once('"')?;
        return Some((name.to_owned(), rest));
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(text.len());
    (end > 0).then(|| (text[..end].to_lowercase(), &text[end..]))
}

fn without_comments_and_texts(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if c == '\'' {
            rest[1..].find('\'').map_or(rest.len(), |end| end + 2)
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        out.push(' ');
        rest = &rest[skipped..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::assigned;

    #[test]
    fn assignments_are_found_in_both_spellings_and_any_case() {
        let body = "BEGIN new.updated_at := now(); NEW.\"Changed By\" = current_user; NEW.Version:=OLD.version+1; END";
        assert_eq!(assigned(body), ["updated_at", "Changed By", "version"]);
    }

    #[test]
    fn comparisons_comments_and_texts_are_no_assignments() {
        let body = "BEGIN -- NEW.a := 1;
            /* NEW.b := 1; */ IF NEW.c = 'x' OR NEW.d = 2 THEN RAISE EXCEPTION 'NEW.e := 1;'; END IF;
            PERFORM renew.f = 1; RETURN NEW; END";
        assert_eq!(assigned(body), Vec::<String>::new());
    }

    #[test]
    fn an_assignment_in_a_branch_counts() {
        assert_eq!(assigned("BEGIN IF TG_OP = 'UPDATE' THEN NEW.at = now(); END IF; RETURN NEW; END"), ["at"]);
    }
}
