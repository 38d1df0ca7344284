//! The requests of the two operations: method, address and headers, made from checked arguments.

use crate::bindings::exports::fastly_package::api::package_api::{
    Auth, Error, PutFlags, RequestOptions, ServiceVersion,
};
use crate::multipart::Framing;
use fastly_package_egress::{Base, FASTLY_API, check_target, package_path};

const USER_AGENT: &str = concat!("fastly-package/", env!("CARGO_PKG_VERSION"));

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Method {
    Get,
    Put,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// A request without its body.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) scheme: Scheme,
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
}

/// The request of GetPackage.
pub(crate) fn get_package(
    target: &ServiceVersion,
    options: &RequestOptions,
) -> Result<Request, Error> {
    request(Method::Get, target, options)
}

/// The request of PutPackage, for `size` bytes of content in `framing`.
pub(crate) fn put_package(
    target: &ServiceVersion,
    framing: &Framing,
    size: u64,
    flags: PutFlags,
    options: &RequestOptions,
) -> Result<Request, Error> {
    let mut request = request(Method::Put, target, options)?;
    if size == 0 {
        return Err(invalid("the package is empty"));
    }
    let length = framing.content_length(size).ok_or_else(|| invalid("the size is too large"))?;
    request.headers.push(("content-type", framing.content_type.clone().into_bytes()));
    request.headers.push(("content-length", length.to_string().into_bytes()));
    if flags.contains(PutFlags::EXPECT_CONTINUE) {
        request.headers.push(("expect", b"100-continue".to_vec()));
    }
    Ok(request)
}

fn request(
    method: Method,
    target: &ServiceVersion,
    options: &RequestOptions,
) -> Result<Request, Error> {
    let base = base(options.api_url.as_deref().unwrap_or(FASTLY_API))?;
    check_target(&target.service_id, target.version_id).map_err(invalid)?;
    let path = package_path(&base, &target.service_id, target.version_id);
    let user_agent = options.user_agent.as_deref().unwrap_or(USER_AGENT);
    if user_agent.is_empty() || !user_agent.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return Err(invalid("the user agent has characters that can't stand in a header"));
    }
    let mut headers = vec![
        ("accept", b"application/json".to_vec()),
        ("user-agent", user_agent.as_bytes().to_vec()),
    ];
    if let Auth::Token(token) = &options.auth {
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(invalid("the token is empty or has characters that no token has"));
        }
        headers.push(("fastly-key", token.as_bytes().to_vec()));
    }
    let scheme = if base.tls { Scheme::Https } else { Scheme::Http };
    Ok(Request { method, scheme, authority: base.authority(), path, headers })
}

/// The API's base.
fn base(url: &str) -> Result<Base, Error> {
    Base::parse(url).map_err(|why| invalid(&format!("the API's URL {why}")))
}

fn invalid(why: &str) -> Error {
    Error::InvalidArgument(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multipart;

    fn target(service_id: &str, version_id: u32) -> ServiceVersion {
        ServiceVersion { service_id: service_id.into(), version_id }
    }

    fn options(api_url: Option<&str>) -> RequestOptions {
        RequestOptions { auth: Auth::Host, api_url: api_url.map(Into::into), user_agent: None }
    }

    fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
        let (_, value) = request.headers.iter().find(|(n, _)| *n == name)?;
        Some(std::str::from_utf8(value).unwrap())
    }

    fn why(result: Result<Request, Error>) -> String {
        match result {
            Err(Error::InvalidArgument(why)) => why,
            other => panic!("not an invalid argument: {other:?}"),
        }
    }

    #[test]
    fn a_get_goes_to_the_package_of_the_version() {
        let request = get_package(&target("SU1Z0isxPaozGVKXdv0eY", 3), &options(None)).unwrap();
        assert_eq!((request.method, request.scheme), (Method::Get, Scheme::Https));
        assert_eq!(request.authority, "api.fastly.com");
        assert_eq!(request.path, "/service/SU1Z0isxPaozGVKXdv0eY/version/3/package");
        assert_eq!(header(&request, "accept"), Some("application/json"));
        assert_eq!(header(&request, "fastly-key"), None);
    }

    #[test]
    fn a_put_says_how_long_its_body_is() {
        let framing = multipart::frame(&[1; 16], None);
        let target = target("s", 1);
        let request =
            put_package(&target, &framing, 10, PutFlags::empty(), &options(None)).unwrap();
        let length = framing.content_length(10).unwrap().to_string();
        assert_eq!(header(&request, "content-length"), Some(length.as_str()));
        assert_eq!(header(&request, "content-type"), Some(framing.content_type.as_str()));
        assert_eq!(header(&request, "expect"), None);
        let expecting =
            put_package(&target, &framing, 10, PutFlags::EXPECT_CONTINUE, &options(None)).unwrap();
        assert_eq!(header(&expecting, "expect"), Some("100-continue"));
    }

    #[test]
    fn an_identifier_stays_one_segment_of_the_path() {
        let request = get_package(&target("a/../b?c#d é%", 1), &options(None)).unwrap();
        assert_eq!(request.path, "/service/a%2F..%2Fb%3Fc%23d%20%C3%A9%25/version/1/package");
    }

    #[test]
    fn wrong_targets_are_refused() {
        for (id, version) in [("", 1), (".", 1), ("..", 1), ("s", 0), ("s", 1 << 31)] {
            why(get_package(&target(id, version), &options(None)));
        }
    }

    #[test]
    fn a_base_may_have_a_port_a_prefix_and_a_trailing_slash() {
        let request =
            get_package(&target("s", 1), &options(Some("HTTP://[::1]:8080/a/b//"))).unwrap();
        assert_eq!(request.scheme, Scheme::Http);
        assert_eq!(request.authority, "[::1]:8080");
        assert_eq!(request.path, "/a/b/service/s/version/1/package");
    }

    #[test]
    fn a_base_that_is_no_base_is_refused() {
        for url in [
            "",
            "api.fastly.com",
            "ftp://h",
            "https://",
            "https:///p",
            "https://:80",
            "https://u@h",
            "https://u:p@h",
            "https://h?q",
            "https://h/#f",
            "https://h\\x",
            "https://h/a b",
            "https://h\r\nX: y",
        ] {
            why(get_package(&target("s", 1), &options(Some(url))));
        }
    }

    #[test]
    fn a_wrong_token_is_refused_without_being_shown() {
        for token in ["", "se cret", "secret\n", "sécret"] {
            let options = RequestOptions { auth: Auth::Token(token.into()), ..options(None) };
            let why = why(get_package(&target("s", 1), &options));
            assert!(!why.contains("cret"), "{why}");
        }
    }

    #[test]
    fn an_empty_package_is_refused() {
        let framing = multipart::frame(&[1; 16], None);
        why(put_package(&target("s", 1), &framing, 0, PutFlags::empty(), &options(None)));
    }
}
