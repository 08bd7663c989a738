//! Chart.js, through the four functions of `frontend/js/charts.ts`.

use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::HtmlCanvasElement;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = AmendCharts, catch)]
    fn create(canvas: &HtmlCanvasElement, config: &str, on_click: Option<&js_sys::Function>) -> Result<u32, JsValue>;
    #[wasm_bindgen(js_namespace = AmendCharts, catch)]
    fn update(handle: u32, config: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(js_namespace = AmendCharts)]
    fn destroy(handle: u32);
}

/// Called with the places of the series and of the label that were clicked.
pub type PointClick = Closure<dyn Fn(u32, u32)>;

/// A chart on a canvas. Dropping it frees the chart and its listeners.
pub struct DrawnChart {
    handle: u32,
    // JavaScript calls into it until `destroy`.
    _on_click: Option<PointClick>,
}

impl DrawnChart {
    /// Draws. The library must be [`Library::Ready`].
    ///
    /// # Errors
    /// What JavaScript threw: the description is not a chart.
    pub fn create(canvas: &HtmlCanvasElement, config: &str, on_click: Option<PointClick>) -> Result<Self, JsValue> {
        let handle = create(canvas, config, on_click.as_ref().map(|c| c.as_ref().unchecked_ref()))?;
        Ok(Self { handle, _on_click: on_click })
    }

    /// Shows other figures, without animation.
    ///
    /// # Errors
    /// What JavaScript threw: the description is not a chart.
    pub fn update(&self, config: &str) -> Result<(), JsValue> {
        update(self.handle, config)
    }
}

impl Drop for DrawnChart {
    fn drop(&mut self) {
        destroy(self.handle);
    }
}

/// Whether the bundle is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    Absent,
    Loading,
    Ready,
    Failed,
}

thread_local! {
    static LIBRARY: ArcRwSignal<Library> = ArcRwSignal::new(Library::Absent);
}

/// The state of the bundle, for effects to follow.
#[must_use]
pub fn library() -> ArcRwSignal<Library> {
    LIBRARY.with(Clone::clone)
}

/// Fetches the bundle, unless it is there or on its way. After a failure it may be called again.
pub fn load() {
    let state = library();
    if matches!(state.get_untracked(), Library::Loading | Library::Ready) {
        return;
    }
    state.set(Library::Loading);
    if append_script(&state).is_err() {
        state.set(Library::Failed);
    }
}

/// A script that an allowed script adds from our own origin passes the Content-Security-Policy.
fn append_script(state: &ArcRwSignal<Library>) -> Result<(), JsValue> {
    let document = document();
    let script: web_sys::HtmlScriptElement = document.create_element("script")?.dyn_into()?;
    script.set_type("module");
    script.set_src(&address(&document));
    let loaded = state.clone();
    let failed = state.clone();
    let broken = script.clone();
    let on_load = Closure::once_into_js(move || loaded.set(Library::Ready));
    let on_error = Closure::once_into_js(move || {
        broken.remove();
        failed.set(Library::Failed);
    });
    script.add_event_listener_with_callback("load", on_load.unchecked_ref())?;
    script.add_event_listener_with_callback("error", on_error.unchecked_ref())?;
    document.head().ok_or(JsValue::NULL)?.append_child(&script)?;
    Ok(())
}

/// The bundle of this build: the shell writes the version of the assets into the body.
fn address(document: &web_sys::Document) -> String {
    let version = document.body().and_then(|body| body.dataset().get("assetVersion")).unwrap_or_default();
    format!("/pkg/{version}/charts.js")
}
