//! `put`: uploads a package to a service version.

use crate::bindings::wasi::cli::stdin;
use crate::bindings::wasi::io::streams::InputStream;
use crate::call::{Api, Sending};
use crate::files::{self, File, NoFile};
use crate::sha512::sha512;
use fastly_package_archive::{HEAD, Limits, Look, SIZE_LIMIT, files_hash, look};
use fastly_package_words::args::{Put, When};
use fastly_package_words::error;
use fastly_package_words::failure::{Failure, Kind, Operation};
use fastly_package_words::records::{
    Case, Content, Error, Package, Proof, Reply, Stored, Uploaded,
};
use fastly_package_words::report::Report;
use std::cell::OnceCell;
use std::path::Path;

/// From how many bytes on the API is asked before the package is sent, as the native command does.
const ASKED_FROM: u64 = 1024 * 1024;

/// What is to be uploaded.
enum Source {
    /// Which can be read again, and what it came to when it was.
    File(File, OnceCell<(u64, String)>),
    /// So many bytes of standard input.
    Stdin(u64),
}

pub(crate) fn run(args: &Put, report: Report) -> Result<(), Failure> {
    args.check()?;
    let api = Api::new(&args.connection, report)?;
    let target = &args.target;
    let operation = api.operation(Kind::Put, target.service_id.clone(), target.version);
    let failed = |error| Failure::Operation(Box::new(operation.clone()), error);
    let source = match (args.is_from_stdin(), args.size) {
        (true, Some(size)) => Source::Stdin(size),
        (true, None) => {
            return Err(Failure::Usage(
                "--package - needs --size BYTES here: there is nowhere to keep what has no end yet"
                    .into(),
            ));
        }
        (false, _) => Source::File(open(&args.package).map_err(failed)?, OnceCell::new()),
    };
    if let (true, Source::File(file, _)) = (args.if_changed, &source) {
        let get = Operation { kind: Kind::Get, ..operation.clone() };
        if let Some(reply) = unchanged(&api, &get, file)? {
            return report.unchanged(&reply);
        }
    }
    if !args.force {
        source.check().map_err(failed)?;
    }
    if args.dry_run {
        return report.rehearsed(&operation, source.size());
    }
    let upload = Upload { api: &api, operation: &operation, source, args };
    report.uploaded(&upload.run().map_err(failed)?)
}

fn open(path: &Path) -> Result<File, Error> {
    let name = path.display().to_string();
    match files::open(&name) {
        Ok(file) if file.size == 0 => Err(refused(Content::Empty, error::EMPTY.into())),
        Ok(file) => Ok(file),
        Err(NoFile::Missing(why)) => Err(refused(Content::Missing, error::cant_open(&name, &why))),
        Err(NoFile::Closed(why)) => Err(refused(Content::Closed, error::cant_open(&name, &why))),
        Err(NoFile::NotAFile) => Err(refused(Content::NotAFile, error::not_a_file(&name))),
    }
}

/// The API's reply where the version has the files of this package. Only a version without a package is one that hasn't.
fn unchanged(api: &Api, get: &Operation, file: &File) -> Result<Option<Reply>, Failure> {
    let failed = |error| Failure::Operation(Box::new(get.clone()), error);
    let ours = files_hash(&mut file.reader(), Limits::default()).map_err(unreadable);
    let ours = ours.map_err(failed)?;
    let reply = match api.get(get, false) {
        Ok(reply) => reply,
        Err(error) if error.status() == Some(404) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    Ok(ours.is_some_and(|ours| reply.has_files(&ours)).then_some(reply))
}

fn refused(content: Content, reason: String) -> Error {
    Error { case: Case::Content(content), reason, stored: Stored::No }
}

impl Source {
    fn size(&self) -> u64 {
        match self {
            Self::File(file, _) => file.size,
            Self::Stdin(size) => *size,
        }
    }

    /// Looks at what costs nothing: the size, and the beginning of what can be read again.
    fn check(&self) -> Result<(), Error> {
        if self.size() > SIZE_LIMIT {
            return Err(refused(Content::TooLarge, error::too_large(SIZE_LIMIT)));
        }
        let Self::File(file, _) = self else { return Ok(()) };
        let head = file.head(HEAD).map_err(unreadable)?;
        match look(&head, true) {
            Look::Not(what) => {
                Err(refused(Content::NotAPackage, error::no_package(&what.to_string())))
            }
            Look::Package | Look::More => Ok(()),
        }
    }

    fn stream(&self) -> Result<InputStream, Error> {
        match self {
            Self::File(file, _) => file.stream().map_err(unreadable),
            Self::Stdin(_) => Ok(stdin::get_stdin()),
        }
    }

    /// The length and hash of what can be read again.
    fn digest(&self) -> Option<&(u64, String)> {
        let Self::File(file, digest) = self else { return None };
        if digest.get().is_none() {
            let _ = digest.set(sha512(file.reader()).ok()?);
        }
        digest.get()
    }
}

fn unreadable(why: std::io::Error) -> Error {
    refused(Content::Unreadable, error::unreadable(&why.to_string()))
}

struct Upload<'a> {
    api: &'a Api,
    operation: &'a Operation,
    source: Source,
    args: &'a Put,
}

