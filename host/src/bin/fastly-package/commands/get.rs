//! `get`: shows the package of a service version.

use super::{Session, operation, token};
use crate::cli::Get;
use crate::failure::{Failure, Kind};
use crate::report::Report;
use std::time::Instant;

pub(crate) async fn run(args: &Get, report: Report) -> Result<(), Failure> {
    let start = Instant::now();
    let (token, source) = token(&args.connection, report)?;
    let operation = operation(Kind::Get, &args.target, source);
    let session = Session::open(&args.connection, token, operation, start, report)?;
    session.get(report).await
}

impl Session {
    pub(super) async fn get(&self, report: Report) -> Result<(), Failure> {
        let reply = self.plugin.get_package(&self.target).await;
        report.reply(&reply.map_err(|error| self.failed(error))?, None)
    }
}
