//! `put`: uploads a package to a service version.

use super::check::{self, check};
use super::interrupt::Interrupts;
use super::session::{Limit, Session};
use super::token::token;
use crate::records::{self, failed};
use fastly_package::{Content, ContentError, Expect, PutOptions, SIZE_LIMIT};
use fastly_package_archive::{Limits, files_hash};
use fastly_package_words::args::{Put, Target, When};
use fastly_package_words::failure::{Cause, Failure, Kind, Operation};
use fastly_package_words::records::{Case, Error, Reply, Uploaded};
use fastly_package_words::reply;
use fastly_package_words::report::Report;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::pin::pin;

pub(crate) async fn run(args: &Put, report: Report) -> Result<(), Failure> {
    let limit = Limit::new(args.connection.timeout);
    args.check()?;
    let (token, source) = token(&args.connection, report)?;
    let Target { service_id, version } = &args.target;
    let operation = Operation::new(Kind::Put, service_id, *version, &source);
    let opened = limit.hold(open(args)).await.and_then(|opened| opened);
    let content = opened.map_err(|error| failed(&operation, &error))?;
    if args.if_changed {
        let get = Operation { kind: Kind::Get, ..operation.clone() };
        let session = Session::open(&args.connection, token.clone(), get, limit, report)?;
        if let Some(reply) = session.unchanged(&args.package).await? {
            return report.unchanged(&reply);
        }
    }
    let expect = match args.expect {
        When::Auto => Expect::Auto,
        When::Always => Expect::Always,
        When::Never => Expect::Never,
    };
    let options = PutOptions { expect, verify: !args.no_verify, force: args.force };
    // What --timeout leaves is for this one.
    let session = Session::open(&args.connection, token, operation, limit, report)?;
    if args.dry_run {
        return session.rehearse(content, options, report).await;
    }
    let cant_catch = |error| Failure::Local("can't catch Ctrl-C".into(), error);
    let mut interrupts = Interrupts::catch().map_err(cant_catch)?;
    let failure = {
        let mut uploading = pin!(session.upload(content, options, report));
        tokio::select! {
            uploaded = &mut uploading => match uploaded {
                Ok(uploaded) => {
                    // Printing is for as long as somebody reads: Ctrl-C ends that as ever.
                    drop(interrupts);
                    return report.uploaded(&uploaded);
                }
                Err(failure) => failure,
            },
            signal = interrupts.next() => {
                // It ends with a word on what is stored, which takes no time.
                session.plugin.cancel();
                let ended = match uploading.await {
                    Ok(uploaded) => report.uploaded(&uploaded),
                    Err(failure) => Err(failure),
                };
                return Err(Failure::interrupted(signal, ended.err()));
            }
        }
    };
    tokio::select! {
        cause = limit.hold(look_into(&failure, &args.package)) => {
            Err(failure.because(cause.unwrap_or_default()))
        }
        signal = interrupts.next() => Err(Failure::interrupted(signal, Some(failure))),
    }
}

/// What is wrong with a package that the API refused: the API doesn't say.
async fn look_into(failure: &Failure, package: &Path) -> Option<Cause> {
    let Failure::Operation(_, Error { case: Case::Api(error), .. }) = failure else { return None };
    let mut texts = [&error.title, &error.detail].into_iter().flatten();
    if error.status != 400 || !texts.any(|text| text.contains("metadata")) {
        return None;
    }
    let package = package.to_owned();
    let checked = tokio::task::spawn_blocking(move || check(&package)).await;
    let checked = checked.ok()?.ok()?;
    Some(Cause::Package(checked.findings.iter().map(records::finding).collect()))
}

