//! A token is zeroized when its last owner is dropped. This test is a separate process, whose whole memory is searched.

#![cfg(target_os = "linux")]

use fastly_package::{Plugin, Token};
use std::io::Read;
use std::os::unix::fs::FileExt;

const MASK: u8 = 0x5a;
/// The token, XORed with the mask: the search would find a constant with the token itself.
const MASKED: [u8; 32] = *b"\x0e\x31\x77\x2d\x33\x2a\x3f\x3e\x77\x3c\x28\x35\x37\x77\x37\x3f\x37\x35\x28\x23\x77\x6a\x6b\x68\x69\x6e\x6f\x6c\x6d\x62\x63\x77";

/// A reader that yields the token, from this offset.
struct UnmaskingReader(usize);

impl Read for UnmaskingReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let rest = &MASKED[self.0..];
        let length = rest.len().min(buffer.len());
        for (byte, masked) in buffer.iter_mut().zip(rest) {
            *byte = std::hint::black_box(masked ^ MASK);
        }
        self.0 += length;
        Ok(length)
    }
}

/// Returns the number of copies of the token in the writable memory of this process.
fn copies() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let memory = std::fs::File::open("/proc/self/mem").unwrap();
    let mut count = 0;
    let mut buffer = vec![0; 1 << 20];
    for line in maps.lines() {
        let (range, rest) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let (mut at, end) = (number(start), number(end));
        while rest.starts_with("rw") && at < end {
            let length = buffer.len().min((end - at) as usize);
            if memory.read_exact_at(&mut buffer[..length], at).is_err() {
                break;
            }
            // Masked at once, so that the buffer doesn't count as a copy.
            buffer[..length].iter_mut().for_each(|byte| *byte ^= MASK);
            count += buffer[..length].windows(MASKED.len()).filter(|w| *w == MASKED).count();
            if length <= MASKED.len() {
                break;
            }
            at += (length - MASKED.len()) as u64;
        }
    }
    count
}

#[test]
fn a_token_is_zeroized_when_its_last_owner_is_dropped() {
    assert_eq!(copies(), 0, "there is no token yet");
    let token = Token::from_reader(UnmaskingReader(0), "a test").unwrap();
    let plugin = Plugin::builder().token(token.clone()).build().unwrap();
    assert!(copies() >= 2, "the search finds the token and its clone");
    drop(token);
    assert!(copies() >= 1);
    drop(plugin);
    assert_eq!(copies(), 0);

    let invalid = Token::from_reader(UnmaskingReader(0).chain(&b" "[..]), "a test");
    invalid.expect_err("a token can't contain a space");
    assert_eq!(copies(), 0, "an invalid token is zeroized too");
}
