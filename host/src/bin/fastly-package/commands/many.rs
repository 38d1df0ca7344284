//! `get --targets`: the packages of many service versions, a line of JSON for each, as they come.

use super::session::{Limit, Session, plugin};
use super::token::token;
use crate::cli::Get;
use crate::failure::{Failure, Kind, Operation, TokenSource};
use crate::progress::Progress;
use crate::report::Report;
use fastly_package::{Plugin, Reply};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Lines that are read before they are needed.
const AHEAD: usize = 64;

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
    let source: Box<dyn Read + Send> = match from_stdin {
        true => Box::new(std::io::stdin()),
        false => Box::new(File::open(targets).map_err(|error| {
            Failure::Usage(format!("can't read --targets {}: {error}", targets.display()))
        })?),
    };
    let (token, token_source) = token(&args.connection, report)?;
    let plugin = plugin(&args.connection, token, limit)?
        .on_retry(move |retry| report.retry(retry, true))
        .build()
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let fleet = Fleet { plugin, token: token_source, service_id: args.service_id.clone(), limit };
    let mut lines = numbered_lines(source);
    let mut calls = JoinSet::new();
    let mut tally = Tally::default();
    let mut reading = true;
    let mut out_of_time = std::pin::pin!(limit.passed());
    while reading || !calls.is_empty() {
        tokio::select! {
            biased;
            line = lines.recv(), if reading && calls.len() < usize::from(args.jobs) => match line {
                Some((number, line)) => match fleet.session(number, line) {
                    Ok(Some(session)) => {
                        calls.spawn(async move { session.within_limit().await });
                    }
                    Ok(None) => {}
                    Err(failure) => tally.count(Err(failure), report)?,
                },
                None => reading = false,
            },
            // The lines stopped coming: of those that are there each has an end of its own.
            () = &mut out_of_time, if reading && calls.is_empty() => {
                reading = false;
                tally.cut_off = true;
            }
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
    /// What a line asks for; empty ones and comments for nothing.
    fn session(
        &self,
        number: usize,
        line: std::io::Result<String>,
    ) -> Result<Option<Session>, Failure> {
        let line =
            line.map_err(|error| Failure::Local(format!("can't read line {number}"), error))?;
        let line = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        let (service_id, version) = match (&words[..], &self.service_id) {
            ([], _) => return Ok(None),
            ([service_id, version], _) => ((*service_id).to_owned(), *version),
            ([version], Some(service_id)) => (service_id.clone(), *version),
            _ => {
                return Err(Failure::Usage(format!(
                    "line {number} isn't a service and a version: {}",
                    line.trim()
                )));
            }
        };
        let version = version.parse().map_err(|_| {
            Failure::Usage(format!("line {number} has a version that is no number: {version}"))
        })?;
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
            Ok(reply) => report.reply(&reply, None),
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

/// The lines of a source with their numbers, as they come: a thread waits for them.
fn numbered_lines(
    source: Box<dyn Read + Send>,
) -> mpsc::Receiver<(usize, std::io::Result<String>)> {
    let (sender, lines) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        for (number, line) in (1..).zip(BufReader::new(source).lines()) {
            let failed = line.is_err();
            if sender.blocking_send((number, line)).is_err() || failed {
                break;
            }
        }
    });
    lines
}
