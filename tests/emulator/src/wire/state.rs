//! Which bytes belong to what. Pure but for the wakers it keeps.

use std::task::Waker;

use super::SCRATCH;
use crate::fault::Then;
use crate::pace::Pace;

/// What a [`Wire`](super::Wire) is doing.
pub(super) struct State {
    pub(super) position: Position,
    /// Bytes that came from the socket and weren't passed on yet.
    pub(super) pending: Vec<u8>,
    pub(super) scratch: Box<[u8]>,
    /// The request being received or answered.
    pub(super) request: Option<usize>,
    pub(super) read_pace: Option<Pace>,
    pub(super) write_pace: Option<Pace>,
    /// Body bytes that may still be passed on.
    pub(super) body_limit: Option<u64>,
    /// Who waits for the limit to be lifted.
    pub(super) limited: Option<Waker>,
    pub(super) withholds_continue: bool,
    /// The final answer is known, though a `100 Continue` may have to be written before it.
    pub(super) answering: bool,
    /// Some of the final answer was written: what follows is no `100 Continue`.
    pub(super) answer_begun: bool,
    /// The body of the answer was handed to hyper; once it is flushed, the answer was given.
    pub(super) answer_ends: bool,
    /// What becomes of the connection, once it is known.
    pub(super) then: Option<Then>,
}

/// Where in the stream of requests the reading is.
pub(super) enum Position {
    /// In a head; the bytes of it so far.
    Head(Vec<u8>),
    /// In a body, with so many bytes to come; `None` where the framing tells.
    Body(Option<u64>),
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            position: Position::Head(Vec::new()),
            pending: Vec::new(),
            scratch: vec![0; SCRATCH].into(),
            request: None,
            read_pace: None,
            write_pace: None,
            body_limit: None,
            limited: None,
            withholds_continue: false,
            answering: false,
            answer_begun: false,
            answer_ends: false,
            then: None,
        }
    }

    /// How many bytes may be passed on, by where the reading is and what the fault says.
    pub(super) fn room(&self, room: usize) -> usize {
        let within = |limit: Option<u64>| {
            limit
                .and_then(|limit| usize::try_from(limit).ok())
                .map_or(room, |limit| room.min(limit))
        };
        match self.position {
            Position::Head(_) => room,
            Position::Body(left) => within(left).min(within(self.body_limit)),
        }
    }

    /// How many of `bytes` may be passed on: all of a head and nothing behind it, or a piece of a body.
    pub(super) fn pass(&mut self, bytes: &[u8], room: usize) -> usize {
        let passed = match &mut self.position {
            Position::Head(head) => {
                let before = head.len();
                // A head that hyper wants more of though it is whole is one that hyper can't parse.
                let is_whole = head_end(head).is_some();
                head.extend_from_slice(&bytes[..bytes.len().min(room)]);
                if !is_whole {
                    head.truncate(head_end(head).unwrap_or(head.len()));
                }
                head.len() - before
            }
            Position::Body(left) => {
                let passed = bytes.len().min(room);
                if let Some(limit) = &mut self.body_limit {
                    *limit = limit.saturating_sub(passed as u64);
                }
                if let Some(left) = left {
                    *left = left.saturating_sub(passed as u64);
                    if *left == 0 {
                        self.position = Position::Head(Vec::new());
                    }
                }
                passed
            }
        };
        if let Some(pace) = self.read_pace.as_mut() {
            pace.moved(passed);
        }
        passed
    }
}

/// Where a head ends: behind the first empty line that follows something. Heads may begin with empty
/// lines, and a line may end without CR.
fn head_end(head: &[u8]) -> Option<usize> {
    let start = head.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
    let lines = memchr::memchr_iter(b'\n', &head[start..]);
    lines.map(|end| start + end + 1).find_map(|line| match &head[line..] {
        [b'\n', ..] => Some(line + 1),
        [b'\r', b'\n', ..] => Some(line + 2),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_the_first_empty_line_behind_its_first_line() {
        assert_eq!(head_end(b"GET / HTTP/1.1\r\nA: b\r\n\r\nbody"), Some(24));
        assert_eq!(head_end(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n"), Some(22));
        assert_eq!(head_end(b"GET / HTTP/1.1\nA: b\n\nbody"), Some(21));
        assert_eq!(head_end(b"GET / HTTP/1.1\r\nA: b\r\n\r"), None);
        assert_eq!(head_end(b"\r\n\r\n"), None);
    }
}
