//! Properties: no response makes the component trap, and a package is sent unmodified however its reader splits it.

use crate::fixture::{Fixture, NEVER, sha512, with_timeout};
use bytes::Bytes;
use fastly_package::{Content, Error, ErrorKind, Reply, Result};
use fastly_package_emulator::{Answer, Fault};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Asserts that the component neither trapped nor sent a denied request.
fn check_no_trap(result: &Result<Reply>) -> Result<(), TestCaseError> {
    let kind = result.as_ref().err().map(Error::kind);
    prop_assert!(!matches!(kind, Some(ErrorKind::Component | ErrorKind::Denied)), "{result:?}");
    Ok(())
}

/// A reader that yields one chunk at a time, and is pending before each.
struct ChunkReader {
    chunks: VecDeque<Bytes>,
    was_pending: bool,
}

impl AsyncRead for ChunkReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.was_pending = !self.was_pending;
        if self.was_pending {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(chunk) = self.chunks.front_mut() {
            let length = chunk.len().min(buffer.remaining());
            buffer.put_slice(&chunk.split_to(length));
            if chunk.is_empty() {
                self.chunks.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Generates the size of a package, and the sizes of its chunks.
fn sizes_and_chunks() -> impl Strategy<Value = (usize, Vec<usize>)> {
    let sizes =
        prop_oneof![6 => 1..5000_usize, 3 => 5000..600_000_usize, 1 => 600_000..5_242_881_usize];
    (sizes, vec(1..300_000_usize, 1..12))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn no_response_makes_the_component_trap(
        responses in vec((200..1000_u16, vec(any::<u8>(), 0..600), "[ -~]{0,30}"), 20)
    ) {
        runtime().block_on(async {
            let fixture = Fixture::start().await;
            for (status, body, media_type) in responses {
                let answer = Answer::new(status).content_type(&media_type).body(body.clone());
                fixture.emulator.fault(Fault::answer(answer));
                check_no_trap(&fixture.get().await)?;
                fixture.emulator.fault(Fault::answer(Answer::raw(body)));
                check_no_trap(&fixture.get().await)?;
            }
            Ok::<_, TestCaseError>(())
        })?;
    }

    #[test]
    fn a_package_is_sent_unmodified_whatever_its_chunks_and_its_file_name(
        ((size, chunk_sizes), name, seed) in (sizes_and_chunks(), any::<String>(), any::<u8>())
    ) {
        runtime().block_on(async {
            let fixture = Fixture::start().await;
            let package: Bytes = (0..size).map(|i| (i as u8).wrapping_mul(31) ^ seed).collect();
            let (mut rest, mut chunks) = (package.clone(), VecDeque::new());
            for chunk_size in chunk_sizes.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                chunks.push_back(rest.split_to(rest.len().min(*chunk_size)));
            }
            let reader = ChunkReader { chunks, was_pending: false };
            let content = Content::from_reader(reader, size as u64).unwrap().with_file_name(&name);
            with_timeout(fixture.send(content, NEVER)).await.expect_err("not a package");
            let request = fixture.only_request().await;
            prop_assert_eq!(request.status, Some(400));
            prop_assert_eq!(request.content_length, Some(request.body_bytes));
            prop_assert_eq!(request.parts.len(), 1);
            let part = request.package().expect("the part is named package");
            prop_assert_eq!(part.size, size as u64);
            prop_assert_eq!(part.sha512.clone(), Some(sha512(&package)));
            prop_assert!(part.filename.as_ref().is_some_and(|name| !name.is_empty()));
            Ok::<_, TestCaseError>(())
        })?;
    }
}
