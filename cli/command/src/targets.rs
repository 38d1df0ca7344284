//! The list of `get --targets`: each line is a service and a version.

use crate::contract::{Reply, ServiceVersion};
use crate::error::{CommandError, Tally};
use crate::report::Report;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// The maximum length of a line, in bytes: many times an identifier and a number.
const MAX_LENGTH: usize = 4096;

/// A line of the list.
#[derive(Debug)]
pub enum Line {
    /// Its text. `None` if it is too long.
    Text(Option<String>),
    /// The list can't be read any further.
    Unreadable(CommandError),
    /// The time limit elapsed before the list was read to its end.
    TimedOut,
}

impl Line {
    /// Returns a line that can't be read.
    pub fn unreadable(path: &Path, reason: impl std::fmt::Display) -> Self {
        let path = path.display();
        Self::Unreadable(CommandError::Usage(format!("can't read --targets {path}: {reason}")))
    }

    /// Parses a service, or else `service_id`, and a version. `None` for an empty line and a comment.
    ///
    /// The messages don't contain the text, which may be a file of secrets.
    pub(crate) fn target(
        self,
        number: usize,
        service_id: Option<&str>,
    ) -> Option<Result<ServiceVersion, CommandError>> {
        let text = match self {
            Self::Text(text) => text,
            Self::Unreadable(error) => return Some(Err(error)),
            Self::TimedOut => return None,
        };
        let invalid =
            |reason: &str| Some(Err(CommandError::Usage(format!("line {number} {reason}"))));
        let Some(text) = text else {
            return invalid(&format!("is longer than {MAX_LENGTH} bytes"));
        };
        let text = text.split('#').next().unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().collect();
        let (service_id, version) = match (&words[..], service_id) {
            ([], _) => return None,
            ([service_id, version], _) => (*service_id, *version),
            ([version], Some(service_id)) => (service_id, *version),
            _ => return invalid("is not a service and a version"),
        };
        if service_id.contains(char::REPLACEMENT_CHARACTER) {
            return invalid("is not UTF-8");
        }
        match version.parse() {
            Ok(version_id) => {
                Some(Ok(ServiceVersion { service_id: service_id.to_owned(), version_id }))
            }
            Err(_) => invalid("contains a version that is not a number"),
        }
    }
}

/// An iterator over the lines of a list. It ends after an error.
pub struct Lines<R> {
    path: PathBuf,
    reader: Option<BufReader<R>>,
}

impl<R: Read> Lines<R> {
    /// Reads from `reader`, which was opened at `path`.
    pub fn new(path: &Path, reader: R) -> Self {
        Self { path: path.to_owned(), reader: Some(BufReader::new(reader)) }
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        match read_line(self.reader.as_mut()?) {
            Ok(line) => line.map(Line::Text),
            Err(error) => {
                self.reader = None;
                Some(Line::unreadable(&self.path, error))
            }
        }
    }
}

/// Reads a line, of which no more than the maximum is kept in memory: `Some(None)` for a longer one, `None` at the end.
fn read_line(reader: &mut impl BufRead) -> io::Result<Option<Option<String>>> {
    let mut line = Vec::new();
    let limit = MAX_LENGTH as u64 + 1;
    if reader.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.len() <= MAX_LENGTH || line.ends_with(b"\n") {
        return Ok(Some(Some(String::from_utf8_lossy(&line).into_owned())));
    }
    loop {
        let buffer = reader.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let read = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(read);
        if end.is_some() || read == 0 {
            return Ok(Some(None));
        }
    }
}

impl Tally {
    /// Counts and prints a result.
    pub(crate) fn count(
        &mut self,
        result: Result<Reply, CommandError>,
        report: Report,
    ) -> Result<(), CommandError> {
        self.total += 1;
        match result {
            Ok(reply) => report.reply(&reply),
            Err(error) => {
                self.failed += 1;
                self.worst = self.worst.max(error.exit_code());
                report.error_line(&error)
            }
        }
    }

    pub(crate) fn into_result(self, is_cut_off: bool) -> Result<(), CommandError> {
        match self.failed == 0 && !is_cut_off {
            true => Ok(()),
            false => Err(CommandError::Targets(Self { is_cut_off, ..self })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_one_is_read() {
        let long = format!("a 1\n{}\nb 2\n{}", "x".repeat(100_000), "y".repeat(MAX_LENGTH + 1));
        let mut lines = Lines::new(Path::new("-"), long.as_bytes());
        let mut next = || match lines.next() {
            Some(Line::Text(text)) => Some(text),
            None => None,
            line => panic!("{line:?}"),
        };
        assert_eq!(next(), Some(Some("a 1\n".into())));
        assert_eq!(next(), Some(None));
        assert_eq!(next(), Some(Some("b 2\n".into())));
        assert_eq!((next(), next()), (Some(None), None));
    }
}
