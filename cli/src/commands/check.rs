//! `check`: shows the properties and errors of a package, without the network.

mod print;

use crate::cli::Check;
use fastly_package::{ContentError, Result};
use fastly_package_archive::{self as archive, ReadLimits};
use fastly_package_command::error::{CommandError, REFUSED};
use fastly_package_command::report::Report;
use std::fs::File;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn run(args: &Check, report: Report) -> Result<ExitCode, CommandError> {
    let checked = check(&args.file)
        .map_err(|error| CommandError::Check(args.file.display().to_string(), error.into()))?;
    print::print(&args.file, &checked, report)?;
    Ok(match checked.has_errors() {
        true => ExitCode::from(REFUSED),
        false => ExitCode::SUCCESS,
    })
}

fn check(path: &Path) -> Result<archive::CheckReport> {
    let checked = archive::check(&mut open(path)?, ReadLimits::default());
    checked.map_err(|error| ContentError::Read(error).into())
}

fn open(path: &Path) -> Result<File, ContentError> {
    let cannot_open = |error| ContentError::Open(path.to_owned(), error);
    // Checked before: opening a FIFO would wait for its writer.
    if !std::fs::metadata(path).map_err(cannot_open)?.is_file() {
        return Err(ContentError::NotAFile(path.to_owned()));
    }
    File::open(path).map_err(cannot_open)
}
