//! Method and path to what is asked for. Pure.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// One version of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Percent-decoded, opaque, case-sensitive, never empty.
    pub(crate) service_id: String,
    /// 1 to 2,147,483,647: the generated clients hold it in 32 bits with a sign.
    pub(crate) version: u32,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    GetPackage(Target),
    PutPackage(Target),
    LockVersion(Target),
    ActivateVersion(Target),
    CloneVersion(Target),
    GetVersion(Target),
    ListVersions(String),
    GetService(String),
    GetServiceDetails(String),
    SearchService(String),
    ListServices,
    TokenSelf,
}

impl Route {
    /// Whether the request changes something, and so costs one of the hourly writes.
    pub(crate) fn is_write(&self) -> bool {
        matches!(
            self,
            Self::PutPackage(_)
                | Self::LockVersion(_)
                | Self::ActivateVersion(_)
                | Self::CloneVersion(_)
        )
    }

    /// What `method` and `path` (with its query, after the configured prefix) ask for; `None` is
    /// nothing that exists.
    pub(crate) fn parse(method: &str, path_and_query: &str) -> Option<Self> {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let target = |id: &str, version: &str| {
            Some(Target { service_id: decode(id)?, version: parse_version(version)? })
        };
        Some(match (method, segments.as_slice()) {
            ("GET", ["service", id, "version", n, "package"]) => Self::GetPackage(target(id, n)?),
            ("PUT", ["service", id, "version", n, "package"]) => Self::PutPackage(target(id, n)?),
            ("PUT", ["service", id, "version", n, "lock"]) => Self::LockVersion(target(id, n)?),
            ("PUT", ["service", id, "version", n, "activate"]) => {
                Self::ActivateVersion(target(id, n)?)
            }
            ("PUT", ["service", id, "version", n, "clone"]) => Self::CloneVersion(target(id, n)?),
            ("GET", ["service", id, "version", n]) => Self::GetVersion(target(id, n)?),
            ("GET", ["service", id, "version"]) => Self::ListVersions(decode(id)?),
            ("GET", ["service", "search"]) => Self::SearchService(query_value(query, "name")?),
            ("GET", ["service", id, "details"]) => Self::GetServiceDetails(decode(id)?),
            ("GET", ["service", id]) => Self::GetService(decode(id)?),
            ("GET", ["service"]) => Self::ListServices,
            ("GET", ["tokens", "self"]) => Self::TokenSelf,
            _ => return None,
        })
    }
}

/// A path segment as the text it stands for; `None` where it is empty or isn't UTF-8.
fn decode(segment: &str) -> Option<String> {
    let decoded = percent_decode_str(segment).decode_utf8().ok()?;
    (!decoded.is_empty()).then(|| decoded.into_owned())
}

fn parse_version(segment: &str) -> Option<u32> {
    let digits = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
    let version = segment.parse::<i32>().ok().filter(|version| digits && *version > 0)?;
    u32::try_from(version).ok()
}

fn query_value(query: &str, name: &str) -> Option<String> {
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(
        |(_, value)| {
            let spaced = value.replace('+', " ");
            let decoded: Cow<'_, str> = percent_decode_str(&spaced).decode_utf8_lossy();
            decoded.into_owned()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(method: &str, id: &str, version: &str) -> Option<Route> {
        Route::parse(method, &format!("/service/{id}/version/{version}/package"))
    }

    #[test]
    fn a_service_id_is_percent_decoded_and_keeps_its_case() {
        let target = Target { service_id: "a/B c".into(), version: 7 };
        assert_eq!(package("GET", "a%2FB%20c", "7"), Some(Route::GetPackage(target.clone())));
        assert_eq!(package("PUT", "a%2FB%20c", "7"), Some(Route::PutPackage(target)));
    }

    #[test]
    fn a_version_is_a_positive_integer_of_32_bits_with_a_sign() {
        for version in ["0", "-1", "+1", "", "1.0", "x", "2147483648", "%31"] {
            assert_eq!(package("GET", "s", version), None, "{version:?}");
        }
        assert!(package("GET", "s", "2147483647").is_some());
    }

    #[test]
    fn an_empty_service_id_a_longer_path_and_another_method_are_nothing() {
        assert_eq!(package("GET", "", "1"), None);
        assert_eq!(package("DELETE", "s", "1"), None);
        assert_eq!(Route::parse("GET", "/service/s/version/1/package/"), None);
        assert_eq!(Route::parse("GET", "/"), None);
    }

    #[test]
    fn a_search_takes_the_name_from_the_query() {
        let route = Route::parse("GET", "/service/search?x=1&name=my%20shop");
        assert_eq!(route, Some(Route::SearchService("my shop".into())));
        assert_eq!(Route::parse("GET", "/service/search"), None);
    }
}
