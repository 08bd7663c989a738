//! Resources: what a page loads, on the server while it is rendered and in the browser afterwards.
//!
//! They differ from `Resource::new` in one thing: values are read with the same reader as answers of
//! server functions. With two readers every type would be decoded by two copies of the same code,
//! which made a tenth of the browser's module.

use std::future::Future;

use leptos::{
    prelude::*,
    server::codee::{Decoder, Encoder},
    task::spawn_local,
};
use serde::{Serialize, de::DeserializeOwned};

/// JSON, read from bytes.
pub struct JsonBytes;

impl<T: Serialize> Encoder<T> for JsonBytes {
    type Error = serde_json::Error;
    type Encoded = String;

    fn encode(value: &T) -> Result<String, serde_json::Error> {
        serde_json::to_string(value)
    }
}

impl<T: DeserializeOwned> Decoder<T> for JsonBytes {
    type Error = serde_json::Error;
    type Encoded = str;

    fn decode(text: &str) -> Result<T, serde_json::Error> {
        serde_json::from_slice(text.as_bytes())
    }
}

/// What a page loads.
pub type Load<T> = Resource<T, JsonBytes>;

/// Loads before the page is sent.
pub fn load_first<S, T, Fut>(
    source: impl Fn() -> S + Send + Sync + 'static,
    fetch: impl Fn(S) -> Fut + Send + Sync + 'static,
) -> Load<T>
where
    S: PartialEq + Clone + Send + Sync + 'static,
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    Resource::new_with_options(source, fetch, true)
}

/// A value that the server knows at once and writes into the page.
pub fn from_page<T: Serialize + DeserializeOwned>(value: impl FnOnce() -> T) -> T {
    SharedValue::<T, JsonBytes>::new_with_encoding(value).into_inner()
}

/// A value that the browser asks for once the page is alive, because it takes a pass over the table
/// that neither the first paint nor hydration should wait for.
pub struct Later<T: Send + Sync + 'static> {
    /// The newest value; what was there stays until the next has come.
    pub value: RwSignal<Option<T>>,
    pub pending: RwSignal<bool>,
}

impl<T: Send + Sync + 'static> Clone for Later<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Later<T> {}

/// Loads in the browser alone, again whenever `fetch` has read something new. Effects run after
/// hydration, so server and browser begin with the same empty page.
pub fn load_later<T, Fut>(fetch: impl Fn() -> Fut + Send + Sync + 'static) -> Later<T>
where
    T: Send + Sync + 'static,
    Fut: Future<Output = T> + 'static,
{
    let later = Later { value: RwSignal::new(None), pending: RwSignal::new(false) };
    let asked = StoredValue::new(0_u64);
    Effect::new(move |_| {
        let answer = fetch();
        asked.update_value(|n| *n += 1);
        let mine = asked.get_value();
        later.pending.set(true);
        spawn_local(async move {
            let value = answer.await;
            // The page may be left by now, or a later question be on its way.
            if asked.try_get_value() == Some(mine) {
                later.value.set(Some(value));
                later.pending.set(false);
            }
        });
    });
    later
}
