//! Idle connections.

use crate::sync::{Mutex, MutexGuard, PoisonError};

/// The maximum number of idle connections.
pub(super) const MAX_IDLE: usize = 64;

/// Idle connections, the latest of which is used first.
pub(super) struct IdleStack<T>(Mutex<Vec<T>>);

impl<T> Default for IdleStack<T> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<T> IdleStack<T> {
    /// Adds a connection, and drops the oldest one if there are too many.
    pub(super) fn push(&self, connection: T) {
        let mut idle = self.lock();
        if idle.len() >= MAX_IDLE {
            idle.remove(0);
        }
        idle.push(connection);
    }

    /// Takes the latest connection that matches.
    pub(super) fn pop(&self, is_match: impl FnMut(&T) -> bool) -> Option<T> {
        let mut idle = self.lock();
        let index = idle.iter().rposition(is_match)?;
        Some(idle.remove(index))
    }

    /// Drops the connections that don't match.
    pub(super) fn retain(&self, is_match: impl FnMut(&T) -> bool) {
        self.lock().retain(is_match);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
