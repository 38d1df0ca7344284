//! `check`: shows the properties and errors of a package, without the network.

mod print;

use crate::cli::Check;
use fastly_package_archive::{self as archive, ReadLimits};
use fastly_package_command::call_error::CallError;
use fastly_package_command::error::{CommandError, REFUSED};
use fastly_package_command::report::Report;
use fastly_package_core::error::{self, ContentErrorKind};
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn run(args: &Check, report: Report) -> Result<ExitCode, CommandError> {
    let checked = check(&args.file)
        .map_err(|error| CommandError::Check(args.file.display().to_string(), error))?;
    print::print(&args.file, &checked, report)?;
    Ok(match checked.has_errors() {
        true => ExitCode::from(REFUSED),
        false => ExitCode::SUCCESS,
    })
}

fn check(path: &Path) -> Result<archive::CheckReport, CallError> {
    archive::check(&mut open(path)?, ReadLimits::default()).map_err(|error| {
        CallError::content(ContentErrorKind::Unreadable, error::unreadable(&error.to_string()))
    })
}

fn open(path: &Path) -> Result<File, CallError> {
    let name = path.display().to_string();
    let cannot_open = |error: io::Error| {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ContentErrorKind::NotFound,
            _ => ContentErrorKind::CannotOpen,
        };
        CallError::content(kind, error::cannot_open(&name, &error.to_string()))
    };
    // Checked before: opening a FIFO would wait for its writer.
    if !std::fs::metadata(path).map_err(cannot_open)?.is_file() {
        return Err(CallError::content(ContentErrorKind::NotAFile, error::not_a_file(&name)));
    }
    File::open(path).map_err(cannot_open)
}
