//! Many rows as one: each column of them as one text, so that thousands cross over from SQLite's thread
//! at once instead of one by one.

/// Between two values.
pub(crate) const END: u8 = 0x1f;
/// Stands for a null.
pub(crate) const NULL: u8 = 0x02;

/// All values of a column that is never null.
pub(crate) fn values_of(column: &str) -> String {
    format!("group_concat({column}, '{}')", char::from(END))
}

/// All values of a column. Whoever reads them counts the nulls, because a value may look like one.
pub(crate) fn values_or_nulls_of(column: &str) -> String {
    format!("group_concat(ifnull({column}, '{}'), '{}')", char::from(NULL), char::from(END))
}

/// How many of the rows have a value of this class.
pub(crate) fn count_of(class: &str, column: &str) -> String {
    format!("count(*) FILTER (WHERE typeof({column}) = '{class}')")
}

/// The values of such a text, one after the other. A value with a mark in it makes more of them than
/// there are rows, which is how it is found out.
pub(crate) struct Split<'a>(Option<&'a [u8]>);

impl<'a> Split<'a> {
    pub(crate) const fn new(text: &'a [u8]) -> Self {
        Self(Some(text))
    }
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0?;
        match rest.iter().position(|byte| *byte == END) {
            Some(at) => {
                self.0 = rest.get(at + 1..);
                rest.get(..at)
            }
            None => {
                self.0 = None;
                Some(rest)
            }
        }
    }
}
