//! A token is wiped from memory when the last of ours that holds it is dropped. A process of its own, whose whole memory is searched.

#![cfg(target_os = "linux")]

use fastly_package::{Plugin, Token};
use std::io::Read;
use std::os::unix::fs::FileExt;

const KEY: u8 = 0x5a;
/// The token, which this program must not have in clear anywhere: what is searched for would be found.
const HIDDEN: [u8; 32] = *b"\x0e\x31\x77\x2d\x33\x2a\x3f\x3e\x77\x3c\x28\x35\x37\x77\x37\x3f\x37\x35\x28\x23\x77\x6a\x6b\x68\x69\x6e\x6f\x6c\x6d\x62\x63\x77";

/// Gives the token in clear to who reads it.
struct Unhiding(usize);

impl Read for Unhiding {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let rest = &HIDDEN[self.0..];
        let length = rest.len().min(buffer.len());
        for (clear, hidden) in buffer.iter_mut().zip(rest) {
            *clear = std::hint::black_box(hidden ^ KEY);
        }
        self.0 += length;
        Ok(length)
    }
}

/// How often the token is in the memory of this process that can be written to.
fn found() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let memory = std::fs::File::open("/proc/self/mem").unwrap();
    let mut count = 0;
    let mut hidden_window = vec![0; 1 << 20];
    for line in maps.lines() {
        let (range, rest) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let (mut at, end) = (number(start), number(end));
        while rest.starts_with("rw") && at < end {
            let length = hidden_window.len().min((end - at) as usize);
            if memory.read_exact_at(&mut hidden_window[..length], at).is_err() {
                break;
            }
            // Hidden at once, so that what was read isn't found as one more copy.
            hidden_window[..length].iter_mut().for_each(|byte| *byte ^= KEY);
            count += hidden_window[..length].windows(HIDDEN.len()).filter(|w| *w == HIDDEN).count();
            if length <= HIDDEN.len() {
                break;
            }
            at += (length - HIDDEN.len()) as u64;
        }
    }
    count
}

#[test]
fn a_token_is_wiped_when_what_holds_it_is_dropped() {
    assert_eq!(found(), 0, "nothing is found before there is something");
    let token = Token::from_reader(Unhiding(0), "a test").unwrap();
    // All of the process's memory is looked through: what is reserved for 500 calls would take minutes.
    let plugin = Plugin::builder().token(token.clone()).few_calls().build().unwrap();
    assert!(found() >= 2, "the token and its clone are where they are looked for");
    drop(token);
    assert!(found() >= 1);
    drop(plugin);
    assert_eq!(found(), 0);

    let refused = Token::from_reader(Unhiding(0).chain(&b" "[..]), "a test");
    refused.expect_err("no token has a space in it");
    assert_eq!(found(), 0, "what is refused is wiped too");
}
