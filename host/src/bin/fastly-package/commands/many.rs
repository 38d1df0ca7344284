//! `get --targets`: the packages of many service versions, a line of JSON for each, as they come.

use super::session::{Limit, Session, again, plugin, unusable};
use super::token::token;
use crate::progress::Progress;
use fastly_package::Plugin;
use fastly_package_words::args::Get;
use fastly_package_words::failure::{Failure, Kind, Operation, TokenSource};
use fastly_package_words::records::Reply;
use fastly_package_words::report::Report;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc::{self, error::TryRecvError};
use tokio::task::JoinSet;

/// Lines that are read before they are needed.
const AHEAD: usize = 64;
/// How long a line may be, in bytes: many times an identifier and a number.
const LONGEST: usize = 4096;

pub(super) async fn run(
    args: &Get,
    targets: &Path,
    limit: Limit,
    report: Report,
) -> Result<(), Failure> {
    let from_stdin = targets == Path::new("-");
    if from_stdin && args.connection.token_file.as_deref() == Some(Path::new("-")) {
        return Err(Failure::Usage("the token and the targets can't both come from stdin".into()));
    }
    let (token, token_source) = token(&args.connection, report)?;
    let plugin = plugin(&args.connection, token, limit)?
        .on_retry(move |retry| again(report, retry, true))
        .build()
        .map_err(unusable)?;
    let service_id = args.service_id.clone().filter(|id| !id.is_empty());
    let fleet = Fleet { plugin, token: token_source, service_id, limit };
    let mut lines = lines(targets.to_owned());
    let mut out_of_time = std::pin::pin!(limit.passed());
    let mut calls = JoinSet::new();
    let mut tally = Tally::default();
    let mut reading = true;
    while reading || !calls.is_empty() {
        tokio::select! {
            biased;
            // What runs has a limit of its own, which comes at the same time.
            () = &mut out_of_time, if reading => {
                reading = false;
                tally.cut_off = !matches!(lines.try_recv(), Err(TryRecvError::Disconnected));
            }
            line = lines.recv(), if reading && calls.len() < usize::from(args.jobs) => match line {
                Some(Line::Text(number, text)) => match fleet.session(number, text) {
                    Ok(Some(session)) => {
                        calls.spawn(async move { session.within_limit().await });
                    }
                    Ok(None) => {}
                    Err(failure) => tally.count(Err(failure), report)?,
                },
                Some(Line::Unreadable(failure)) => tally.count(Err(failure), report)?,
                None => reading = false,
            },
            Some(ended) = calls.join_next() => {
                let ended = ended.unwrap_or_else(|error| {
                    Err(Failure::Local("a call came to nothing".into(), error.into()))
                });
                tally.count(ended, report)?;
            }
        }
    }
    tally.sum()
}

/// What is asked of every service version.
struct Fleet {
    plugin: Plugin,
    token: TokenSource,
    /// For lines that name none.
    service_id: Option<String>,
    limit: Limit,
}

impl Fleet {
    /// What a line asks for; empty ones and comments for nothing. What is wrong is said without the text, which may be a file of secrets.
    fn session(&self, number: usize, text: Option<String>) -> Result<Option<Session>, Failure> {
        let wrong = |why: &str| Err(Failure::Usage(format!("line {number} {why}")));
        let Some(text) = text else {
            return wrong(&format!("is longer than {LONGEST} bytes"));
        };
        let text = text.split('#').next().unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().collect();
        let (service_id, version) = match (&words[..], &self.service_id) {
            ([], _) => return Ok(None),
            ([service_id, version], _) => ((*service_id).to_owned(), *version),
            ([version], Some(service_id)) => (service_id.clone(), *version),
            _ => return wrong("isn't a service and a version"),
        };
        if service_id.contains(char::REPLACEMENT_CHARACTER) {
            return wrong("isn't UTF-8");
        }
        let Ok(version) = version.parse() else { return wrong("has a version that is no number") };
        let token = self.token.clone();
        let operation = Operation { kind: Kind::Get, service_id, version, token, cause: None };
        Session::new(self.plugin.clone(), operation, self.limit, Progress::default()).map(Some)
    }
}

impl Session {
    async fn within_limit(&self) -> Result<Reply, Failure> {
        self.limit.hold(self.reply()).await.unwrap_or_else(|error| Err(self.failed(error)))
    }
}

/// How many there were, and how they ended.
#[derive(Default)]
struct Tally {
    all: usize,
    failed: usize,
    worst: u8,
    /// The lines weren't read to their end.
    cut_off: bool,
}

impl Tally {
    /// Prints what came of one.
    fn count(&mut self, ended: Result<Reply, Failure>, report: Report) -> Result<(), Failure> {
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

    fn sum(self) -> Result<(), Failure> {
        let Self { all, failed, worst, cut_off } = self;
        match (failed, cut_off) {
            (0, false) => Ok(()),
            _ => Err(Failure::SomeFailed { failed, of: all, worst, cut_off }),
        }
    }
}

enum Line {
    /// Its number, and what stands in it. `None`: it is too long.
    Text(usize, Option<String>),
    /// No more can be read.
    Unreadable(Failure),
}

/// The lines of a file or of stdin, as they come: a thread waits for them.
fn lines(path: PathBuf) -> mpsc::Receiver<Line> {
    let (sender, lines) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let read = || {
            let source: Box<dyn Read> = match path == Path::new("-") {
                true => Box::new(io::stdin()),
                false => Box::new(File::open(&path)?),
            };
            let mut source = BufReader::new(source);
            for number in 1.. {
                let Some(text) = next_line(&mut source)? else { break };
                if sender.blocking_send(Line::Text(number, text)).is_err() {
                    break;
                }
            }
            Ok(())
        };
        if let Err(error) = read() {
            let error: io::Error = error;
            let what = format!("can't read --targets {}", path.display());
            // Nobody may wait for it any more.
            let _ =
                sender.blocking_send(Line::Unreadable(Failure::Usage(format!("{what}: {error}"))));
        }
    });
    lines
}

/// The next line, of which no more is kept than one may have: `Some(None)` for one that has more. `None` at the end.
fn next_line(source: &mut impl BufRead) -> io::Result<Option<Option<String>>> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
