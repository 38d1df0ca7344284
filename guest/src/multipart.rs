//! The multipart/form-data body around the package (RFC 7578): one part, named `package`.

/// The body before and after the content, and the media type that contains the boundary.
#[derive(Debug)]
pub(crate) struct Multipart {
    pub(crate) content_type: String,
    pub(crate) head: Vec<u8>,
    pub(crate) tail: Vec<u8>,
}

impl Multipart {
    /// Creates a body with one part. `random` becomes the boundary: with 16 bytes, no content contains it by chance.
    pub(crate) fn new(random: &[u8], filename: Option<&str>) -> Self {
        use std::fmt::Write;
        let mut boundary = String::from("fastly-package-");
        for byte in random {
            let _ = write!(boundary, "{byte:02x}");
        }
        let filename = match filename {
            None | Some("") => "package.tar.gz".to_owned(),
            Some(name) => escape(name),
        };
        Self {
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

    /// Returns the length in bytes of the body around `size` bytes of content, `None` if it doesn't fit 64 bits.
    pub(crate) fn content_length(&self, size: u64) -> Option<u64> {
        size.checked_add((self.head.len() + self.tail.len()) as u64)
    }
}

/// Escapes a file name as browsers and curl do (the HTML standard's "multipart/form-data encoding"): `"`, CR and LF are percent-encoded, UTF-8 is
/// not. Other control characters are encoded too, because servers truncate names at a NUL, and so is `\`, because many servers take it for an
/// escape of the next character, which may be the closing quote.
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
    fn content_length_is_the_length_of_the_body() {
        let multipart = Multipart::new(&[0xab; 16], Some("app.tar.gz"));
        let body = [&multipart.head[..], b"12345", &multipart.tail[..]].concat();
        assert_eq!(multipart.content_length(5), Some(body.len() as u64));
        assert_eq!(multipart.content_length(u64::MAX), None);
    }

    #[test]
    fn the_media_type_contains_the_boundary_of_the_body() {
        let multipart = Multipart::new(&[7; 16], None);
        let boundary =
            multipart.content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        assert_eq!(boundary, "fastly-package-07070707070707070707070707070707");
        assert!(multipart.head.starts_with(format!("--{boundary}\r\n").as_bytes()));
        assert_eq!(multipart.tail, format!("\r\n--{boundary}--\r\n").into_bytes());
    }

    #[test]
    fn characters_that_could_end_the_file_name_are_escaped() {
        assert_eq!(escape("a\"b\r\nX: y\0.tgz"), "a%22b%0D%0AX: y%00.tgz");
        assert_eq!(escape("a\\"), "a%5C");
        assert_eq!(escape("paquet-é-包.tar.gz"), "paquet-é-包.tar.gz");
    }

    #[test]
    fn an_absent_or_empty_file_name_has_a_default() {
        for name in [None, Some("")] {
            let head = String::from_utf8(Multipart::new(&[0; 16], name).head).unwrap();
            assert!(head.contains("filename=\"package.tar.gz\""), "{head}");
        }
    }
}
