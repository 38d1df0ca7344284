//! Limits on concurrent uploads: one at a time to a service, and a number of them in the process.

use crate::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::collections::HashMap;
use tokio::sync::{OwnedMutexGuard, Semaphore, SemaphorePermit};

/// Uploads in the process, of all plugins: each has a thread that reads.
static UPLOADS: Semaphore = Semaphore::const_new(256);

/// The locks of a `Plugin`: Fastly doesn't support two writers on one service.
#[derive(Default)]
pub(crate) struct ServiceLocks(Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>);

/// The permission to upload to a service, until it is dropped.
pub(crate) struct UploadPermit {
    _service: OwnedMutexGuard<()>,
    _upload: SemaphorePermit<'static>,
}

impl ServiceLocks {
    /// Waits for a permit. Permits are given in the order of the calls.
    pub(crate) async fn acquire(&self, service_id: &str) -> UploadPermit {
        let service = self.service(service_id).lock_owned().await;
        let upload = UPLOADS.acquire().await.expect("the semaphore is never closed");
        UploadPermit { _service: service, _upload: upload }
    }

    fn service(&self, id: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks();
        if let Some(lock) = locks.get(id).and_then(Weak::upgrade) {
            return lock;
        }
        // Unused locks are removed here, so that the map doesn't grow with the number of services.
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::default();
        locks.insert(id.to_owned(), Arc::downgrade(&lock));
        lock
    }

    fn locks(&self) -> MutexGuard<'_, HashMap<String, Weak<tokio::sync::Mutex<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;

    #[tokio::test]
    async fn uploads_to_one_service_run_one_after_the_other() {
        let locks = ServiceLocks::default();
        let first = locks.acquire("a").await;
        let mut second = pin!(locks.acquire("a"));
        assert!(now_or_never(second.as_mut()).await.is_none());
        locks.acquire("b").await;
        drop(first);
        assert!(now_or_never(second.as_mut()).await.is_some());
    }

    #[tokio::test]
    async fn an_abandoned_wait_blocks_nobody() {
        let locks = ServiceLocks::default();
        let first = locks.acquire("a").await;
        {
            let mut abandoned = pin!(locks.acquire("a"));
            assert!(now_or_never(abandoned.as_mut()).await.is_none());
        }
        drop(first);
        locks.acquire("a").await;
    }

    #[tokio::test]
    async fn unused_locks_are_removed() {
        let locks = ServiceLocks::default();
        for number in 0..1000 {
            locks.acquire(&number.to_string()).await;
        }
        assert_eq!(locks.locks().len(), 1);
    }

    async fn now_or_never<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}
