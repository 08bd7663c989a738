//! The life of one worker, which can be stopped at each of its await points for others to act.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::atomic::{AtomicI64, Ordering},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use amend_domain::Problem;
use amend_engine::clock::{Clock, SystemClock};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

/// How long others have for themselves before the worker goes on. Whoever waits for what the worker has
/// locked needs it to go on.
const HEAD_START: Duration = Duration::from_millis(2);

/// A clock that goes many times as fast as the machine's, so that pauses between tries, looks and
/// heartbeats take the time of a test; and that jumps ahead where a lease has to be over.
pub(super) struct Hasty {
    begun: Instant,
    at: DateTime<Utc>,
    ahead_ms: AtomicI64,
}

impl Hasty {
    const TIMES: u32 = 50;
    /// Longer than any lease here.
    const JUMP_MS: i64 = 120_000;

    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), at: SystemClock.now(), ahead_ms: AtomicI64::new(0) }
    }

    pub(super) fn jump(&self) {
        self.ahead_ms.fetch_add(Self::JUMP_MS, Ordering::AcqRel);
    }
}

#[async_trait]
impl Clock for Hasty {
    fn now(&self) -> DateTime<Utc> {
        let passed = TimeDelta::from_std(self.begun.elapsed() * Self::TIMES).unwrap_or(TimeDelta::MAX);
        self.at + passed + TimeDelta::milliseconds(self.ahead_ms.load(Ordering::Acquire))
    }

    async fn sleep(&self, time: Duration) {
        SystemClock.sleep(time / Self::TIMES).await;
    }
}

type Work<'a> = Pin<Box<dyn Future<Output = Result<(), Problem>> + Send + 'a>>;
type Act<'a> = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + 'a>>;

/// A worker and what goes on beside it. Dropped, the worker dies where it is.
pub(super) struct Life<'a> {
    work: Option<Work<'a>>,
    waits: usize,
    beside: Vec<Act<'a>>,
}

impl<'a> Life<'a> {
    pub(super) fn of(work: impl Future<Output = Result<(), Problem>> + Send + 'a) -> Self {
        Self { work: Some(Box::pin(work)), waits: 0, beside: Vec::new() }
    }

    /// Await points that the worker has come to.
    pub(super) const fn waits(&self) -> usize {
        self.waits
    }

    /// Lets the worker go on to this await point, and holds it there. True when it has come to its end.
    pub(super) async fn go_on_to(&mut self, waits: usize) -> anyhow::Result<bool> {
        poll_fn(|context| {
            self.poll_beside(context)?;
            let Some(work) = self.work.as_mut() else { return Poll::Ready(Ok(true)) };
            if let Poll::Ready(ended) = work.as_mut().poll(context) {
                self.work = None;
                return Poll::Ready(ended.map(|()| true).map_err(Into::into));
            }
            self.waits += 1;
            if self.waits > waits { Poll::Ready(Ok(false)) } else { Poll::Pending }
        })
        .await
    }

    /// Begins what somebody else does; the worker stands still for a moment.
    pub(super) async fn beside(
        &mut self,
        act: impl Future<Output = anyhow::Result<()>> + Send + 'a,
    ) -> anyhow::Result<()> {
        self.beside.push(Box::pin(act));
        // Running out of it is as good as coming to the end.
        tokio::time::timeout(HEAD_START, self.all_beside()).await.unwrap_or(Ok(()))
    }

    /// The worker dies.
    pub(super) fn die(&mut self) {
        self.work = None;
    }

    /// Waits for what goes on beside.
    pub(super) async fn all_beside(&mut self) -> anyhow::Result<()> {
        poll_fn(|context| {
            self.poll_beside(context)?;
            if self.beside.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
        .await
    }

    fn poll_beside(&mut self, context: &mut Context<'_>) -> anyhow::Result<()> {
        let mut trouble = Ok(());
        self.beside.retain_mut(|act| match act.as_mut().poll(context) {
            Poll::Pending => true,
            Poll::Ready(ended) => {
                if trouble.is_ok() {
                    trouble = ended;
                }
                false
            }
        });
        trouble
    }
}
