//! `get`: shows the package of a service version, or of many.

use crate::args::Get;
use crate::contract::{Reply, ServiceVersion};
use crate::error::{CommandError, ErrorContext, Tally};
use crate::platform::Platform;
use crate::put::explain;
use crate::report::Report;
use crate::system::Environment;
use crate::targets::Line;
use fastly_package_core::target::Operation;
use futures::StreamExt;
use std::future::ready;
use std::path::Path;
use std::pin::pin;

/// Runs the command.
///
/// # Errors
///
/// Fails if an argument or the token is invalid, if the call fails, or if the result can't be written.
pub async fn run<P: Platform>(args: &Get, report: Report) -> Result<(), CommandError> {
    if let Some(path) = &args.targets {
        return run_targets::<P>(args, path, report).await;
    }
    let target = args.target()?;
    let platform = P::connect(&args.connection, None, report)?;
    let reply = get(&platform, target).await?;
    match &args.field {
        Some(field) => report.field(&reply, field),
        None => report.reply(&reply),
    }
}

/// Gets a package, and explains a failure.
///
/// # Errors
///
/// Fails if the target is invalid, or if the call fails.
pub async fn get<P: Platform>(platform: &P, target: ServiceVersion) -> Result<Reply, CommandError> {
    let mut context = ErrorContext::new(Operation::GetPackage, target, platform.token_source())?;
    match platform.get_package(&context.target).await {
        Ok(reply) => Ok(reply),
        Err(error) => {
            context.explanation = explain(platform, &context, &error, None).await;
            Err(context.error(error))
        }
    }
}

/// Prints a line of JSON for each target, in the order in which the calls end.
async fn run_targets<P: Platform>(
    args: &Get,
    path: &Path,
    report: Report,
) -> Result<(), CommandError> {
    let service_id = args.service_of_targets(path)?;
    let platform = P::connect(&args.connection, Some(args.jobs), report)?;
    let jobs = match report.system.environment {
        Environment::Native => args.jobs.into(),
        // Its calls block: a second line would be waited for before the first call.
        Environment::Wasi => 1,
    };
    let mut is_cut_off = false;
    let targets = platform.lines(path).enumerate().filter_map(|(index, line)| {
        is_cut_off |= matches!(line, Line::TimedOut);
        ready(line.target(index + 1, service_id))
    });
    let platform = &platform;
    let results = targets.map(|target| async move { get(platform, target?).await });
    let mut tally = Tally::default();
    {
        let mut results = pin!(results.buffer_unordered(jobs));
        while let Some(result) = results.next().await {
            tally.count(result, report)?;
        }
    }
    tally.into_result(is_cut_off)
}
