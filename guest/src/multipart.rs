//! The multipart/form-data body around the package (RFC 7578): one part, named `package`.

/// What stands before and after the content, and the media type that names the boundary.
#[derive(Debug)]
pub(crate) struct Framing {
    pub(crate) content_type: String,
    pub(crate) head: Vec<u8>,
    pub(crate) tail: Vec<u8>,
}

impl Framing {
    /// Length in bytes of the body around `size` bytes of content. `None`: it doesn't fit 64 bits.
    pub(crate) fn content_length(&self, size: u64) -> Option<u64> {
        size.checked_add((self.head.len() + self.tail.len()) as u64)
    }
}

/// Frames the one part. `random` makes the boundary: 16 bytes are enough that no content holds it by chance.
pub(crate) fn frame(random: &[u8], filename: Option<&str>) -> Framing {
    use std::fmt::Write;
    let mut boundary = String::from("fastly-package-");
    for byte in random {
        let _ = write!(boundary, "{byte:02x}");
    }
    let filename = match filename {
        None | Some("") => "package.tar.gz".to_owned(),
        Some(name) => escape(name),
    };
    Framing {
        head: format!(
            "--{boundary}\r\n\
             Content-Disposition: form-data; name=\"package\"; filename=\"{filename}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        )
        .into_bytes(),
        tail: format!("\r\n--{boundary}--\r\n").into_bytes(),
        content_type: format!("multipart/form-data; boundary={boundary}"),
    }
}

/// Escapes a file name as browsers and curl do (the HTML standard's "multipart/form-data encoding"): `"`, CR and LF are
/// percent-encoded, UTF-8 stays. Other control characters are encoded too, since servers cut names at a NUL, and so is `\`:
/// to many servers it escapes what follows, be it the closing quote.
fn escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '"' | '\\' | '\0'..='\x1f' | '\x7f' => {
                escaped.push_str(&format!("%{:02X}", u32::from(character)));
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measured_length_is_the_length_of_the_body() {
        let framing = frame(&[0xab; 16], Some("app.tar.gz"));
        let body = [&framing.head[..], b"12345", &framing.tail[..]].concat();
        assert_eq!(framing.content_length(5), Some(body.len() as u64));
        assert_eq!(framing.content_length(u64::MAX), None);
    }

    #[test]
    fn the_boundary_of_the_media_type_is_the_one_around_the_part() {
        let framing = frame(&[7; 16], None);
        let boundary = framing.content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        assert_eq!(boundary, "fastly-package-07070707070707070707070707070707");
        assert!(framing.head.starts_with(format!("--{boundary}\r\n").as_bytes()));
        assert_eq!(framing.tail, format!("\r\n--{boundary}--\r\n").into_bytes());
    }

    #[test]
    fn a_file_name_can_not_leave_its_quotes_or_its_line() {
        assert_eq!(escape("a\"b\r\nX: y\0.tgz"), "a%22b%0D%0AX: y%00.tgz");
        assert_eq!(escape("a\\"), "a%5C");
        assert_eq!(escape("paquet-é-包.tar.gz"), "paquet-é-包.tar.gz");
    }

    #[test]
    fn without_a_file_name_there_is_a_plain_one() {
        for name in [None, Some("")] {
            let head = String::from_utf8(frame(&[0; 16], name).head).unwrap();
            assert!(head.contains("filename=\"package.tar.gz\""), "{head}");
        }
    }
}
