//! The connection of an exchange, which the future that drives it and the call that ends it share.

use crate::sync::{Mutex, MutexGuard, PoisonError};

/// Holds an open connection `O`, or one that can be used again, `R`.
pub(super) struct Slot<O, R>(Mutex<Connection<O, R>>);

enum Connection<O, R> {
    None,
    Open(O),
    /// Request and response are whole, and the connection can be used again.
    Reusable(R),
    /// Nothing is sent or received any more.
    Ended,
}

impl<O, R> Default for Slot<O, R> {
    fn default() -> Self {
        Self(Mutex::new(Connection::None))
    }
}

impl<O, R> Slot<O, R> {
    /// Takes an open connection. Returns `false`, and drops the connection, if the exchange has ended.
    pub(super) fn open(&self, connection: O) -> bool {
        let mut current = self.lock();
        let is_ended = matches!(*current, Connection::Ended);
        if !is_ended {
            *current = Connection::Open(connection);
        }
        !is_ended
    }

    /// Polls the connection, if it is open. `poll` returns whether it is over: then another one may be opened.
    pub(super) fn drive(&self, poll: impl FnOnce(&mut O) -> bool) {
        let mut current = self.lock();
        if let Connection::Open(connection) = &mut *current
            && poll(connection)
        {
            *current = Connection::None;
        }
    }

    /// Ends an exchange whose response was read. `reuse` returns the connection if it can be used again.
    pub(super) fn finish(&self, reuse: impl FnOnce(O) -> Option<R>) {
        let mut current = self.lock();
        *current = match std::mem::replace(&mut *current, Connection::Ended) {
            Connection::Open(connection) => {
                reuse(connection).map_or(Connection::Ended, Connection::Reusable)
            }
            other => other,
        };
    }

    /// Closes the connection of an exchange that has not ended. One that is being opened is dropped.
    pub(super) fn end(&self) {
        let mut current = self.lock();
        if !matches!(*current, Connection::Reusable(_)) {
            *current = Connection::Ended;
        }
    }

    /// Ends the exchange, and returns its connection if it can be used again.
    pub(super) fn take_reusable(&self) -> Option<R> {
        match std::mem::replace(&mut *self.lock(), Connection::Ended) {
            Connection::Reusable(connection) => Some(connection),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connection<O, R>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
