//! The parts that pages are made of. Each has its style in `style/`, under the same name.

mod actions;
mod bar;
mod card;
mod dialog;
mod error_box;
mod facts;
mod finding;
mod loaded;
mod moment;
mod page_head;
mod state;
mod toast;
mod trend;

pub use actions::{Button, ButtonKind, ButtonLink};
pub use bar::{Bar, Segment, StackBar};
pub use card::{Card, EmptyState, Skeleton, Table};
pub use dialog::Dialog;
pub use error_box::ErrorBox;
pub use facts::{Fact, Facts, Num, StepState, Steps};
pub use finding::{FindingLegend, FindingName, FindingSwatch, finding_fill, finding_name};
pub use loaded::Loaded;
pub use moment::Moment;
pub use page_head::PageHead;
pub use state::{StateTag, Tag, Tone, state_tone};
pub use toast::{ToastStack, Toasts, use_toasts};
pub use trend::{Axis, Point, TrendLine};
