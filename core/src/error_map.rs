//! Conversions from the WIT's enums. A host and a component each generate their own Rust types for them, with equal names: macros take either.

/// Converts the generated `UnexpectedReason` into an [`UnexpectedReason`](crate::error::UnexpectedReason).
#[macro_export]
macro_rules! unexpected_reason {
    ($type:ident, $reason:expr) => {
        match $reason {
            $type::Status => $crate::error::UnexpectedReason::Status,
            $type::Premature => $crate::error::UnexpectedReason::Premature,
            $type::TooLarge => $crate::error::UnexpectedReason::TooLarge,
            $type::InvalidBody => $crate::error::UnexpectedReason::InvalidBody,
        }
    };
}

/// Converts a reference to the generated `ErrorCode` into a [`TransportErrorKind`](crate::error::TransportErrorKind).
#[macro_export]
macro_rules! transport_error_kind {
    ($type:ident, $code:expr) => {
        match $code {
            $type::DnsTimeout | $type::DnsError(_) => $crate::error::TransportErrorKind::Dns,
            $type::DestinationNotFound
            | $type::DestinationUnavailable
            | $type::DestinationIpProhibited
            | $type::DestinationIpUnroutable
            | $type::ConnectionRefused
            | $type::ConnectionTimeout
            | $type::ConnectionLimitReached => $crate::error::TransportErrorKind::Connect,
            $type::ConfigurationError => $crate::error::TransportErrorKind::Configuration,
            $type::TlsProtocolError => $crate::error::TransportErrorKind::Tls,
            $type::TlsCertificateError => $crate::error::TransportErrorKind::Certificate,
            $type::TlsAlertReceived(_) => $crate::error::TransportErrorKind::TlsAlert,
            $type::HttpRequestDenied | $type::HttpRequestUriInvalid => {
                $crate::error::TransportErrorKind::Denied
            }
            $type::HttpResponseIncomplete => $crate::error::TransportErrorKind::IncompleteResponse,
            $type::HttpProtocolError
            | $type::HttpResponseHeaderSectionSize(_)
            | $type::HttpResponseHeaderSize(_) => {
                $crate::error::TransportErrorKind::InvalidResponse
            }
            _ => $crate::error::TransportErrorKind::Connection,
        }
    };
}
