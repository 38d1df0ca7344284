//! Faults and packages drawn at random, and what must hold of every upload whatever is drawn.

use bytes::Bytes;
use fastly_package::{
    Content, Error, Expect, Plugin, Proof, PutOptions, Result, Retries, Stored, Timeouts, Uploaded,
};
use fastly_package_emulator::{Answer, Fault, Then, sample};
use fastrand::Rng;
use sha2::{Digest, Sha512};
use std::time::Duration;

/// How long an answer is waited for: far longer than any that comes takes.
const ANSWER: Duration = Duration::from_secs(3);

/// Faults of uploads.
const PUT_FAULTS: usize = 24;
/// Faults of GETs: none of them makes the API say what isn't so, since then nothing could be found out.
const GET_FAULTS: usize = 11;

/// The fault of this number, from 0 to `PUT_FAULTS`, for uploads whose path has this in it.
fn put_fault(number: usize) -> Fault {
    let late = |status| Fault::answer(Answer::new(status));
    let early = |status| Fault::early_answer(Answer::new(status));
    let fault = match number {
        0 => Fault::close(),
        1 => Fault::reset(),
        2 => Fault::close().after_body_bytes(1000),
        3 => Fault::reset().after_body_bytes(1000),
        4 => Fault::lost_answer(),
        5 => Fault::lost_answer().then(Then::Reset),
        6 => late(503),
        7 => late(500),
        8 => late(504).stored(),
        9 => late(502).stored(),
        10 => late(408),
        11 => early(503),
        12 => early(401),
        13 => early(413).then(Then::Close),
        14 => Fault::answer(Answer::bad_package()),
        15 => Fault::answer(Answer::real().cut_to(50)),
        16 => Fault::answer(Answer::real().chunked_cut_to(50)),
        17 => Fault::answer(Answer::new(200).body("<html>")).stored(),
        18 => Fault::answer(Answer::new(200).body("<html>")),
        19 => Fault::answer(Answer::redirect(307, "https://elsewhere.test/")),
        20 => Fault::answer(Answer::raw("nonsense\r\n\r\n")).stored(),
        21 => Fault::never_answer().stored(),
        22 => Fault::no_continue(),
        _ => Fault::expectation_failed(),
    };
    fault.on_put()
}

fn get_fault(number: usize) -> Fault {
    let late = |status| Fault::answer(Answer::new(status));
    let fault = match number {
        0 => Fault::close(),
        1 => Fault::reset(),
        2 => late(500),
        3 => late(502),
        4 => late(503),
        5 => late(408),
        6 => late(403),
        7 => Fault::answer(Answer::real().cut_to(20)),
        8 => Fault::answer(Answer::new(200).body("<html>")),
        9 => Fault::delay(Duration::from_millis(20)),
        _ => Fault::answer(Answer::raw("nonsense\r\n\r\n")),
    };
    fault.on_get()
}

/// A number of a fault, which another process can be told.
pub(crate) fn draw(random: &mut Rng) -> usize {
    random.usize(..PUT_FAULTS + GET_FAULTS)
}

/// The fault of this number, for the service alone.
pub(crate) fn fault(number: usize, service: &str) -> Fault {
    let fault = match number.checked_sub(PUT_FAULTS) {
        None => put_fault(number),
        Some(number) => get_fault(number),
    };
    fault.on_path(service)
}

/// A package of a drawn size, and its SHA-512.
pub(crate) fn package(random: &mut Rng) -> (Bytes, String) {
    let size = Some(if random.bool() { random.u64(400..5000) } else { random.u64(5000..400_000) });
    let bytes = sample::package(sample::SampleOptions { size, ..Default::default() });
    let hashsum = sha512(&bytes);
    (bytes.into(), hashsum)
}

/// SHA-512 in lower-case hex, made without the code under test.
pub(crate) fn sha512(bytes: &[u8]) -> String {
    Sha512::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Plugins for this API that differ in how often they try again.
pub(crate) fn plugins(set_up: impl Fn() -> fastly_package::PluginBuilder) -> Vec<Plugin> {
    let (backoff, backoff_limit) = (Duration::from_millis(1), Duration::from_millis(4));
    let timeouts = Timeouts { stall: ANSWER, answer: ANSWER, ..Timeouts::default() };
    let with = |limit| {
        let retries = Retries { limit, backoff, backoff_limit, ..Retries::default() };
        set_up().timeouts(timeouts).retries(retries).build().unwrap()
    };
    (0..4).map(with).collect()
}

pub(crate) fn options(random: &mut Rng) -> PutOptions {
    let expect = [Expect::Auto, Expect::Always, Expect::Never][random.usize(..3)];
    PutOptions { expect, verify: random.u8(..8) > 0, force: false }
}

pub(crate) fn content(random: &mut Rng, package: &Bytes) -> Content {
    if random.u8(..4) > 0 {
        return Content::from_bytes(package.clone()).unwrap();
    }
    let reader = std::io::Cursor::new(package.clone());
    Content::from_reader(reader, package.len() as u64).unwrap()
}

/// Panics unless what is said of an upload is what became of it. `uploads`: how often the API stored it; `stored`: the SHA-512 of what
/// it has.
pub(crate) fn assert_true(
    result: &Result<Uploaded>,
    sent: &str,
    uploads: u64,
    stored: Option<&str>,
) {
    assert!(uploads <= 1, "stored {uploads} times: {result:?}");
    match result {
        Ok(uploaded) => {
            assert_eq!(stored, Some(sent), "{uploaded:?}");
            assert!(matches!(uploaded.proof, Proof::Verified | Proof::Off), "{uploaded:?}");
        }
        Err(error) if error.stored() == Stored::No => assert_eq!(stored, None, "{error:?}"),
        Err(Error::Mismatch(mismatch)) => panic!("nothing here lies: {mismatch:?}"),
        Err(_) => {}
    }
}
