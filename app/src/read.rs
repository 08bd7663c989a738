//! Reading a part of a signal's value.
//!
//! `signal.with(|v| ..)` makes code of its own for every closure, most of it the same; through a
//! function pointer it is made once for each pair of types. The module is smaller by a twentieth.

use leptos::prelude::With;

/// `signal.with(part)`.
pub fn read<S: With, U>(signal: S, part: fn(&S::Value) -> U) -> U {
    signal.with(part)
}
