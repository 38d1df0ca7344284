//! What the library returns, as the command's words take it.

use fastly_package::{
    ContentError, Error, ErrorCode, Missing, Proof, Stored, TimeoutKind, UnexpectedReason, Uploaded,
};
use fastly_package_archive::Finding;
use fastly_package_words::error::UNNAMED;
use fastly_package_words::failure::{Cause, Failure, Operation};
use fastly_package_words::records::{self, Case, Content, Waited};
use fastly_package_words::{lost, rate_limit, reply, unexpected_reason};
use std::io::ErrorKind;

/// An upload of so many bytes.
pub(crate) fn uploaded(uploaded: Uploaded, bytes: u64) -> records::Uploaded {
    let proof = match uploaded.proof {
        Proof::Verified => records::Proof::Verified,
        Proof::Failed(error) => records::Proof::Unproven(error.to_string()),
        Proof::Off => records::Proof::Off,
        _ => records::Proof::Unproven(UNNAMED.into()),
    };
    records::Uploaded { reply: reply!(uploaded.reply), bytes, proof, attempts: uploaded.attempts }
}

/// An operation that failed.
pub(crate) fn failed(operation: &Operation, error: &Error) -> Failure {
    let error = records::Error {
        case: case(error),
        reason: error.to_string(),
        stored: match error.stored() {
            Stored::No => records::Stored::No,
            Stored::Other => records::Stored::Other,
            _ => records::Stored::Unknown,
        },
    };
    Failure::Operation(Box::new(operation.clone()), error)
}

fn case(error: &Error) -> Case {
    match error {
        Error::InvalidArgument(_) => Case::InvalidArgument,
        Error::Token(_) => Case::Token,
        Error::Content(error) => Case::Content(content(error)),
        Error::Transport(error) => Case::Transport(lost!(ErrorCode, &error.code)),
        Error::Timeout(timeout) => Case::Timeout(match timeout.kind {
            TimeoutKind::Connect | TimeoutKind::Tls => Waited::ToConnect,
            TimeoutKind::Total => Waited::InAll,
            _ => Waited::ForAnswer,
        }),
        Error::Cancelled { .. } => Case::Cancelled,
        Error::Api { error, .. } => Case::Api(Box::new(records::ApiError {
            status: error.status,
            title: error.title.clone(),
            detail: error.detail.clone(),
            rate_limit: error.rate_limit.clone().map(|limit| rate_limit!(limit)),
        })),
        Error::UnexpectedResponse { response, .. } => Case::UnexpectedResponse {
            status: response.status,
            reason: unexpected_reason!(UnexpectedReason, response.reason),
        },
        Error::Mismatch(_) => Case::Mismatch,
        _ => Case::Component,
    }
}

pub(crate) fn content(error: &ContentError) -> Content {
    match error {
        ContentError::Open(_, error) if error.kind() == ErrorKind::NotFound => Content::Missing,
        ContentError::Open(..) => Content::Closed,
        ContentError::NotAFile(_) => Content::NotAFile,
        ContentError::Empty => Content::Empty,
        ContentError::TooLarge { .. } => Content::TooLarge,
        ContentError::NotAPackage(_) => Content::NotAPackage,
        ContentError::TooShort { .. } | ContentError::TooLong { .. } | ContentError::Changed => {
            Content::Varying
        }
        _ => Content::Unreadable,
    }
}

pub(crate) fn missing(missing: Missing) -> Option<Cause> {
    Some(Cause::Missing(match missing {
        Missing::Service => records::Missing::Service,
        Missing::Version => records::Missing::Version,
        Missing::Package => records::Missing::Package,
        _ => return None,
    }))
}

pub(crate) fn finding(finding: &Finding) -> records::Finding {
    records::Finding {
        severity: finding.severity().to_string(),
        kind: finding.kind(),
        message: finding.to_string(),
        hint: finding.hint(),
        refuses_upload: finding.refuses_upload(),
    }
}
