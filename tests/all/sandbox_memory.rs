//! What is in a component's linear memory while a call runs, read from outside through the kernel.

use crate::fixture::{Fixture, NEVER, TOKEN, in_time};
use crate::programs;
use fastly_package::Content;
use fastly_package_emulator::{Answer, Fault, RecordedRequest};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// A linear memory is readable and writable up to its size, and then reserved, unusable, for gigabytes.
const RESERVED: u64 = 2 << 30;

/// The linear memories of this process.
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
    // A memory that begins with data is mapped in more than one piece.
    let (mut start, mut usable_up_to) = (0, 0);
    for pair in regions.windows(2) {
        let [(from, end, used), (next, reserved, unused)] = pair else { unreachable!() };
        if *from != usable_up_to {
            start = *from;
        }
        usable_up_to = if *used == "rw-p" { *end } else { 0 };
        if *used == "rw-p" && *unused == "---p" && end == next && reserved - next >= RESERVED {
            let mut bytes = vec![0; (end - start) as usize];
            // Another test's memory may go while it is read.
            if memory.read_exact_at(&mut bytes, start).is_ok() {
                found.push(bytes);
            }
        }
    }
    found
}

fn holds(memories: &[Vec<u8>], text: &[u8]) -> bool {
    memories.iter().any(|memory| memory.windows(text.len()).any(|window| window == text))
}

/// Of one test alone: the memories of others are searched too.
const FILENAME: &str = "found-by-the-test-of-memory.tar.gz";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_the_package_nor_the_token_is_ever_in_the_sandbox() {
    let fixture = Fixture::start().await;
    fixture.emulator.fault(Fault::never_answer());
    let pattern = *b"a piece of the package, 32 bytes";
    let content = Content::from_bytes(pattern.repeat(100_000)).unwrap();
    let whole = |requests: &[RecordedRequest]| requests.first()?.body_complete.then_some(());
    let looking = async {
        in_time(fixture.emulator.wait_until(whole)).await;
        linear_memories()
    };
    let memories = tokio::select! {
        result = fixture.send(content.filename(FILENAME), NEVER) => panic!("{result:?}"),
        memories = looking => memories,
    };
    // The control: what the component keeps as long as it sends is found where it is looked for.
    assert!(holds(&memories, FILENAME.as_bytes()), "{} memories", memories.len());
    assert!(!holds(&memories, &pattern[..16]));
    assert!(!holds(&memories, TOKEN.as_bytes()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_the_api_sends_back_does_not_reach_the_sandbox() {
    let fixture = Fixture::with(|plugin| programs::run(programs::KEEPS_THE_ANSWER, plugin)).await;
    let text = format!("what comes before {TOKEN} and what comes after");
    let echo = Answer::new(200).header("X-Echo", format!("echo of {TOKEN}")).body(text.repeat(50));
    fixture.emulator.fault(Fault::answer(echo));
    let looking = async {
        in_time(fixture.emulator.wait_for_requests(1)).await;
        // Until all of it has come into the sandbox.
        loop {
            let memories = linear_memories();
            let count =
                memories.iter().map(|memory| occurrences(memory, b"what comes after")).max();
            if count >= Some(50) {
                return memories;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let memories = tokio::select! {
        result = fixture.get() => panic!("{result:?}"),
        memories = in_time(looking) => memories,
    };
    assert!(holds(&memories, b"echo of ****"));
    assert!(holds(&memories, b"what comes before ****"));
    assert!(!holds(&memories, TOKEN.as_bytes()));
}

fn occurrences(memory: &[u8], text: &[u8]) -> usize {
    memory.windows(text.len()).filter(|window| *window == text).count()
}
