//! Who may write: one upload to a service at a time, and so many altogether.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::{OwnedMutexGuard, Semaphore, SemaphorePermit};

/// Uploads in the process, of all plugins: each reads on a thread of its own, and leaves no room for other calls for as long as it takes.
static UPLOADS: Semaphore = Semaphore::const_new(256);

/// The turns of a `Plugin`. Fastly doesn't support two writers on one service.
#[derive(Default)]
pub(crate) struct Turns {
    services: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

/// The right to upload to a service, until it is dropped.
pub(crate) struct Turn {
    _service: OwnedMutexGuard<()>,
    _upload: SemaphorePermit<'static>,
}

impl Turns {
    /// Waits for a turn, in the order of asking.
    pub(crate) async fn take(&self, service_id: &str) -> Turn {
        let service = self.service(service_id).lock_owned().await;
        // Never closed, so it is always given.
        let upload = UPLOADS.acquire().await.expect("the semaphore is never closed");
        Turn { _service: service, _upload: upload }
    }

    fn service(&self, id: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut services = self.lock();
        if let Some(turn) = services.get(id).and_then(Weak::upgrade) {
            return turn;
        }
        // Those that nobody waits for go now: the map stays as small as what is under way.
        services.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        services.insert(id.to_owned(), Arc::downgrade(&turn));
        turn
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Weak<tokio::sync::Mutex<()>>>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;

    #[tokio::test]
    async fn turns_at_one_service_come_one_after_the_other() {
        let turns = Turns::default();
        let first = turns.take("a").await;
        let mut second = pin!(turns.take("a"));
        assert!(now_or_never(second.as_mut()).await.is_none());
        turns.take("b").await;
        drop(first);
        assert!(now_or_never(second.as_mut()).await.is_some());
    }

    #[tokio::test]
    async fn who_stops_waiting_is_in_nobodys_way() {
        let turns = Turns::default();
        let first = turns.take("a").await;
        {
            let mut abandoned = pin!(turns.take("a"));
            assert!(now_or_never(abandoned.as_mut()).await.is_none());
        }
        drop(first);
        turns.take("a").await;
    }

    #[tokio::test]
    async fn services_are_forgotten_after_their_turns() {
        let turns = Turns::default();
        for number in 0..1000 {
            turns.take(&number.to_string()).await;
        }
        assert_eq!(turns.lock().len(), 1);
    }

    async fn now_or_never<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}
