//! `put`: uploads a package to a service version.

use crate::bindings::wasi::cli::stdin;
use crate::bindings::wasi::io::streams::InputStream;
use crate::call::{Api, Sending, invalid, token};
use crate::files::{self, File, NoFile};
use fastly_package_archive::{HEAD, Limits, Look, SIZE_LIMIT, files_hash, hashsum, look};
use fastly_package_egress::check_target;
use fastly_package_words::EXPECT_FROM;
use fastly_package_words::args::{Put, Target, When};
use fastly_package_words::error;
use fastly_package_words::failure::{Failure, Kind, Operation};
use fastly_package_words::proof::{self, Comparison};
use fastly_package_words::records::{
    Case, Content, Error, Package, Proof, Reply, Stored, Uploaded,
};
use fastly_package_words::report::Report;
use std::cell::OnceCell;
use std::io::Read;
use std::path::Path;

/// What is to be uploaded.
enum Source {
    /// What can be read again, and what it came to when it was.
    File(File, OnceCell<Digest>),
    /// So many bytes of standard input.
    Stdin(u64),
}

/// The length and the SHA-512 of a package.
type Digest = (u64, String);

pub(crate) fn run(args: &Put, report: Report) -> Result<(), Failure> {
    args.check()?;
    let (token, source) = token(&args.connection)?;
    let Target { service_id, version } = &args.target;
    let operation = Operation::new(Kind::Put, service_id, *version, &source);
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
    let api = Api::new(&args.connection, token, report)?;
    let target = check_target(service_id, *version);
    target.map_err(|why| failed(invalid(why.into())))?;
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
        Err(NoFile::Outside) => {
            Err(refused(Content::Outside, error::cant_open(&name, files::OUTSIDE)))
        }
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

fn changed() -> Error {
    refused(Content::Varying, error::CHANGED.into())
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

    /// Whether it can be read again.
    fn is_repeatable(&self) -> bool {
        matches!(self, Self::File(..))
    }

    /// Whether nothing has been written to it since it was opened.
    fn is_unwritten(&self) -> bool {
        match self {
            Self::File(file, _) => file.is_unwritten(),
            Self::Stdin(_) => true,
        }
    }

    /// Reads what can be read again, as it was when it was opened. What has been written to since is another package.
    fn digest(&self) -> Result<Option<&Digest>, Error> {
        let Self::File(file, digest) = self else { return Ok(None) };
        if digest.get().is_none() {
            let read = hashsum(file.reader().take(file.size)).map_err(unreadable)?;
            if read.0 != file.size || !file.is_unwritten() {
                return Err(changed());
            }
            let _ = digest.set(read);
        }
        Ok(digest.get())
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
        if !self.args.no_verify {
            // Before it is sent: afterwards somebody may have written to it.
            self.source.digest()?;
        }
        let mut attempts = 1;
        loop {
            if !self.source.is_unwritten() {
                return Err(changed());
            }
            let error = match self.send() {
                Ok(reply) if self.args.no_verify => {
                    return match self.source.is_unwritten() {
                        true => Ok(self.uploaded(reply, Proof::Off, attempts)),
                        false => Err(torn(&reply.package)),
                    };
                }
                Ok(reply) => {
                    let proof = self.prove(&reply)?;
                    return Ok(self.uploaded(reply, proof, attempts));
                }
                Err(error) => match self.decide(error) {
                    Ok(reply) => return Ok(self.uploaded(reply, Proof::Verified, attempts)),
                    Err(error) => error,
                },
            };
            let may_be_sent_again = error.stored == Stored::No && self.source.is_repeatable();
            if !may_be_sent_again || !self.api.wait(self.operation, &error, attempts, false, false)
            {
                return Err(error);
            }
            attempts += 1;
        }
    }

    /// Sends it; where the API doesn't take the question whether it may, without it (RFC 9110, 15.5.18).
    fn send(&self) -> Result<Reply, Error> {
        let asking = match self.args.expect {
            // Where it can't be sent again without, it isn't worth a 417: hosts of WASI 0.2 don't wait for 100.
            When::Auto => self.source.is_repeatable() && self.source.size() >= EXPECT_FROM,
            When::Always => true,
            When::Never => false,
        };
        match self.send_once(asking) {
            Err(error) if error.status() == Some(417) && asking && self.source.is_repeatable() => {
                self.send_once(false)
            }
            sent => sent,
        }
    }

    fn send_once(&self, asking: bool) -> Result<Reply, Error> {
        let name = self.args.package.file_name().and_then(|name| name.to_str());
        let sending = Sending {
            content: self.source.stream()?,
            size: self.source.size(),
            name: name.filter(|_| self.source.is_repeatable()),
            asking,
        };
        self.api.put(self.operation, sending)
    }

    fn uploaded(&self, reply: Reply, proof: Proof, attempts: u32) -> Uploaded {
        Uploaded { reply, bytes: self.source.size(), proof, attempts }
    }

    /// Compares what the API says it stored with what the file held.
    fn prove(&self, reply: &Reply) -> Result<Proof, Error> {
        let unproven = |why: &str| Ok(Proof::Unproven(why.into()));
        let Some(sent) = self.source.digest()? else {
            return unproven("what was sent can't be read again");
        };
        let judged = |package| match compare(named_by(package), sent) {
            Comparison::Same => Some(Ok(Proof::Verified)),
            Comparison::Differs => Some(Err(self.mismatch(package, sent))),
            Comparison::Unnamed => None,
        };
        if let Some(proof) = judged(&reply.package) {
            return proof;
        }
        match self.api.get(self.operation, false) {
            Ok(reply) => judged(&reply.package).unwrap_or_else(|| unproven(error::UNNAMED)),
            Err(error) => unproven(&error.reason),
        }
    }

    fn mismatch(&self, stored: &Package, sent: &Digest) -> Error {
        if !self.source.is_unwritten() {
            return torn(stored);
        }
        let (size, hashsum) = named_by(stored);
        let reason = error::mismatch((sent.0, &sent.1), (size, proof::hashsum(hashsum)));
        Error { case: Case::Mismatch, reason, stored: Stored::Other }
    }

    /// Finds out what became of an upload that failed: the API's reply where it is stored, and else the error, which says so where it is
    /// known that it isn't.
    fn decide(&self, error: Error) -> Result<Reply, Error> {
        if self.api.retries.limit == 0 || error.stored != Stored::Unknown {
            return Err(error);
        }
        let Ok(Some(sent)) = self.source.digest() else { return Err(error) };
        // The API hasn't answered yet, so that what isn't stored now may be a moment later.
        let may_come_later = matches!(error.case, Case::Timeout { .. });
        let not_stored = |error| Err(Error { stored: Stored::No, ..error });
        match self.api.get(self.operation, false) {
            Ok(reply) => match proof::compare_hash(&sent.1, named_by(&reply.package).1) {
                Comparison::Same => Ok(reply),
                // Of a file that was written to meanwhile it isn't known what was sent.
                Comparison::Differs if !may_come_later && self.source.is_unwritten() => {
                    not_stored(error)
                }
                Comparison::Differs | Comparison::Unnamed => Err(error),
            },
            Err(answer) if answer.status() == Some(404) && !may_come_later => not_stored(error),
            Err(_) => Err(error),
        }
    }
}

/// The upload of a file that was written to meanwhile: what is stored may be neither what it held nor what it holds.
fn torn(stored: &Package) -> Error {
    let (size, hashsum) = named_by(stored);
    let reason = error::torn((size, proof::hashsum(hashsum)));
    Error { case: Case::Mismatch, reason, stored: Stored::Other }
}

/// What the API calls length and hash.
fn named_by(package: &Package) -> (Option<u64>, Option<&str>) {
    let metadata = package.metadata.as_ref();
    (
        metadata.and_then(|metadata| metadata.size),
        metadata.and_then(|metadata| metadata.hashsum.as_deref()),
    )
}

fn compare(named: (Option<u64>, Option<&str>), sent: &Digest) -> Comparison {
    proof::compare((sent.0, &sent.1), named)
}
