//! The records of an extended header (POSIX pax): `LENGTH KEY=VALUE\n`, where the length is of the whole record.
//!
//! A value may have anything in it, line ends and zeros too, so that records can't be told apart by them.

use std::io;

/// Key and value of each.
pub(super) fn records(mut bytes: Vec<u8>) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "a malformed extended header");
        let space = bytes.iter().position(|byte| *byte == b' ').ok_or_else(wrong)?;
        let length = str::from_utf8(&bytes[..space]).ok().and_then(|text| text.parse().ok());
        let length: usize = length.filter(|it| *it <= bytes.len()).ok_or_else(wrong)?;
        let rest = bytes.split_off(length);
        let record = bytes.get(space + 1..).and_then(|record| record.strip_suffix(b"\n"));
        let record = record.ok_or_else(wrong)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(wrong)?;
        records.push((record[..equals].to_vec(), record[equals + 1..].to_vec()));
        bytes = rest;
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_have_anything_in_it() {
        let bytes = b"12 path=a/b\n18 xattr=1\n2\0 = 3\n".to_vec();
        let text = |text: &str| text.as_bytes().to_vec();
        let read = records(bytes).unwrap();
        assert_eq!(read, [(text("path"), text("a/b")), (text("xattr"), text("1\n2\0 = 3"))]);
    }

    #[test]
    fn records_that_are_no_records_are_refused() {
        for bytes in ["x", "5 a=b", "99 path=a\n", "0 a=b\n", "7 path\n", "-6 a=b\n", "6 a=bc"] {
            assert!(records(bytes.into()).is_err(), "{bytes}");
        }
    }
}