impl Session {
    /// The API's reply where the version has the files of this package. Only a version without a package is one that hasn't.
    async fn unchanged(&self, package: &Path) -> Result<Option<Reply>, Failure> {
        let package = package.to_owned();
        let hashing = tokio::task::spawn_blocking(move || {
            let mut package = check::open(&package)?;
            files_hash(&mut package, Limits::default()).map_err(ContentError::Read)
        });
        let hashed = self.limit.hold(hashing).await.map_err(|error| self.failed(error))?;
        let ours = hashed.map_err(io::Error::other).map_err(ContentError::Read);
        let ours = ours.and_then(|ours| ours).map_err(|error| self.failed(error.into()))?;
        // Of the limit, less is left than when the plugin was set up.
        let got = self.limit.hold(self.plugin.get_package(&self.target)).await;
        let reply = match got.and_then(|got| got) {
            Ok(reply) => reply!(reply),
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        };
        Ok(ours.is_some_and(|ours| reply.has_files(&ours)).then_some(reply))
    }

    /// All of an upload but the upload.
    async fn rehearse(
        &self,
        mut content: Content,
        options: PutOptions,
        report: Report,
    ) -> Result<(), Failure> {
        if !options.force {
            content.check().await.map_err(|error| self.failed(error))?;
        }
        report.rehearsed(&self.operation, content.size())
    }

    /// Uploads, and shows how far it is.
    pub(super) async fn upload(
        &self,
        content: Content,
        options: PutOptions,
        report: Report,
    ) -> Result<Uploaded, Failure> {
        let size = content.size();
        self.progress.begin(size, report);
        let progress = self.progress.clone();
        let content = content.on_progress(move |read| progress.advance(read));
        let upload = self.plugin.put_package(&self.target, content, options);
        let uploaded = self.progress.beside(upload, |line| report.say(line)).await;
        self.progress.clear();
        match uploaded {
            Ok(uploaded) => Ok(records::uploaded(uploaded, size)),
            Err(error) => Err(self.explained(error).await),
        }
    }
}

async fn open(args: &Put) -> fastly_package::Result<Content> {
    let stdin =
        || Ok(File::from(std::os::fd::AsFd::as_fd(&std::io::stdin()).try_clone_to_owned()?));
    if !args.is_from_stdin() {
        return match std::fs::metadata(&args.package) {
            Ok(metadata) if std::os::unix::fs::FileTypeExt::is_fifo(&metadata.file_type()) => {
                let path = args.package.clone();
                let opened = move || File::open(&path).map_err(|e| ContentError::Open(path, e));
                spool(opened, args.force).await
            }
            _ => Content::open(&args.package).await,
        };
    }
    if let Some(size) = args.size {
        return Content::from_reader(tokio::io::stdin(), size);
    }
    let file: File = stdin().map_err(ContentError::Read)?;
    match file.metadata() {
        // Redirected from a file: it has a size.
        Ok(metadata) if metadata.is_file() => Content::from_file(file),
        Ok(metadata) if metadata.is_dir() => Err(ContentError::NotAFile("-".into()).into()),
        _ => spool(move || Ok(file), args.force).await,
    }
}

/// Stores a stream of unknown length in a temporary file that has no name, so that nothing is left of it whatever happens. Without
/// `force`, no more of it than the API takes.
async fn spool(
    open: impl FnOnce() -> Result<File, ContentError> + Send + 'static,
    force: bool,
) -> fastly_package::Result<Content> {
    let limit = if force { u64::MAX } else { SIZE_LIMIT };
    let copying = tokio::task::spawn_blocking(move || {
        let mut kept = tempfile::tempfile()?;
        let length = std::io::copy(
            &mut open().map_err(std::io::Error::other)?.take(limit.saturating_add(1)),
            &mut kept,
        )?;
        kept.rewind()?;
        Ok::<_, std::io::Error>((kept, length))
    });
    let copied = copying.await.map_err(std::io::Error::other).and_then(|copied| copied);
    let (kept, length) = copied.map_err(ContentError::Read)?;
    if length > limit {
        return Err(ContentError::TooLarge { limit }.into());
    }
    Content::from_file(kept)
}
