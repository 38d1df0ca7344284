//! `put`: uploads a package to a service version.

use crate::args::Put;
use crate::call_error::CallError;
use crate::contract::Reply;
use crate::error::{CommandError, ErrorContext, Explanation, Missing};
use crate::platform::{Platform, UploadResult};
use crate::report::Report;
use fastly_package_core::target::Operation;

/// Runs the command.
///
/// # Errors
///
/// Fails if an argument or the token is invalid, if the package can't be uploaded, or if the result can't be written.
pub async fn run<P: Platform>(args: &Put, report: Report) -> Result<(), CommandError> {
    args.check()?;
    let platform = P::connect(&args.connection, None, report)?;
    let target = args.service_version();
    let context = ErrorContext::new(Operation::PutPackage, target, platform.token_source())?;
    let failed = |error| context.error(error);
    let mut content = platform.open(args).await.map_err(failed)?;
    if args.if_changed
        && let Some(reply) = unchanged(&platform, &content, &context).await?
    {
        return report.unchanged(&reply);
    }
    if args.dry_run {
        if !args.force {
            platform.check(&mut content).await.map_err(failed)?;
        }
        return report.dry_run(&context.target, P::size(&content));
    }
    let size = P::size(&content);
    let uploading = platform.upload(content, args.options(), context);
    let UploadResult { result, signal } = uploading.await;
    let result = result.and_then(|uploaded| report.uploaded(&uploaded, size));
    match signal {
        None => result,
        Some(signal) => Err(CommandError::interrupted(signal, result.err())),
    }
}

/// Returns the API's reply if the version has the files of this package already. A version without a package has not.
async fn unchanged<P: Platform>(
    platform: &P,
    content: &P::Content,
    context: &ErrorContext,
) -> Result<Option<Reply>, CommandError> {
    let context = ErrorContext { operation: Operation::GetPackage, ..context.clone() };
    let failed = |error| context.error(error);
    let files_hash = platform.files_hash(content).await.map_err(failed)?;
    let reply = match platform.get_package(&context.target).await {
        Ok(reply) => reply,
        Err(error) if error.status == Some(404) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let stored = reply.package.metadata.as_ref().and_then(|it| it.files_hash.as_deref());
    let is_unchanged = match (stored, files_hash) {
        (Some(stored), Some(files_hash)) => stored.eq_ignore_ascii_case(&files_hash),
        _ => false,
    };
    Ok(is_unchanged.then_some(reply))
}

/// Finds the cause of an error response that doesn't contain it: which part of the target a 404 is about, or the errors of a package that the API
/// rejected. `None` if the cause is not found.
pub async fn explain<P: Platform>(
    platform: &P,
    context: &ErrorContext,
    error: &CallError,
    package: Option<P::Reader>,
) -> Option<Explanation> {
    let api = error.api.as_ref()?;
    match api.status {
        404 => find_missing(platform, context).await.map(Explanation::Missing),
        400 if [&api.title, &api.detail]
            .into_iter()
            .flatten()
            .any(|it| it.contains("metadata")) =>
        {
            platform.findings(package?).await.map(Explanation::Findings)
        }
        _ => None,
    }
}

async fn find_missing<P: Platform>(platform: &P, context: &ErrorContext) -> Option<Missing> {
    match platform.list_versions(&context.target.service_id).await {
        Ok(versions) => match versions.iter().any(|it| it.number == context.target.version_id) {
            true => Some(Missing::Package),
            false => Some(Missing::Version),
        },
        Err(error) if error.status == Some(404) => Some(Missing::Service),
        Err(_) => None,
    }
}
