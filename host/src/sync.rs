//! The synchronization of what calls share. `tests/model` replaces this module to explore the schedules.

pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
