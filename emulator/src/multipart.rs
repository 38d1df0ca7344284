//! Reads `multipart/form-data` as a stream (RFC 7578; RFC 2046, section 5.1): bytes in, events out.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;

use crate::recorder::RecordedPart;

/// Length of the longest head of a part, in bytes.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 32;

/// An event of the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A part begins.
    Part(RecordedPart),
    /// A piece of the current part's content.
    Content(Bytes),
    /// The current part is complete.
    PartEnd,
    /// The form is complete. The rest of the body is ignored.
    End,
}

/// The reason why a form can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FormError(pub(crate) &'static str);

impl FormError {
    const NOT_FORM: Self = Self("Content-Type is not multipart/form-data");
    const NO_BOUNDARY: Self = Self("Content-Type has no boundary");
    const DELIMITER: Self = Self("the form is malformed: invalid characters after a boundary");
    const HEAD: Self = Self("the form is malformed: invalid head of a part");
    pub(crate) const INCOMPLETE: Self = Self("the form is malformed: the last boundary is missing");
}

/// A reader of a form.
pub(crate) struct Form {
    /// CRLF, two hyphens and the boundary.
    delimiter: Vec<u8>,
    buffer: BytesMut,
    position: Position,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    Preamble,
    AfterDelimiter,
    Head,
    Content,
    End,
}

impl Form {
    /// Creates a reader for a request with this `Content-Type`.
    pub(crate) fn from_content_type(value: &str) -> Result<Self, FormError> {
        let (media_type, parameters) = parse_parameters(value);
        if !media_type.eq_ignore_ascii_case("multipart/form-data") {
            return Err(FormError::NOT_FORM);
        }
        let boundary = parameters.into_iter().find(|(name, _)| name == "boundary");
        match boundary {
            // RFC 2046: 1 to 70 characters.
            Some((_, boundary)) if (1..=70).contains(&boundary.len()) => Ok(Self::new(&boundary)),
            _ => Err(FormError::NO_BOUNDARY),
        }
    }

    fn new(boundary: &str) -> Self {
        // The first delimiter may be at the start, without its CRLF.
        Self {
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            buffer: BytesMut::from(&b"\r\n"[..]),
            position: Position::Preamble,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.position != Position::End {
            self.buffer.extend_from_slice(bytes);
        }
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.position == Position::End
    }

    /// Returns the next event, or `None` until more bytes are pushed.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, FormError> {
        loop {
            match self.position {
                Position::End => return Ok(None),
                Position::Preamble => match memmem::find(&self.buffer, &self.delimiter) {
                    Some(start) => {
                        self.buffer.advance(start + self.delimiter.len());
                        self.position = Position::AfterDelimiter;
                    }
                    None => {
                        self.take_before_delimiter();
                        return Ok(None);
                    }
                },
                Position::AfterDelimiter => {
                    if self.buffer.starts_with(b"--") {
                        self.position = Position::End;
                        self.buffer.clear();
                        return Ok(Some(Event::End));
                    }
                    if !self.skip_padding()? {
                        return Ok(None);
                    }
                    self.position = Position::Head;
                }
                Position::Head => return self.head(),
                Position::Content => return Ok(self.content()),
            }
        }
    }

    /// Skips spaces and CRLF after a delimiter. Returns `false` until they are complete.
    fn skip_padding(&mut self) -> Result<bool, FormError> {
        let padding = self.buffer.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        match &self.buffer[padding..] {
            [b'\r', b'\n', ..] if padding < MAX_HEAD => {
                self.buffer.advance(padding + 2);
                Ok(true)
            }
            [] | [b'\r'] if padding < MAX_HEAD => Ok(false),
            [b'-'] if padding == 0 => Ok(false),
            _ => Err(FormError::DELIMITER),
        }
    }

    fn head(&mut self) -> Result<Option<Event>, FormError> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let (length, head) = match httparse::parse_headers(&self.buffer, &mut headers) {
            Ok(httparse::Status::Complete((length, headers))) if length <= MAX_HEAD => {
                (length, part_head(headers)?)
            }
            Ok(httparse::Status::Partial) if self.buffer.len() < MAX_HEAD => return Ok(None),
            _ => return Err(FormError::HEAD),
        };
        self.buffer.advance(length);
        self.position = Position::Content;
        Ok(Some(Event::Part(head)))
    }

    fn content(&mut self) -> Option<Event> {
        if self.buffer.starts_with(&self.delimiter) {
            self.buffer.advance(self.delimiter.len());
            self.position = Position::AfterDelimiter;
            return Some(Event::PartEnd);
        }
        let content = match memmem::find(&self.buffer, &self.delimiter) {
            Some(start) => self.buffer.split_to(start),
            None => self.take_before_delimiter(),
        };
        (!content.is_empty()).then(|| Event::Content(content.freeze()))
    }

    /// Takes all bytes that can't be the start of a delimiter.
    fn take_before_delimiter(&mut self) -> BytesMut {
        let tail = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
        let start = memchr::memchr_iter(b'\r', &self.buffer[tail..])
            .map(|offset| tail + offset)
            .find(|start| self.delimiter.starts_with(&self.buffer[*start..]));
        self.buffer.split_to(start.unwrap_or(self.buffer.len()))
    }
}

fn part_head(headers: &[httparse::Header<'_>]) -> Result<RecordedPart, FormError> {
    let value = |name: &str| {
        let header = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.map(|header| String::from_utf8_lossy(header.value).into_owned())
    };
    let disposition = value("Content-Disposition").ok_or(FormError::HEAD)?;
    let (kind, parameters) = parse_parameters(&disposition);
    let parameter =
        |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    match parameter("name") {
        Some(name) if kind.eq_ignore_ascii_case("form-data") => Ok(RecordedPart {
            name,
            filename: parameter("filename"),
            content_type: value("Content-Type"),
            ..RecordedPart::default()
        }),
        _ => Err(FormError::HEAD),
    }
}

/// Parses `value; name=token; name="quoted"`. Names are converted to lower case. Backslash escapes are resolved: Go and curl before 7.81 write
/// them. Browsers write `%22`, which is kept.
fn parse_parameters(header: &str) -> (&str, Vec<(String, String)>) {
    let (value, mut rest) = header.split_once(';').unwrap_or((header, ""));
    let mut parameters = Vec::new();
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', '\t', ';']).to_ascii_lowercase();
        let after = after.trim_start();
        let (parameter, left) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let (token, left) = after.split_once(';').unwrap_or((after, ""));
                (token.trim().to_owned(), left)
            }
        };
        parameters.push((name, parameter));
        rest = left;
    }
    (value.trim(), parameters)
}

/// Returns the text up to the closing quote, and the rest.
fn unquote(quoted: &str) -> (String, &str) {
    let mut text = String::new();
    let mut characters = quoted.char_indices();
    while let Some((position, character)) = characters.next() {
        match character {
            '"' => return (text, &quoted[position + 1..]),
            '\\' if quoted[position + 1..].starts_with(['"', '\\']) => {
                text.extend(characters.next().map(|(_, escaped)| escaped));
            }
            _ => text.push(character),
        }
    }
    (text, "")
}

#[cfg(test)]
#[path = "multipart_tests.rs"]
mod tests;
