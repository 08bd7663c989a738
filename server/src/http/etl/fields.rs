//! Reading a JSON object by hand, so that every fault is told at once and by the field's own name.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::{reply::Refusal, time_span};

/// The fields that are left to read, and what was wrong with those that were read. `null` counts as
/// absent throughout.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fields {
    /// Stands before names: `retryConfig.` in a nested object.
    path: String,
    map: Map<String, Value>,
    errors: Vec<String>,
}

impl Fields {
    /// Reads a body; an empty one has no fields.
    pub fn of_body(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(map)) => Ok(Self { map, ..Self::default() }),
            Ok(_) => Err(Refusal::invalid(vec!["The body must be a JSON object.".into()])),
            Err(error) => Err(Refusal::invalid(vec![format!(
                "The body is not valid JSON: line {}, column {}.",
                error.line(),
                error.column()
            )])),
        }
    }

    /// Notes a fault: the field's name and what it must be.
    pub fn fault(&mut self, name: &str, what: &str) {
        self.errors.push(format!("{}{name} {what}", self.path));
    }

    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name).filter(|value| !value.is_null())
    }

    fn read<T>(&mut self, name: &str, what: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        let value = self.take(name)?;
        let read = read(&value);
        if read.is_none() {
            self.fault(name, what);
        }
        read
    }

    pub fn flag(&mut self, name: &str) -> Option<bool> {
        self.read(name, "must be true or false", Value::as_bool)
    }

    pub fn whole(&mut self, name: &str, bounds: RangeInclusive<i64>, what: &str) -> Option<i64> {
        self.read(name, what, |v| v.as_i64().filter(|n| bounds.contains(n)))
    }

    pub fn number(&mut self, name: &str) -> Option<f64> {
        self.read(name, "must be a number", Value::as_f64)
    }

    /// Milliseconds within bounds.
    pub fn duration(&mut self, name: &str, bounds: RangeInclusive<i64>) -> Option<i64> {
        let (least, most) = (time_span::show(*bounds.start()), time_span::show(*bounds.end()));
        let what = format!("must be a duration from {least} to {most}, such as \"00:05:00\", \"PT5M\" or 300");
        self.read(name, &what, |v| time_span::read(v).filter(|ms| bounds.contains(ms)))
    }

    /// A text of at most so many characters.
    pub fn text(&mut self, name: &str, most: usize) -> Option<String> {
        let what = format!("must be a text of at most {most} characters");
        self.read(name, &what, |v| v.as_str().filter(|t| t.chars().count() <= most).map(Into::into))
    }

    pub fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        self.read(name, "must be a list of texts", |v| {
            v.as_array()?.iter().map(|t| t.as_str().map(Into::into)).collect()
        })
    }

    /// Texts, of which `null` is one.
    pub fn nullable_texts(&mut self, name: &str) -> Option<Vec<Option<String>>> {
        self.read(name, "must be a list of texts and nulls", |v| {
            let text = |t: &Value| if t.is_null() { Some(None) } else { t.as_str().map(|t| Some(t.into())) };
            v.as_array()?.iter().map(text).collect()
        })
    }

    pub fn wholes(&mut self, name: &str) -> Option<Vec<i64>> {
        self.read(name, "must be a list of whole numbers", |v| v.as_array()?.iter().map(Value::as_i64).collect())
    }

    /// Reads an object within; its faults join those of this one.
    pub fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        match self.take(name)? {
            Value::Object(map) => {
                let mut inner = Self { path: format!("{}{name}.", self.path), map, errors: Vec::new() };
                let found = read(&mut inner);
                inner.note_unknown();
                self.errors.append(&mut inner.errors);
                Some(found)
            }
            _ => {
                self.fault(name, "must be an object");
                None
            }
        }
    }

    fn note_unknown(&mut self) {
        let names: Vec<String> = std::mem::take(&mut self.map).into_iter().map(|(name, _)| name).collect();
        for name in names {
            self.fault(&name, "is not a field of this endpoint");
        }
    }

    /// Everything was read; what is left over is unknown.
    ///
    /// # Errors
    /// All faults, one line each.
    pub fn finish(mut self) -> Result<(), Refusal> {
        self.note_unknown();
        if self.errors.is_empty() { Ok(()) } else { Err(Refusal::invalid(self.errors)) }
    }
}
