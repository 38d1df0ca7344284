//! The public handle of an emulator.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

use crate::config::Config;
use crate::exchange;
use crate::fault::Fault;
use crate::recorder::RecordedRequest;
use crate::shared::{OpenConnection, Shared};
use crate::stored_package::StoredPackage;

/// The time that [`Emulator::shutdown`] waits for requests in progress.
const GRACE: Duration = Duration::from_secs(5);

/// Fastly's package API on a socket of its own. Dropping it closes all connections.
#[derive(Debug)]
pub struct Emulator {
    addr: SocketAddr,
    shared: Arc<Shared>,
    /// Ends with the emulator.
    accepting: JoinSet<()>,
}

impl Emulator {
    /// Starts listening and answering. The emulator's tasks run in the current runtime.
    ///
    /// # Errors
    ///
    /// If listening on the address fails.
    pub async fn start(config: Config) -> io::Result<Self> {
        let listener = TcpListener::bind(config.listen).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared::new(config));
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { addr, shared, accepting })
    }

    /// Returns the API's base URL, such as `http://127.0.0.1:40123`, with the configured path prefix.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.addr, self.shared.api.config.path_prefix)
    }

    /// Returns the address the emulator listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Queues a fault. It applies to the first request that matches it and to which no earlier fault applies.
    pub fn fault(&self, fault: Fault) {
        self.shared.faults().push(fault);
    }

    /// Removes all queued faults.
    pub fn clear_faults(&self) {
        self.shared.faults().clear();
    }

    /// Returns all requests so far, in the order of their arrival.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.recorder.records().requests.clone()
    }

    /// Returns the package of a version.
    pub fn package(&self, service_id: &str, version: u32) -> Option<StoredPackage> {
        self.shared.api.state().package(service_id, version).cloned()
    }

    /// Locks a version. Uploads to it are answered with 422.
    pub fn lock(&self, service_id: &str, version: u32) {
        self.shared.api.state().lock(service_id, version);
    }

    /// Returns the number of connections accepted so far. To count those that wait to be accepted too, use
    /// [`count_connections`](Self::count_connections).
    pub fn connections(&self) -> u64 {
        self.shared.recorder.records().accepted
    }

    /// Returns the number of connections made so far, including those that waited to be accepted.
    ///
    /// # Errors
    ///
    /// If the emulator can't connect to itself, which it does to wait for all earlier connections.
    pub async fn count_connections(&self) -> io::Result<u64> {
        let socket = if self.addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.bind(SocketAddr::new(self.addr.ip(), 0))?;
        self.shared.add_probe(socket.local_addr()?);
        let mut probe = socket.connect(self.addr).await?;
        let _ = probe.read(&mut [0]).await?;
        Ok(self.connections())
    }

    /// Returns the number of open connections.
    pub fn open_connections(&self) -> u64 {
        self.shared.recorder.records().open
    }

    /// Calls `callback` once for each request, when its response was written or its connection ended without one. The callback replaces an
    /// earlier one, and must not block.
    pub fn on_request(&self, callback: impl Fn(&RecordedRequest) + Send + Sync + 'static) {
        self.shared.recorder.set_callback(Arc::new(callback));
    }

    /// Waits until `condition` returns a value for the requests so far. It is called after each change, such as more bytes of a body.
    pub async fn wait_until<T>(
        &self,
        mut condition: impl FnMut(&[RecordedRequest]) -> Option<T>,
    ) -> T {
        self.shared.recorder.wait_until(|records| condition(&records.requests)).await
    }

    /// Waits until `count` requests are over ([`RecordedRequest::is_over`]), and returns all requests.
    pub async fn wait_for_requests(&self, count: usize) -> Vec<RecordedRequest> {
        self.wait_until(|requests| {
            let over = requests.iter().filter(|request| request.is_over()).count();
            (over >= count).then(|| requests.to_vec())
        })
        .await
    }

    /// Waits until the connection of the request with this index, counted from 0, has ended. Its number of body bytes is final then.
    pub async fn connection_ended(&self, index: usize) -> RecordedRequest {
        self.wait_until(|requests| {
            requests.get(index).filter(|request| request.connection_ended).cloned()
        })
        .await
    }

    /// Waits until all requests are over ([`RecordedRequest::is_over`]).
    pub async fn idle(&self) {
        self.wait_until(|requests| requests.iter().all(RecordedRequest::is_over).then_some(()))
            .await;
    }

    /// Waits until no connection is open.
    pub async fn all_closed(&self) {
        self.shared.recorder.wait_until(|records| (records.open == 0).then_some(())).await;
    }

    /// Stops accepting connections, and waits up to five seconds for requests in progress.
    pub async fn shutdown(mut self) {
        self.shared.stop();
        let _ = tokio::time::timeout(GRACE, self.accepting.join_next()).await;
        self.accepting.shutdown().await;
    }
}

/// Accepts connections until the emulator stops. They are subtasks, so that they end with this one.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                // Its end tells `count_connections` that all earlier connections were accepted.
                Ok((_, peer)) if shared.take_probe(peer) => {}
                Ok((stream, _)) => {
                    let open = OpenConnection::new(&shared);
                    connections.spawn(exchange::serve(stream, Arc::clone(&shared), open));
                }
                // Such as too many open files, which may pass.
                Err(error) => {
                    tracing::warn!(%error, "can't accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = shared.stopped() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}
