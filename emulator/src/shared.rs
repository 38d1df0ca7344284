//! The state that all connections of an emulator share.

use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::api::Api;
use crate::config::Config;
use crate::fault::Fault;
use crate::recorder::Recorder;

pub(crate) struct Shared {
    pub(crate) api: Api,
    pub(crate) recorder: Arc<Recorder>,
    faults: Mutex<Vec<Fault>>,
    stopping: watch::Sender<bool>,
    /// Addresses from which the emulator connects to itself.
    probes: Mutex<HashSet<SocketAddr>>,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            api: Api::new(config),
            recorder: Arc::default(),
            faults: Mutex::default(),
            stopping: watch::Sender::new(false),
            probes: Mutex::default(),
        }
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits until the emulator is to stop.
    pub(crate) async fn stopped(&self) {
        // The sender lives as long as this borrow: waiting can't fail.
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    pub(crate) fn add_probe(&self, address: SocketAddr) {
        self.probes.lock().unwrap_or_else(PoisonError::into_inner).insert(address);
    }

    /// Returns whether the emulator made this connection itself, and forgets the address.
    pub(crate) fn take_probe(&self, address: SocketAddr) -> bool {
        self.probes.lock().unwrap_or_else(PoisonError::into_inner).remove(&address)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("config", &self.api.config).finish_non_exhaustive()
    }
}

/// A connection that counts as open until this is dropped.
pub(crate) struct OpenConnection {
    pub(crate) number: u64,
    shared: Arc<Shared>,
}

impl OpenConnection {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self { number: shared.recorder.connected(), shared: Arc::clone(shared) }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.shared.recorder.disconnected(self.number);
    }
}
