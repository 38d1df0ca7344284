//! Whatever the API says, the component doesn't trap; however a package is given, it arrives as it is.

use crate::fixture::{Fixture, NEVER, in_time, sha512};
use bytes::Bytes;
use fastly_package::{Content, Error, Reply, Result};
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

/// What a component that is whole comes to: anything but a trap.
fn assert_no_trap(result: &Result<Reply>) -> Result<(), TestCaseError> {
    prop_assert!(!matches!(result, Err(Error::Component(_) | Error::Denied { .. })), "{result:?}");
    Ok(())
}

/// Gives its pieces one at a time, and lets others go first now and then.
struct Pieces {
    pieces: VecDeque<Bytes>,
    waited: bool,
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.waited = !self.waited;
        if self.waited {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(piece) = self.pieces.front_mut() {
            let length = piece.len().min(buffer.remaining());
            buffer.put_slice(&piece.split_to(length));
            if piece.is_empty() {
                self.pieces.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// A size, and where it is cut.
fn cut_sizes() -> impl Strategy<Value = (usize, Vec<usize>)> {
    let sizes =
        prop_oneof![6 => 1..5000_usize, 3 => 5000..600_000_usize, 1 => 600_000..5_242_881_usize];
    (sizes, vec(1..300_000_usize, 1..12))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn no_answer_makes_the_component_trap(
        answers in vec((200..1000_u16, vec(any::<u8>(), 0..600), "[ -~]{0,30}"), 20)
    ) {
        runtime().block_on(async {
            let fixture = Fixture::start().await;
            for (status, body, media_type) in answers {
                let answer = Answer::new(status).content_type(&media_type).body(body.clone());
                fixture.emulator.fault(Fault::answer(answer));
                assert_no_trap(&fixture.get().await)?;
                fixture.emulator.fault(Fault::answer(Answer::raw(body)));
                assert_no_trap(&fixture.get().await)?;
            }
            Ok::<_, TestCaseError>(())
        })?;
    }

    #[test]
    fn a_package_arrives_as_it_is_however_it_is_cut_and_whatever_it_is_called(
        ((size, cuts), name, seed) in (cut_sizes(), any::<String>(), any::<u8>())
    ) {
        runtime().block_on(async {
            let fixture = Fixture::start().await;
            let package: Bytes = (0..size).map(|i| (i as u8).wrapping_mul(31) ^ seed).collect();
            let (mut rest, mut pieces) = (package.clone(), VecDeque::new());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                pieces.push_back(rest.split_to(rest.len().min(*cut)));
            }
            let reader = Pieces { pieces, waited: false };
            let content = Content::from_reader(reader, size as u64).unwrap().filename(&name);
            in_time(fixture.send(content, NEVER)).await.expect_err("these are no packages");
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
