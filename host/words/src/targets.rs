//! The list of `get --targets`: lines of a service and a version.

use crate::failure::Failure;
use crate::records::Reply;
use crate::report::Report;
use std::io::{self, BufRead, Read};

/// How long a line may be, in bytes: many times an identifier and a number.
const LONGEST: usize = 4096;

/// What a line asks for: a service, or else `service_id`, and a version. Empty lines and comments ask for nothing.
///
/// `text` is `None` where the line was too long. What is wrong is said without the text, which may be a file of secrets.
///
/// # Errors
///
/// [`Failure::Usage`] where it isn't a service and a version.
pub fn target(
    number: usize,
    text: Option<&str>,
    service_id: Option<&str>,
) -> Result<Option<(String, u32)>, Failure> {
    let wrong = |why: &str| Err(Failure::Usage(format!("line {number} {why}")));
    let Some(text) = text else {
        return wrong(&format!("is longer than {LONGEST} bytes"));
    };
    let text = text.split('#').next().unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().collect();
    let (service_id, version) = match (&words[..], service_id) {
        ([], _) => return Ok(None),
        ([service_id, version], _) => (*service_id, *version),
        ([version], Some(service_id)) => (service_id, *version),
        _ => return wrong("isn't a service and a version"),
    };
    if service_id.contains(char::REPLACEMENT_CHARACTER) {
        return wrong("isn't UTF-8");
    }
    match version.parse() {
        Ok(version) => Ok(Some((service_id.to_owned(), version))),
        Err(_) => wrong("has a version that is no number"),
    }
}

/// The next line, of which no more is kept than one may have: `Some(None)` for one that has more. `None` at the end.
///
/// # Errors
///
/// When it can't be read.
pub fn next_line(source: &mut impl BufRead) -> io::Result<Option<Option<String>>> {
    let mut line = Vec::new();
    let limit = LONGEST as u64 + 1;
    if source.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.len() <= LONGEST || line.ends_with(b"\n") {
        return Ok(Some(Some(String::from_utf8_lossy(&line).into_owned())));
    }
    loop {
        let buffer = source.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let read = end.map_or(buffer.len(), |end| end + 1);
        source.consume(read);
        if end.is_some() || read == 0 {
            return Ok(Some(None));
        }
    }
}

/// How many there were, and how they ended.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many there were.
    pub all: usize,
    /// How many of them failed.
    pub failed: usize,
    /// The highest exit code.
    pub worst: u8,
    /// The lines weren't read to their end.
    pub cut_off: bool,
}

impl Tally {
    /// Prints what came of one.
    ///
    /// # Errors
    ///
    /// When it can't be printed.
    pub fn count(&mut self, ended: Result<Reply, Failure>, report: Report) -> Result<(), Failure> {
        self.all += 1;
        match ended {
            Ok(reply) => report.reply(&reply),
            Err(failure) => {
                self.failed += 1;
                self.worst = self.worst.max(failure.exit_code());
                report.failed_line(&failure)
            }
        }
    }

    /// What all of them came to.
    ///
    /// # Errors
    ///
    /// [`Failure::SomeFailed`] where not all went well.
    pub fn sum(self) -> Result<(), Failure> {
        let Self { all, failed, worst, cut_off } = self;
        match (failed, cut_off) {
            (0, false) => Ok(()),
            _ => Err(Failure::SomeFailed { failed, of: all, worst, cut_off }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_the_next_one_is_read() {
        let long = format!("a 1\n{}\nb 2\n{}", "x".repeat(100_000), "y".repeat(LONGEST + 1));
        let mut source = BufReader::new(long.as_bytes());
        let mut next = || next_line(&mut source).unwrap();
        assert_eq!(next(), Some(Some("a 1\n".into())));
        assert_eq!(next(), Some(None));
        assert_eq!(next(), Some(Some("b 2\n".into())));
        assert_eq!((next(), next()), (Some(None), None));
    }
}
