//! The connections of a plugin to its one origin.

#[cfg(test)]
mod tests;

use super::connect::{Connector, Stream};
use super::connect_error::ConnectError;
use super::idle::IdleStack;
use http::Uri;
use socket2::SockRef;
use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::time::Duration;
use tokio::runtime::{self, Handle};
use tokio::time::Instant;

/// How long an idle connection is kept: less than servers keep theirs, so that few requests meet a closing one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Opens connections, and keeps idle ones: until they are needed, until a later call finds that they have expired, or until this is dropped.
pub(crate) struct Connections {
    connector: Connector,
    idle: IdleStack<Idle>,
}

/// An idle connection.
pub(crate) struct Idle {
    stream: Box<dyn Stream>,
    since: Instant,
    owner: Owner,
}

/// The process and the runtime that opened a connection. The runtime wakes the tasks which wait for it: on another one, a call would wait in vain. A
/// forked process shares the connection with its parent.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Owner(u32, runtime::Id);

impl Owner {
    /// Returns the owner of a connection that is opened now. Must be called on a runtime.
    pub(super) fn current() -> Self {
        Self(std::process::id(), Handle::current().id())
    }
}

impl Idle {
    /// `owner` is that of the connection when it was opened.
    pub(super) fn new(stream: Box<dyn Stream>, owner: Owner) -> Self {
        Self { stream, since: Instant::now(), owner }
    }
}

impl Connections {
    pub(crate) fn new(connector: Connector) -> Self {
        Self { connector, idle: IdleStack::default() }
    }

    /// Returns a connection, and whether it is an idle one that is used again.
    pub(super) async fn connect(&self, uri: &Uri) -> Result<(Box<dyn Stream>, bool), ConnectError> {
        match self.take_idle() {
            Some(stream) => Ok((stream, true)),
            None => Ok((self.connector.connect(uri).await?, false)),
        }
    }

    fn take_idle(&self) -> Option<Box<dyn Stream>> {
        self.idle.retain(|idle| idle.since.elapsed() < IDLE_TIMEOUT);
        let owner = Owner::current();
        loop {
            let stream = self.idle.pop(|idle| idle.owner == owner)?.stream;
            if is_quiet(&*stream) {
                return Some(stream);
            }
        }
    }

    /// Keeps a connection for another exchange.
    pub(super) fn give_back(&self, connection: Idle) {
        self.idle.push(connection);
    }
}

/// Returns whether a connection is open and nothing was received on it. Asks the kernel: the runtime may not have seen it yet.
fn is_quiet(stream: &dyn Stream) -> bool {
    let received = SockRef::from(stream.tcp()).peek(&mut [MaybeUninit::uninit()]);
    received.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}
