//! `get`: shows the package of a service version.

use super::many;
use super::session::{Limit, Session};
use super::token::token;
use fastly_package_words::args::Get;
use fastly_package_words::failure::{Failure, Kind, Operation};
use fastly_package_words::records::Reply;
use fastly_package_words::reply;
use fastly_package_words::report::Report;

pub(crate) async fn run(args: &Get, report: Report) -> Result<(), Failure> {
    let limit = Limit::new(args.connection.timeout);
    if let Some(targets) = &args.targets {
        return many::run(args, targets, limit, report).await;
    }
    let (service_id, version) = args.target()?;
    let (token, source) = token(&args.connection, report)?;
    let operation = Operation::new(Kind::Get, &service_id, version, &source);
    let session = Session::open(&args.connection, token, operation, limit, report)?;
    match &args.field {
        Some(field) => report.field(&session.reply().await?, field),
        None => session.get(report).await,
    }
}

impl Session {
    pub(super) async fn get(&self, report: Report) -> Result<(), Failure> {
        report.reply(&self.reply().await?)
    }

    pub(super) async fn reply(&self) -> Result<Reply, Failure> {
        match self.plugin.get_package(&self.target).await {
            Ok(reply) => Ok(reply!(reply)),
            Err(error) => Err(self.explained(error).await),
        }
    }
}
