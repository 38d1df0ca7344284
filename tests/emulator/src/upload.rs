//! A request body to a package: the form as it streams, the archive from an unlinked temporary file. Nothing is held whole in memory, and
//! what blocks runs beside the runtime.

use std::io::{self, Read, Seek};

use bytes::{Buf, Bytes};
use fastly_package_archive::{Finding, Limits, Report, check};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::journal::{Journal, RecordedPart};
use crate::multipart::{Event, Form, FormError, PartHead};

/// The name of the one part.
const PART: &str = "package";

/// Pieces of the body that may wait for the archive reader.
const WAITING_PIECES: usize = 16;

/// Why an upload isn't a package.
#[derive(Debug)]
pub(crate) enum UploadError {
    /// The body didn't arrive whole: there is nobody to answer to.
    Aborted,
    /// It isn't a form, or not one with the one part.
    Form(FormError),
    /// The form has another part, a second one, or none.
    Parts(&'static str),
    /// More than the limit; the rest wasn't read.
    TooLarge,
    /// The part is no package.
    NoPackage(String),
    /// The temporary file failed: it wasn't judged.
    Spool(io::Error),
}

/// What the upload is read for.
pub(crate) struct Receiver<'a> {
    pub(crate) config: &'a Config,
    pub(crate) journal: &'a Journal,
    pub(crate) request: usize,
}

impl Receiver<'_> {
    /// Reads the body to its end, but not past the limit.
    pub(crate) async fn receive(
        &self,
        headers: &HeaderMap,
        body: &mut RequestBody,
    ) -> Result<Report, UploadError> {
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let mut form = match Form::from_content_type(content_type.unwrap_or_default()) {
            Ok(form) => form,
            Err(error) => return Err(self.discard(body, UploadError::Form(error)).await),
        };
        let mut parts = Vec::new();
        while let Some(bytes) = body.next().await? {
            form.push(&bytes);
            loop {
                match form.next() {
                    Ok(Some(event)) => self.take(event, &mut parts).await?,
                    Ok(None) => break,
                    Err(error) => return Err(self.discard(body, UploadError::Form(error)).await),
                }
            }
        }
        if !form.is_complete() {
            return Err(UploadError::Form(FormError::Incomplete));
        }
        self.judge(parts)
    }

    async fn take(&self, event: Event, parts: &mut Vec<Part>) -> Result<(), UploadError> {
        let number = parts.len();
        match (event, parts.last_mut()) {
            (Event::Part(head), _) => {
                self.journal.update(self.request, |request| request.parts.push(recorded(&head)));
                parts.push(Part::begin(head, self.config.max_unpacked_bytes));
            }
            (Event::Content(bytes), Some(part)) => {
                part.size += bytes.len() as u64;
                let size = part.size;
                self.journal.update(self.request, |request| request.parts[number - 1].size = size);
                if size > self.config.max_package_bytes {
                    return Err(UploadError::TooLarge);
                }
                part.feed(bytes).await;
            }
            (Event::PartEnd, Some(part)) => {
                let sha512 = part.end().await?;
                self.journal.update(self.request, |request| {
                    request.parts[number - 1].sha512 = Some(sha512);
                });
            }
            (Event::Content(_) | Event::PartEnd, None) | (Event::End, _) => {}
        }
        Ok(())
    }

    fn judge(&self, mut parts: Vec<Part>) -> Result<Report, UploadError> {
        match (parts.pop(), parts.is_empty()) {
            (Some(part), true) if part.name == PART => {
                let report = part.package.ok_or(UploadError::Aborted)?;
                // The emulator's own limit has judged the size.
                let refuses = |finding: &&Finding| {
                    finding.refuses_upload() && !matches!(finding, Finding::TooLarge { .. })
                };
                match report.findings.iter().find(refuses) {
                    Some(finding) => Err(UploadError::NoPackage(finding.to_string())),
                    None => Ok(report),
                }
            }
            (Some(_), true) => Err(UploadError::Parts("the form's part is not named package")),
            (Some(_), false) => Err(UploadError::Parts("the form has more than one part")),
            (None, _) => Err(UploadError::Parts("the form has no part named package")),
        }
    }

    /// Reads the rest, so that the client gets the error once it has sent all.
    async fn discard(&self, body: &mut RequestBody, error: UploadError) -> UploadError {
        match body.drain().await {
            Ok(()) => error,
            Err(aborted) => aborted,
        }
    }
}

