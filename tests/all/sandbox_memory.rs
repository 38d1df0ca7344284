//! The linear memory of a component during a call, read through `/proc`, contains neither package nor token.

use crate::fixture::{Fixture, NEVER, TOKEN, with_timeout};
use crate::programs;
use fastly_package::Content;
use fastly_package_emulator::{Answer, Fault, RecordedRequest};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// The minimum length of the inaccessible region that wasmtime reserves after the accessible part of a linear memory, in bytes.
const RESERVED: u64 = 2 << 30;

/// Returns the contents of all linear memories in this process.
fn linear_memories() -> Vec<Vec<u8>> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let regions: Vec<(u64, u64, &str)> = maps
        .lines()
        .map(|line| {
            let (range, rest) = line.split_once(' ').unwrap();
            let (start, end) = range.split_once('-').unwrap();
            let number = |text| u64::from_str_radix(text, 16).unwrap();
            (number(start), number(end), &rest[..4])
        })
        .collect();
    let memory = File::open("/proc/self/mem").unwrap();
    let mut found = Vec::new();
    // A memory that is initialized with data has several regions.
    let (mut start, mut writable_end) = (0, 0);
    for pair in regions.windows(2) {
        let [(from, end, flags), (next, next_end, next_flags)] = pair else { unreachable!() };
        if *from != writable_end {
            start = *from;
        }
        writable_end = if *flags == "rw-p" { *end } else { 0 };
        if *flags == "rw-p" && *next_flags == "---p" && end == next && next_end - next >= RESERVED {
            let mut bytes = vec![0; (end - start) as usize];
            // The memory may belong to another test, and be unmapped in the meantime.
            if memory.read_exact_at(&mut bytes, start).is_ok() {
                found.push(bytes);
            }
        }
    }
    found
}

fn contain(memories: &[Vec<u8>], text: &[u8]) -> bool {
    memories.iter().any(|memory| memory.windows(text.len()).any(|window| window == text))
}

/// Only one test uses this name, because the memories of other tests are searched too.
const FILE_NAME: &str = "found-by-the-test-of-memory.tar.gz";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_the_package_nor_the_token_is_in_linear_memory() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::never_answer());
    let pattern = *b"a piece of the package, 32 bytes";
    let content = Content::from_bytes(pattern.repeat(100_000)).unwrap();
    let is_sent = |requests: &[RecordedRequest]| requests.first()?.body_complete.then_some(());
    let searching = async {
        with_timeout(fixture.emulator.wait_until(is_sent)).await;
        linear_memories()
    };
    let memories = tokio::select! {
        result = fixture.send(content.with_file_name(FILE_NAME), NEVER) => panic!("{result:?}"),
        memories = searching => memories,
    };
    // The file name must be in memory, which shows that the right memory is searched.
    assert!(contain(&memories, FILE_NAME.as_bytes()), "{} memories", memories.len());
    assert!(!contain(&memories, &pattern[..16]));
    assert!(!contain(&memories, TOKEN.as_bytes()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_in_a_response_is_redacted_before_it_reaches_linear_memory() {
    let fixture = Fixture::with(|plugin| programs::run(programs::KEEPS_THE_ANSWER, plugin)).await;
    let text = format!("text before {TOKEN} and text after");
    let echo = Answer::new(200).header("X-Echo", format!("echo of {TOKEN}")).body(text.repeat(50));
    fixture.emulator.fault(Fault::answer(echo));
    let searching = async {
        with_timeout(fixture.emulator.wait_for_requests(1)).await;
        // Wait until the component has read the whole body.
        loop {
            let memories = linear_memories();
            let count = memories.iter().map(|memory| occurrences(memory, b"text after")).max();
            if count >= Some(50) {
                return memories;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let memories = tokio::select! {
        result = fixture.get() => panic!("{result:?}"),
        memories = with_timeout(searching) => memories,
    };
    assert!(contain(&memories, b"echo of ****"));
    assert!(contain(&memories, b"text before ****"));
    assert!(!contain(&memories, TOKEN.as_bytes()));
}

fn occurrences(memory: &[u8], text: &[u8]) -> usize {
    memory.windows(text.len()).filter(|window| *window == text).count()
}
