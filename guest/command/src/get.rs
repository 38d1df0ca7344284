//! `get`: shows the package of a service version, or of many.

use crate::call::{Api, token};
use crate::files;
use fastly_package_words::args::Get;
use fastly_package_words::failure::{Failure, Kind, Operation};
use fastly_package_words::report::Report;
use fastly_package_words::targets::{self, Tally};
use std::io::{BufReader, Read};
use std::path::Path;

pub(crate) fn run(args: &Get, report: Report) -> Result<(), Failure> {
    if let Some(path) = &args.targets {
        return many(args, path, report);
    }
    let (service_id, version) = args.target()?;
    let (token, source) = token(&args.connection)?;
    let api = Api::new(&args.connection, token, report)?;
    let operation = Operation::new(Kind::Get, &service_id, version, &source);
    match (api.get(&operation, false), &args.field) {
        (Ok(reply), Some(field)) => report.field(&reply, field),
        (Ok(reply), None) => report.reply(&reply),
        (Err(error), _) => Err(Failure::Operation(Box::new(operation), error)),
    }
}

/// One after the other: the component has one thread, and waits for each answer.
fn many(args: &Get, path: &Path, report: Report) -> Result<(), Failure> {
    let service_id = args.service_of_targets(path)?;
    let (token, source) = token(&args.connection)?;
    let api = Api::new(&args.connection, token, report)?;
    let name = path.display();
    let unreadable = |why: String| Failure::Usage(format!("can't read --targets {name}: {why}"));
    let mut tally = Tally::default();
    let file = match path == Path::new("-") {
        true => None,
        false => match files::open(&path.display().to_string()) {
            Ok(file) => Some(file),
            Err(error) => {
                tally.count(Err(unreadable(error.reason())), report)?;
                return tally.sum();
            }
        },
    };
    let reader: Box<dyn Read> = match &file {
        Some(file) => Box::new(file.reader()),
        None => Box::new(files::stdin()),
    };
    let mut lines = BufReader::new(reader);
    for number in 1.. {
        let text = match targets::next_line(&mut lines) {
            Ok(Some(text)) => text,
            Ok(None) => break,
            Err(error) => {
                tally.count(Err(unreadable(error.to_string())), report)?;
                break;
            }
        };
        let ended = match targets::target(number, text.as_deref(), service_id) {
            Ok(Some((service_id, version))) => {
                let operation = Operation::new(Kind::Get, &service_id, version, &source);
                let got = api.get(&operation, true);
                got.map_err(|error| Failure::Operation(Box::new(operation), error))
            }
            Ok(None) => continue,
            Err(failure) => Err(failure),
        };
        tally.count(ended, report)?;
    }
    tally.sum()
}