impl Upload<'_> {
    /// Uploads until it is stored, or known not to be for good: what may be stored is never sent again.
    fn run(&self) -> Result<Uploaded, Error> {
        let mut attempts = 1;
        loop {
            let error = match self.send() {
                Ok(reply) => {
                    let proof = if self.args.no_verify { Proof::Off } else { self.prove(&reply)? };
                    return Ok(self.uploaded(reply, proof, attempts));
                }
                Err(error) => match self.decide(error) {
                    Ok(reply) => return Ok(self.uploaded(reply, Proof::Verified, attempts)),
                    Err(error) => error,
                },
            };
            let may_be_sent_again =
                error.stored == Stored::No && matches!(self.source, Source::File(..));
            if !may_be_sent_again || !self.api.wait(self.operation, &error, attempts, false, false)
            {
                return Err(error);
            }
            attempts += 1;
        }
    }

    fn send(&self) -> Result<Reply, Error> {
        let size = self.source.size();
        let name = self.args.package.file_name().and_then(|name| name.to_str());
        let asking = match self.args.expect {
            When::Auto => size >= ASKED_FROM,
            When::Always => true,
            When::Never => false,
        };
        let content = self.source.stream()?;
        let name = name.filter(|_| matches!(self.source, Source::File(..)));
        self.api.put(self.operation, Sending { content, size, name, asking })
    }

    fn uploaded(&self, reply: Reply, proof: Proof, attempts: u32) -> Uploaded {
        Uploaded { reply, bytes: self.source.size(), proof, attempts }
    }

    /// Compares what the API says it stored with what the file holds.
    fn prove(&self, reply: &Reply) -> Result<Proof, Error> {
        let unproven = |why: &str| Ok(Proof::Unproven(why.into()));
        let Some(sent) = self.source.digest() else {
            return unproven("what was sent can't be read again");
        };
        match compare(&reply.package, sent) {
            Comparison::Same => return Ok(Proof::Verified),
            Comparison::Differs => return Err(mismatch(&reply.package, sent)),
            Comparison::Unnamed => {}
        }
        let stored = match self.api.get(self.operation, false) {
            Ok(reply) => reply.package,
            Err(error) => return unproven(&error.reason),
        };
        match compare(&stored, sent) {
            Comparison::Same => Ok(Proof::Verified),
            Comparison::Differs => Err(mismatch(&stored, sent)),
            Comparison::Unnamed => unproven("the API names no SHA-512 of it"),
        }
    }

    /// Finds out what became of an upload that failed: the API's reply where it is stored, and else the error, which says so where it is
    /// known that it isn't.
    fn decide(&self, error: Error) -> Result<Reply, Error> {
        let may_ask = self.api.retries.limit > 0 && error.stored == Stored::Unknown;
        let Some(sent) = self.source.digest().filter(|_| may_ask) else { return Err(error) };
        // The API hasn't answered yet, so that what isn't stored now may be a moment later.
        let may_come_later = matches!(error.case, Case::Timeout { .. });
        let not_stored = |error| Err(Error { stored: Stored::No, ..error });
        match self.api.get(self.operation, false) {
            Ok(reply) => match compare(&reply.package, sent) {
                Comparison::Same => Ok(reply),
                Comparison::Differs if !may_come_later => not_stored(error),
                Comparison::Differs | Comparison::Unnamed => Err(error),
            },
            Err(answer) if answer.status() == Some(404) && !may_come_later => not_stored(error),
            Err(_) => Err(error),
        }
    }
}

enum Comparison {
    Same,
    Differs,
    /// The API names no hash.
    Unnamed,
}

fn compare(package: &Package, (size, hash): &(u64, String)) -> Comparison {
    let metadata = package.metadata.as_ref();
    let Some(named) = hashsum(package) else { return Comparison::Unnamed };
    let same_size = metadata.and_then(|metadata| metadata.size).is_none_or(|named| named == *size);
    match named.eq_ignore_ascii_case(hash) && same_size {
        true => Comparison::Same,
        false => Comparison::Differs,
    }
}

/// The hash that the API names, if it is one.
fn hashsum(package: &Package) -> Option<&str> {
    let named = package.metadata.as_ref()?.hashsum.as_deref()?;
    (named.len() == 128 && named.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(named)
}

fn mismatch(stored: &Package, (size, hash): &(u64, String)) -> Error {
    let metadata = stored.metadata.as_ref();
    let named = (metadata.and_then(|metadata| metadata.size), hashsum(stored));
    let reason = error::mismatch((*size, hash), named);
    Error { case: Case::Mismatch, reason, stored: Stored::Other }
}
