//! `get --targets`: the packages of many service versions, a line of JSON for each, as they come.

use super::session::{Limit, Session, again, plugin, unusable};
use super::token::token;
use crate::progress::Progress;
use fastly_package::Plugin;
use fastly_package_words::args::Get;
use fastly_package_words::failure::{Failure, Kind, Operation, TokenSource};
use fastly_package_words::records::Reply;
use fastly_package_words::report::Report;
use fastly_package_words::targets::{self, Tally};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc::{self, error::TryRecvError};
use tokio::task::JoinSet;

/// Lines that are read before they are needed.
const AHEAD: usize = 64;

pub(super) async fn run(
    args: &Get,
    targets: &Path,
    limit: Limit,
    report: Report,
) -> Result<(), Failure> {
    let service_id = args.service_of_targets(targets)?.map(str::to_owned);
    let (token, token_source) = token(&args.connection, report)?;
    let plugin = plugin(&args.connection, token, limit)?
        .on_retry(move |retry| again(report, retry, true))
        .build()
        .map_err(unusable)?;
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
    /// What a line asks for.
    fn session(&self, number: usize, text: Option<String>) -> Result<Option<Session>, Failure> {
        let named = targets::target(number, text.as_deref(), self.service_id.as_deref())?;
        let Some((service_id, version)) = named else { return Ok(None) };
        let operation = Operation::new(Kind::Get, &service_id, version, &self.token);
        Session::new(self.plugin.clone(), operation, self.limit, Progress::default()).map(Some)
    }
}

impl Session {
    async fn within_limit(&self) -> Result<Reply, Failure> {
        self.limit.hold(self.reply()).await.unwrap_or_else(|error| Err(self.failed(error)))
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
                let Some(text) = targets::next_line(&mut source)? else { break };
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
