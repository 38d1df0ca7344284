//! `check`: says what a package is and what is wrong with it, without the network.

use crate::cli::Check;
use crate::{checked, records};
use fastly_package::ContentError;
use fastly_package_archive::{self as archive, Limits};
use fastly_package_words::failure::{Failure, REFUSED};
use fastly_package_words::report::Report;
use std::fs::File;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn run(args: &Check, report: Report) -> Result<ExitCode, Failure> {
    let checked = check(&args.file).map_err(|error| unreadable(&args.file, &error))?;
    checked::print(&args.file, &checked, report)?;
    Ok(match checked.has_errors() {
        true => ExitCode::from(REFUSED),
        false => ExitCode::SUCCESS,
    })
}

fn unreadable(path: &Path, error: &ContentError) -> Failure {
    let name = path.display().to_string();
    Failure::Package(name, records::content(error), error.to_string())
}

/// Reads a package to its end.
pub(crate) fn check(path: &Path) -> Result<archive::Report, ContentError> {
    archive::check(&mut open(path)?, Limits::default()).map_err(ContentError::Read)
}

/// Opens a package for reading.
pub(super) fn open(path: &Path) -> Result<File, ContentError> {
    let open = |error| ContentError::Open(path.to_owned(), error);
    // Looked at before it is opened: opening a FIFO would wait for its writer.
    if !std::fs::metadata(path).map_err(open)?.is_file() {
        return Err(ContentError::NotAFile(path.to_owned()));
    }
    File::open(path).map_err(open)
}
