//! The operator's own pace: at 0 % the run is held until somebody asks for more. Between 1 and 99 %
//! it is no hold: the worker rests after each chunk (`worker::gate`).

use super::Hold;

pub(crate) const NAME: &str = "operator_pace";

pub(crate) fn hold(percent: u8) -> Option<Hold> {
    (percent == 0).then(|| Hold { name: NAME, reason: "the operator's pace is 0 %".into() })
}
