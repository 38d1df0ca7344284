//! The time limits of a call.

use fastly_package_core::error::TimeoutPhase;
use std::time::Duration;

/// The time limits of a call. A call that exceeds one fails with [`ErrorKind::Timeout`](crate::ErrorKind::Timeout), which names the phase.
///
/// ```
/// use fastly_package::Timeouts;
/// use std::time::Duration;
///
/// let minute = Duration::from_secs(60);
/// let timeouts = Timeouts { stall: minute / 2, total: Some(10 * minute), ..Timeouts::default() };
/// assert_eq!(timeouts.connect, minute / 6);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Establishing a connection, name resolution included. Default: 10 s.
    pub connect: Duration,
    /// The TLS handshake. Default: 10 s.
    pub tls: Duration,
    /// The time during which no byte of the request is sent, or, once the response has begun, no byte moves at all. Default: 60 s.
    pub stall: Duration,
    /// The time from the end of the request to the response's head, and again from there to the end of its body. Default: 120 s.
    pub response: Duration,
    /// An operation as a whole, including retries, verification, and waiting for another upload to the service. Default: none.
    /// [`Plugin::with_deadline`](crate::Plugin::with_deadline) limits several operations together.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            tls: Duration::from_secs(10),
            stall: Duration::from_secs(60),
            response: Duration::from_secs(120),
            total: None,
        }
    }
}

impl Timeouts {
    /// Returns the limit of a phase other than [`TimeoutPhase::Total`], which the deadline of a call has.
    pub(crate) fn limit(&self, phase: TimeoutPhase) -> Duration {
        match phase {
            TimeoutPhase::Connect => self.connect,
            TimeoutPhase::Tls => self.tls,
            TimeoutPhase::Stall => self.stall,
            TimeoutPhase::Response => self.response,
            _ => self.total.unwrap_or_default(),
        }
    }
}
