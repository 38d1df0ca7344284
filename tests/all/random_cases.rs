//! Random faults and packages, and the invariants of every upload.

use bytes::Bytes;
use fastly_package::{
    Content, ErrorKind, Expect, Plugin, Proof, PutOptions, Result, Retries, Stored, Timeouts,
    Uploaded,
};
use fastly_package_emulator::{Answer, Fault, Then, sample};
use fastrand::Rng;
use sha2::{Digest, Sha512};
use std::time::Duration;

/// Far longer than any response takes that is not withheld by a fault.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);

/// The number of faults for uploads.
const PUT_FAULTS: usize = 24;
/// The number of faults for GETs. None of them makes the API report another package, which no client could detect.
const GET_FAULTS: usize = 11;

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

/// Returns the number of a random fault. A number can be sent to another process.
pub(crate) fn fault_number(random: &mut Rng) -> usize {
    random.usize(..PUT_FAULTS + GET_FAULTS)
}

/// Returns the fault with this number, for requests to this service.
pub(crate) fn fault(number: usize, service: &str) -> Fault {
    let fault = match number.checked_sub(PUT_FAULTS) {
        None => put_fault(number),
        Some(number) => get_fault(number),
    };
    fault.on_path(service)
}

/// Returns a package of random size, and its SHA-512.
pub(crate) fn package(random: &mut Rng) -> (Bytes, String) {
    let size = Some(if random.bool() { random.u64(400..5000) } else { random.u64(5000..400_000) });
    let bytes = sample::package(sample::SampleOptions { size, ..Default::default() });
    let hashsum = sha512(&bytes);
    (bytes.into(), hashsum)
}

/// Returns a SHA-512 in lower-case hex, computed without the code under test.
pub(crate) fn sha512(bytes: &[u8]) -> String {
    Sha512::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns plugins whose retry limits differ.
pub(crate) fn plugins(configure: impl Fn() -> fastly_package::PluginBuilder) -> Vec<Plugin> {
    let (backoff, backoff_limit) = (Duration::from_millis(1), Duration::from_millis(4));
    let timeouts =
        Timeouts { stall: RESPONSE_TIMEOUT, response: RESPONSE_TIMEOUT, ..Timeouts::default() };
    let with = |limit| {
        let retries = Retries { limit, backoff, backoff_limit, ..Retries::default() };
        configure().timeouts(timeouts).retries(retries).build().unwrap()
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

/// Panics if the result of an upload contradicts what the API has: the number of `uploads` that it stored, and the SHA-512 of the `stored` package.
pub(crate) fn assert_consistent(
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
        Err(error) => {
            assert_ne!(error.kind(), ErrorKind::Mismatch, "no fault changes the hash: {error:?}")
        }
    }
}
