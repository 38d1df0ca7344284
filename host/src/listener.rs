//! Callbacks of the embedder.

use std::fmt;
use std::sync::Arc;

/// A callback, or none.
pub(crate) struct Listener<F: ?Sized>(Option<Arc<F>>);

impl<F: ?Sized> Listener<F> {
    pub(crate) fn new(listener: Arc<F>) -> Self {
        Self(Some(listener))
    }

    pub(crate) fn get(&self) -> Option<&F> {
        self.0.as_deref()
    }
}

impl<F: ?Sized> Default for Listener<F> {
    fn default() -> Self {
        Self(None)
    }
}

impl<F: ?Sized> fmt::Debug for Listener<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Listener").field(&self.0.is_some()).finish()
    }
}
