//! The emulator as its users hold it.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::api::Api;
use crate::config::Config;
use crate::connection::{self, Open};
use crate::fault::{Fault, Faults};
use crate::journal::{Journal, RecordedRequest};
use crate::service::Shared;
use crate::stored_package::StoredPackage;

/// How long [`Emulator::shutdown`] waits for requests that are under way.
const GRACE: Duration = Duration::from_secs(5);

/// Fastly's package API on a socket of its own, until it is dropped.
#[derive(Debug)]
pub struct Emulator {
    addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl Emulator {
    /// Listens, and answers from now on. Its tasks run in the runtime that calls this.
    ///
    /// # Errors
    ///
    /// If the address can't be listened on.
    pub async fn start(config: Config) -> io::Result<Self> {
        let listener = TcpListener::bind(config.listen).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            api: Api::new(config),
            journal: Arc::new(Journal::new()),
            faults: Mutex::new(Faults::default()),
            stopping: watch::Sender::new(false),
            probes: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { addr, shared, accepting: Some(accepting) })
    }

    /// The API's base address, such as `http://127.0.0.1:40123`, with the configured path prefix.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.addr, self.shared.api.config.path_prefix)
    }

    /// The address that is listened on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Queues a fault: it is for the first request that matches it and that no earlier fault is for.
    pub fn fault(&self, fault: Fault) {
        self.faults().push(fault);
    }

    /// Forgets the faults that are queued.
    pub fn clear_faults(&self) {
        self.faults().clear();
    }

    /// All requests until now, in the order they came.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.journal.book().requests.clone()
    }

    /// What was uploaded last to this version.
    pub fn package(&self, service_id: &str, version: u32) -> Option<StoredPackage> {
        self.shared.api.state().package(service_id, version).cloned()
    }

    /// Locks a version: uploads to it are answered with 422.
    pub fn lock(&self, service_id: &str, version: u32) {
        self.shared.api.state().lock(service_id, version);
    }

    /// Number of connections accepted until now. One that was made may still wait to be accepted: where
    /// it matters that there was none, see [`count_connections`](Self::count_connections).
    pub fn connections(&self) -> u64 {
        self.shared.journal.book().accepted
    }

    /// Number of connections made until now, those included that waited to be accepted.
    ///
    /// # Errors
    ///
    /// If the emulator can't connect to itself, which is how it knows.
    pub async fn count_connections(&self) -> io::Result<u64> {
        let socket = if self.addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.bind(SocketAddr::new(self.addr.ip(), 0))?;
        self.shared.add_probe(socket.local_addr()?);
        let mut probe = socket.connect(self.addr).await?;
        let _ = probe.read(&mut [0]).await?;
        Ok(self.connections())
    }

    /// Number of connections that are open at present.
    pub fn open_connections(&self) -> u64 {
        self.shared.journal.book().open
    }

    /// Calls `listener` once for each request, when its answer was written to the end or when its
    /// connection ended without one. It replaces a listener set before, and must not block.
    pub fn on_request(&self, listener: impl Fn(&RecordedRequest) + Send + Sync + 'static) {
        self.shared.journal.listen(Arc::new(listener));
    }

    /// Waits until `satisfied` returns something for the requests until then; it is asked again whenever
    /// anything changes, be it the number of a body's bytes.
    pub async fn wait_until<T>(
        &self,
        mut satisfied: impl FnMut(&[RecordedRequest]) -> Option<T>,
    ) -> T {
        self.shared.journal.wait_until(|book| satisfied(&book.requests)).await
    }

    /// Waits until so many requests came and nothing more will happen to them
    /// ([`RecordedRequest::is_over`]), and returns them all.
    pub async fn wait_for_requests(&self, count: usize) -> Vec<RecordedRequest> {
        self.wait_until(|requests| {
            let over = requests.iter().filter(|request| request.is_over()).count();
            (over >= count).then(|| requests.to_vec())
        })
        .await
    }

    /// Waits until the connection of the request of this index, counted from 0, has ended: its number of
    /// body bytes is final then.
    pub async fn connection_ended(&self, index: usize) -> RecordedRequest {
        self.wait_until(|requests| {
            requests.get(index).filter(|request| request.connection_ended).cloned()
        })
        .await
    }

    /// Waits until nothing will happen any more to any request that came.
    pub async fn idle(&self) {
        self.wait_until(|requests| requests.iter().all(RecordedRequest::is_over).then_some(()))
            .await;
    }

    /// Waits until no connection is open.
    pub async fn all_closed(&self) {
        self.shared.journal.wait_until(|book| (book.open == 0).then_some(())).await;
    }

    /// Accepts nothing more, lets requests that are under way end for up to five seconds, and stops.
    pub async fn shutdown(mut self) {
        self.shared.stopping.send_replace(true);
        if let Some(mut accepting) = self.accepting.take()
            && tokio::time::timeout(GRACE, &mut accepting).await.is_err()
        {
            accepting.abort();
            let _ = accepting.await;
        }
    }

    fn faults(&self) -> std::sync::MutexGuard<'_, Faults> {
        self.shared.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("config", &self.api.config).finish_non_exhaustive()
    }
}

/// Accepts until stopped. The connections are tasks of its own, so that they end with it.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut stopping = shared.stopping.subscribe();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                // The probe is dropped, and so its client learns that all before it were accepted.
                Ok((_, peer)) if shared.is_probe(peer) => {}
                Ok((stream, _)) => {
                    let open = Open::new(&shared.journal);
                    connections.spawn(connection::serve(stream, Arc::clone(&shared), open));
                }
                // Out of descriptors, for one: it may pass, and until then trying at once won't help.
                Err(error) => {
                    tracing::warn!(%error, "a connection can't be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = connection::stopped(&mut stopping) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}
