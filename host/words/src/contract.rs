//! What the contract's types come to here. A host and a component have them generated each for itself, by the same names: so these are macros,
//! which take either.

/// The reply of the contract as a [`Reply`](crate::records::Reply).
#[cfg(feature = "command")]
#[macro_export]
macro_rules! reply {
    ($reply:expr) => {{
        use $crate::records::{Metadata, Package, Reply};
        let reply = $reply;
        let package = reply.package;
        let metadata = package.metadata.map(|metadata| Metadata {
            name: metadata.name,
            description: metadata.description,
            authors: metadata.authors,
            language: metadata.language,
            size: metadata.size,
            hashsum: metadata.hashsum,
            files_hash: metadata.files_hash,
            cloned_from: metadata.cloned_from,
            wasm_metadata: metadata.wasm_metadata,
        });
        let package = Package {
            id: package.id,
            service_id: package.service_id,
            version: package.version,
            created_at: package.created_at,
            updated_at: package.updated_at,
            deleted_at: package.deleted_at,
            metadata,
        };
        let rate_limit = reply.rate_limit.map(|limit| $crate::rate_limit!(limit));
        Reply { package, rate_limit, body: reply.body }
    }};
}

/// The limit on writes of the contract as a [`RateLimit`](crate::records::RateLimit).
#[cfg(feature = "command")]
#[macro_export]
macro_rules! rate_limit {
    ($limit:expr) => {{
        let limit = $limit;
        $crate::records::RateLimit {
            remaining: limit.remaining,
            reset: limit.reset,
            retry_after: limit.retry_after,
        }
    }};
}

/// The reason of the contract as an [`UnexpectedReason`](crate::error::UnexpectedReason).
#[macro_export]
macro_rules! unexpected_reason {
    ($type:ident, $reason:expr) => {
        match $reason {
            $type::Status => $crate::error::UnexpectedReason::Status,
            $type::Premature => $crate::error::UnexpectedReason::Premature,
            $type::TooLarge => $crate::error::UnexpectedReason::TooLarge,
            $type::NotAPackage => $crate::error::UnexpectedReason::NotAPackage,
        }
    };
}

/// The error code of `wasi:http`, by reference, as a [`Lost`](crate::error::Lost).
#[macro_export]
macro_rules! lost {
    ($type:ident, $code:expr) => {
        match $code {
            $type::DnsTimeout | $type::DnsError(_) => $crate::error::Lost::Name,
            $type::DestinationNotFound
            | $type::DestinationUnavailable
            | $type::DestinationIpProhibited
            | $type::DestinationIpUnroutable
            | $type::ConnectionRefused
            | $type::ConnectionTimeout
            | $type::ConnectionLimitReached => $crate::error::Lost::Unreached,
            $type::ConfigurationError => $crate::error::Lost::Configuration,
            $type::TlsProtocolError => $crate::error::Lost::Tls,
            $type::TlsCertificateError => $crate::error::Lost::Untrusted,
            $type::TlsAlertReceived(_) => $crate::error::Lost::Alert,
            $type::HttpRequestDenied | $type::HttpRequestUriInvalid => $crate::error::Lost::Refused,
            $type::HttpResponseIncomplete => $crate::error::Lost::Incomplete,
            $type::HttpProtocolError
            | $type::HttpResponseHeaderSectionSize(_)
            | $type::HttpResponseHeaderSize(_) => $crate::error::Lost::NotHttp,
            _ => $crate::error::Lost::Connection,
        }
    };
}
