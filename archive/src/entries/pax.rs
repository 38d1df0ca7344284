//! Parses the records of an extended header (POSIX pax): `LENGTH KEY=VALUE\n`, where `LENGTH` is that of the whole record.
//!
//! A value may contain any bytes, including line feeds and zeros, so that only the length determines its end.

use std::io;

/// Returns the key and the value of each record.
pub(super) fn records(mut bytes: Vec<u8>) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let malformed =
            || io::Error::new(io::ErrorKind::InvalidData, "a malformed extended header");
        let space = bytes.iter().position(|byte| *byte == b' ').ok_or_else(malformed)?;
        let length = str::from_utf8(&bytes[..space]).ok().and_then(|text| text.parse().ok());
        let length: usize = length.filter(|it| *it <= bytes.len()).ok_or_else(malformed)?;
        let rest = bytes.split_off(length);
        let record = bytes.get(space + 1..).and_then(|record| record.strip_suffix(b"\n"));
        let record = record.ok_or_else(malformed)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(malformed)?;
        records.push((record[..equals].to_vec(), record[equals + 1..].to_vec()));
        bytes = rest;
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_contain_any_bytes() {
        let bytes = b"12 path=a/b\n18 xattr=1\n2\0 = 3\n".to_vec();
        let text = |text: &str| text.as_bytes().to_vec();
        let read = records(bytes).unwrap();
        assert_eq!(read, [(text("path"), text("a/b")), (text("xattr"), text("1\n2\0 = 3"))]);
    }

    #[test]
    fn malformed_records_are_refused() {
        for bytes in ["x", "5 a=b", "99 path=a\n", "0 a=b\n", "7 path\n", "-6 a=b\n", "6 a=bc"] {
            assert!(records(bytes.into()).is_err(), "{bytes}");
        }
    }
}
