//! `get`: shows the package of a service version.

use super::{Session, operation, token};
use crate::cli::Get;
use crate::failure::{Failure, Kind};
use crate::report::Report;
use fastly_package::Reply;
use std::time::Instant;

pub(crate) async fn run(args: &Get, report: Report) -> Result<(), Failure> {
    let start = Instant::now();
    let (token, source) = token(&args.connection, report)?;
    let operation = operation(Kind::Get, &args.target, source);
    let session = Session::open(&args.connection, token, operation, start, report)?;
    match &args.field {
        Some(field) => session.get_field(field, report).await,
        None => session.get(report).await,
    }
}

impl Session {
    pub(super) async fn get(&self, report: Report) -> Result<(), Failure> {
        report.reply(&self.reply().await?, None)
    }

    async fn get_field(&self, field: &str, report: Report) -> Result<(), Failure> {
        report.field(&self.reply().await?, field)
    }

    async fn reply(&self) -> Result<Reply, Failure> {
        self.plugin.get_package(&self.target).await.map_err(|error| self.failed(error))
    }
}