/// A request's body, which knows whether it ended: hyper's doesn't where it is chunked.
pub(crate) struct RequestBody {
    incoming: Incoming,
    whole: bool,
    /// It broke off: hyper's then reads as ended when it is asked again.
    broken: bool,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming) -> Self {
        Self { whole: incoming.is_end_stream(), broken: false, incoming }
    }

    /// Whether all of it was read.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    /// The next piece; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, UploadError> {
        if self.broken {
            return Err(UploadError::Aborted);
        }
        while let Some(frame) = self.incoming.frame().await {
            match frame.map(http_body::Frame::into_data) {
                Ok(Ok(bytes)) => {
                    self.whole = self.incoming.is_end_stream();
                    return Ok(Some(bytes));
                }
                Ok(Err(_trailers)) => {}
                Err(error) => {
                    tracing::debug!(%error, "the body did not arrive whole");
                    self.broken = true;
                    return Err(UploadError::Aborted);
                }
            }
        }
        self.whole = true;
        Ok(None)
    }

    /// Reads the rest and throws it away.
    pub(crate) async fn drain(&mut self) -> Result<(), UploadError> {
        while self.next().await?.is_some() {}
        Ok(())
    }
}

fn recorded(head: &PartHead) -> RecordedPart {
    RecordedPart {
        name: head.name.clone(),
        filename: head.filename.clone(),
        content_type: head.content_type.clone(),
        ..RecordedPart::default()
    }
}

/// A part whose content a blocking task reads.
struct Part {
    name: String,
    size: u64,
    pieces: Option<mpsc::Sender<Bytes>>,
    reader: Option<JoinHandle<io::Result<Report>>>,
    package: Option<Report>,
}

impl Part {
    fn begin(head: PartHead, unpacked: u64) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_PIECES);
        let limits = Limits { unpacked, ..Limits::default() };
        let reader = tokio::task::spawn_blocking(move || read(receiver, limits));
        Self { name: head.name, size: 0, pieces: Some(sender), reader: Some(reader), package: None }
    }

    async fn feed(&self, bytes: Bytes) {
        if let Some(pieces) = &self.pieces {
            // The reader takes pieces until the sender is dropped: sending fails only if it panicked,
            // and then waiting for it says so.
            let _ = pieces.send(bytes).await;
        }
    }

    /// The content is whole: its SHA-512.
    async fn end(&mut self) -> Result<String, UploadError> {
        self.pieces = None;
        let Some(reader) = self.reader.take() else { return Err(UploadError::Aborted) };
        let read = reader.await.map_err(io::Error::other).and_then(|read| read);
        let package = self.package.insert(read.map_err(UploadError::Spool)?);
        Ok(package.hashsum.clone())
    }
}

fn read(pieces: mpsc::Receiver<Bytes>, limits: Limits) -> io::Result<Report> {
    let mut file = tempfile::tempfile()?;
    io::copy(&mut Pieces { receiver: pieces, present: Bytes::new() }, &mut file)?;
    file.rewind()?;
    check(&mut file, limits)
}

/// The pieces of a body as a blocking reader.
struct Pieces {
    receiver: mpsc::Receiver<Bytes>,
    present: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.present.is_empty() {
            match self.receiver.blocking_recv() {
                Some(bytes) => self.present = bytes,
                None => return Ok(0),
            }
        }
        let read = self.present.len().min(buffer.len());
        self.present.copy_to_slice(&mut buffer[..read]);
        Ok(read)
    }
}
