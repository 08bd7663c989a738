//! Charts with a table behind each.
//!
//! A chart is described by a [`ChartSpec`]; the [`Chart`] component draws it in the browser and says
//! the same numbers as a table, which is all that a reader without JavaScript gets.

mod chart;
mod spec;

pub use chart::Chart;
pub use spec::{ChartKind, ChartSpec, Series};
