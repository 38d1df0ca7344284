//! Receives a package: the form as it streams, the archive from an unlinked temporary file. Memory use is constant.

use std::io::{self, Seek, Write};

use bytes::Bytes;
use fastly_package_archive::{CheckReport, Finding, ReadLimits, check};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::answer::Answer;
use crate::config::Config;
use crate::connection::Connection;
use crate::multipart::{Event, Form, FormError};
use crate::recorder::RecordedPart;
use crate::refusal::{Refusal, Result};

/// The name of the one part.
const PART: &str = "package";

/// Number of pieces of the body that may wait to be written to the file.
const QUEUED_PIECES: usize = 16;

/// Reads the body to its end, but not beyond the limit, and checks the package in it.
pub(crate) async fn receive(
    config: &Config,
    headers: &HeaderMap,
    connection: &mut Connection,
) -> Result<CheckReport> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut form = match Form::from_content_type(content_type.unwrap_or_default()) {
        Ok(form) => form,
        Err(error) => return Err(malformed(error, connection).await),
    };
    let mut current: Option<Part> = None;
    let mut received = Vec::new();
    while let Some(bytes) = connection.chunk(u64::MAX).await? {
        form.push(&bytes);
        loop {
            match form.next() {
                Ok(Some(Event::Part(part))) => {
                    current = Some(Part::begin(part.name.clone(), config));
                    connection.record(|request| request.parts.push(part));
                }
                Ok(Some(Event::Content(bytes))) => {
                    let Some(part) = &mut current else { continue };
                    part.size += bytes.len() as u64;
                    record(connection, |recorded| recorded.size = part.size);
                    if part.size > config.max_package_bytes {
                        return Err(Answer::too_large().into());
                    }
                    // Sending fails if the file can't be written, which is reported at the end of the part.
                    let _ = part.pieces.send(bytes).await;
                }
                Ok(Some(Event::PartEnd)) => {
                    let Some(part) = current.take() else { continue };
                    let (name, report) = part.end().await?;
                    record(connection, |recorded| recorded.sha512 = Some(report.hashsum.clone()));
                    received.push((name, report));
                }
                Ok(Some(Event::End) | None) => break,
                Err(error) => return Err(malformed(error, connection).await),
            }
        }
    }
    if !form.is_complete() {
        return Err(malformed(FormError::INCOMPLETE, connection).await);
    }
    let bad_form = |reason| Err(Answer::bad_form(reason).into());
    match (received.pop(), received.is_empty()) {
        (Some((name, report)), true) if name == PART => judge(report),
        (Some(_), true) => bad_form("the form's part is not named package"),
        (Some(_), false) => bad_form("the form has more than one part"),
        (None, _) => bad_form("the form has no part named package"),
    }
}

/// Reads the rest of the body, so that the client gets the error after it has sent everything.
async fn malformed(error: FormError, connection: &mut Connection) -> Refusal {
    match connection.drain().await {
        Ok(()) => Answer::bad_form(error.0).into(),
        Err(aborted) => aborted.into(),
    }
}

fn judge(report: CheckReport) -> Result<CheckReport> {
    // The size is compared with the configured limit instead.
    let refuses = |finding: &&Finding| {
        finding.refuses_upload() && !matches!(finding, Finding::TooLarge { .. })
    };
    match report.findings.iter().find(refuses) {
        Some(finding) => {
            tracing::info!(%finding, "not a valid package");
            Err(Answer::bad_package().into())
        }
        None => Ok(report),
    }
}

/// Changes the record of the current part.
fn record(connection: &Connection, update: impl FnOnce(&mut RecordedPart)) {
    connection.record(|request| {
        if let Some(part) = request.parts.last_mut() {
            update(part);
        }
    });
}

/// A part whose content is written to a file, and then checked, by a blocking task.
struct Part {
    name: String,
    size: u64,
    pieces: mpsc::Sender<Bytes>,
    task: JoinHandle<io::Result<CheckReport>>,
}

impl Part {
    fn begin(name: String, config: &Config) -> Self {
        let (pieces, mut receiver) = mpsc::channel::<Bytes>(QUEUED_PIECES);
        let limits = ReadLimits { unpacked: config.max_unpacked_bytes, ..ReadLimits::default() };
        let task = spawn_blocking(move || {
            let mut file = tempfile::tempfile()?;
            while let Some(bytes) = receiver.blocking_recv() {
                file.write_all(&bytes)?;
            }
            file.rewind()?;
            check(&mut file, limits)
        });
        Self { name, size: 0, pieces, task }
    }

    /// Returns the part's name and the report on its content.
    async fn end(self) -> Result<(String, CheckReport)> {
        drop(self.pieces);
        match self.task.await.map_err(io::Error::other).flatten() {
            Ok(report) => Ok((self.name, report)),
            Err(error) => {
                tracing::error!(%error, "can't store the upload in a temporary file");
                Err(Answer::json(500, json!({ "msg": "Internal server error" })).into())
            }
        }
    }
}
