//! Crashes where the test wants them: a future that is dropped at one of its await points.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use amend_engine::clock::{Clock, SystemClock};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

/// Drives a future through so many waits and drops it at the next, as a process that dies there.
/// `None` when it was dropped before its end.
pub struct CrashAt<F> {
    inner: Option<Pin<Box<F>>>,
    waits: usize,
    passed: watch::Sender<usize>,
}

/// A future that dies at its await point number `waits`, from 0. The receiver says how many it has
/// passed, so that others can act in between.
pub fn crash_at<F: Future>(waits: usize, inner: F) -> (CrashAt<F>, watch::Receiver<usize>) {
    let (passed, seen) = watch::channel(0);
    (CrashAt { inner: Some(Box::pin(inner)), waits, passed }, seen)
}

impl<F: Future> Future for CrashAt<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let now = *self.passed.borrow();
        let Some(inner) = self.inner.as_mut() else { return Poll::Ready(None) };
        match inner.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => {
                self.passed.send_replace(now + 1);
                if now == self.waits {
                    // It dies while it waits, not when it would next be woken.
                    self.inner = None;
                    return Poll::Ready(None);
                }
                Poll::Pending
            }
        }
    }
}

/// The machine's clock, ahead by some time: leases of those who died are over at once.
pub struct Ahead(pub TimeDelta);

#[async_trait]
impl Clock for Ahead {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + self.0
    }

    async fn sleep(&self, time: std::time::Duration) {
        SystemClock.sleep(time).await;
    }
}
