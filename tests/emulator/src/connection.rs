//! One connection, from its acceptance to its end.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::fault::Then;
use crate::journal::Journal;
use crate::service::{Requests, Shared};
use crate::wire::{Wire, WireIo};

/// How long a client that was answered early may be silent before its connection is closed for good.
const LINGER_SILENCE: Duration = Duration::from_secs(2);

/// How long it may go on sending.
const LINGER: Duration = Duration::from_secs(30);

/// Serves one connection, counted before, until it ends or the emulator stops and no request is under
/// way.
pub(crate) async fn serve(stream: TcpStream, shared: Arc<Shared>, open: Open) {
    // It matters for small answers only, and without it they are late, not wrong.
    let _ = stream.set_nodelay(true);
    let journal = Arc::clone(&shared.journal);
    let mut stopping = shared.stopping.subscribe();
    let wire = Arc::new(Wire::new(stream, journal));
    let requests = Requests { shared, wire: Arc::clone(&wire), connection: open.connection };
    let served = http1::Builder::new()
        .max_buf_size(512 * 1024)
        .max_headers(256)
        .serve_connection(WireIo(Arc::clone(&wire)), requests);
    let mut served = std::pin::pin!(served);
    let outcome = tokio::select! {
        outcome = served.as_mut() => outcome,
        () = stopped(&mut stopping) => {
            served.as_mut().graceful_shutdown();
            served.as_mut().await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, connection = open.connection, "the connection ended");
    }
    finish(&wire, stopping).await;
}

/// Waits until the emulator is to stop.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the emulator is gone: that is a stop as well.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// What is left to do once hyper is done.
async fn finish(wire: &Wire, mut stopping: watch::Receiver<bool>) {
    match wire.end() {
        Some(Then::Reset) => wire.reset_on_drop(),
        Some(Then::Close) => {}
        Some(Then::Stall) => tokio::select! {
            () = wire.closed_by_client() => {}
            () = stopped(&mut stopping) => {}
        },
        // Closing while bytes are unread resets the connection, and a reset may overtake the answer.
        Some(Then::Keep) | None => {
            wire.shut_down();
            let lingering =
                async { while timeout(LINGER_SILENCE, wire.discard()).await.unwrap_or(false) {} };
            tokio::select! {
                _ = timeout(LINGER, lingering) => {}
                () = stopped(&mut stopping) => {}
            }
        }
    }
}

/// A connection that is open; it is written down that it isn't when this is dropped, be it because the
/// emulator is.
pub(crate) struct Open {
    connection: u64,
    journal: Arc<Journal>,
}

impl Open {
    pub(crate) fn new(journal: &Arc<Journal>) -> Self {
        Self { connection: journal.connected(), journal: Arc::clone(journal) }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.journal.disconnected(self.connection);
    }
}
