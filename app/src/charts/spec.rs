//! What is drawn. The JSON of [`ChartSpec`] is read by `frontend/js/spec.ts`.

use serde::Serialize;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChartKind {
    #[default]
    Bar,
    Stacked,
    Line,
}

/// One colour of the chart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    pub name: String,
    /// A custom property of `tokens.css` that holds a colour, such as `--f-missing`.
    pub token: &'static str,
    /// One value a label; `None` leaves a gap.
    pub values: Vec<Option<f64>>,
}

impl Series {
    /// Counts of rows. They are exact up to 2^53.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "JavaScript has no other number")]
    pub fn counts(name: impl Into<String>, token: &'static str, values: impl IntoIterator<Item = i64>) -> Self {
        Self { name: name.into(), token, values: values.into_iter().map(|v| Some(v as f64)).collect() }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChartSpec {
    pub kind: ChartKind,
    /// Bars run from left to right.
    pub horizontal: bool,
    pub labels: Vec<String>,
    pub series: Vec<Series>,
    /// Written after every number: `%`, `rows`, `ms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
    /// Shows small shares beside a large one; zero is not drawn.
    pub log_scale: bool,
    /// Height of the box in CSS pixels. Fixed, so that nothing moves when the chart arrives.
    pub height: u32,
}

impl ChartSpec {
    /// The height for so many horizontal bars with axis and legend.
    #[must_use]
    pub fn bars_height(bars: usize) -> u32 {
        let bars = u32::try_from(bars.clamp(1, 40)).unwrap_or(40);
        bars * 24 + 72
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_is_what_the_bundle_reads() {
        let spec = ChartSpec {
            kind: ChartKind::Stacked,
            horizontal: true,
            labels: vec!["STOCK".into()],
            series: vec![Series::counts("missing", "--f-missing", [3])],
            unit: Some("rows"),
            log_scale: false,
            height: ChartSpec::bars_height(1),
        };
        let json = serde_json::to_value(&spec).expect("plain data");
        assert_eq!(
            json,
            serde_json::json!({
                "kind": "stacked", "horizontal": true, "labels": ["STOCK"],
                "series": [{ "name": "missing", "token": "--f-missing", "values": [3.0] }],
                "unit": "rows", "logScale": false, "height": 96
            })
        );
    }
}
