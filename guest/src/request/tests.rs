use super::*;

fn target(service_id: &str, version_id: u32) -> ServiceVersion {
    ServiceVersion { service_id: service_id.into(), version_id }
}

fn options(api_url: Option<&str>) -> RequestOptions {
    RequestOptions { auth: Auth::Host, api_url: api_url.map(Into::into), user_agent: None }
}

/// Returns the request of each operation. `version_id` is not an argument of `list_versions`.
fn requests(
    service_id: &str,
    version_id: u32,
    options: &RequestOptions,
) -> [Result<Request, Error>; 3] {
    let target = target(service_id, version_id);
    let multipart = Multipart::new(&[1; 16], None);
    [
        Request::get_package(&target, options),
        Request::put_package(&target, &multipart, 1, PutFlags::empty(), options),
        Request::list_versions(service_id, options),
    ]
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let (_, value) = request.headers.iter().find(|(n, _)| *n == name)?;
    Some(std::str::from_utf8(value).unwrap())
}

fn reason(result: Result<Request, Error>) -> String {
    match result {
        Err(Error::InvalidArgument(reason)) => reason,
        other => panic!("not an invalid argument: {other:?}"),
    }
}

#[test]
fn each_operation_has_its_method_and_path() {
    let [get, put, list] = requests("SU1Z0isxPaozGVKXdv0eY", 3, &options(None)).map(Result::unwrap);
    let package = "/service/SU1Z0isxPaozGVKXdv0eY/version/3/package";
    assert!(matches!(get.method, Method::Get), "{get:?}");
    assert_eq!(get.path, package);
    assert!(matches!(put.method, Method::Put), "{put:?}");
    assert_eq!(put.path, package);
    assert!(matches!(list.method, Method::Get), "{list:?}");
    assert_eq!(list.path, "/service/SU1Z0isxPaozGVKXdv0eY/version");
    for request in [get, put, list] {
        assert!(matches!(request.scheme, Scheme::Https), "{request:?}");
        assert_eq!(request.authority, "api.fastly.com");
        assert_eq!(header(&request, "accept"), Some("application/json"));
        assert_eq!(header(&request, "user-agent"), Some(USER_AGENT));
        assert_eq!(header(&request, "fastly-key"), None);
    }
}

#[test]
fn only_a_put_declares_a_body() {
    let multipart = Multipart::new(&[1; 16], None);
    let target = target("s", 1);
    let put = |flags| Request::put_package(&target, &multipart, 10, flags, &options(None)).unwrap();
    let length = multipart.content_length(10).unwrap().to_string();
    let request = put(PutFlags::empty());
    assert_eq!(header(&request, "content-length"), Some(length.as_str()));
    assert_eq!(header(&request, "content-type"), Some(multipart.content_type.as_str()));
    assert_eq!(header(&request, "expect"), None);
    assert_eq!(header(&put(PutFlags::EXPECT_CONTINUE), "expect"), Some("100-continue"));
    let [get, _, list] = requests("s", 1, &options(None)).map(Result::unwrap);
    for request in [get, list] {
        assert_eq!(request.headers.len(), 2, "{request:?}");
    }
}

#[test]
fn a_service_id_stays_one_segment_of_the_path() {
    let requests = requests("a/../b?c#d é%", 1, &options(None));
    let [get, put, list] = requests.map(|request| request.unwrap().path);
    assert_eq!(list, "/service/a%2F..%2Fb%3Fc%23d%20%C3%A9%25/version");
    assert_eq!(get, format!("{list}/1/package"));
    assert_eq!(put, get);
}

#[test]
fn invalid_targets_are_rejected() {
    for service_id in ["", ".", ".."] {
        for request in requests(service_id, 1, &options(None)) {
            reason(request);
        }
    }
    for version_id in [0, 1 << 31] {
        let [get, put, list] = requests("s", version_id, &options(None));
        reason(get);
        reason(put);
        assert!(list.is_ok(), "{list:?}");
    }
}

#[test]
fn an_api_url_may_have_a_port_a_prefix_and_trailing_slashes() {
    let requests = requests("s", 1, &options(Some("HTTP://[::1]:8080/a/b//"))).map(Result::unwrap);
    for request in &requests {
        assert!(matches!(request.scheme, Scheme::Http), "{request:?}");
        assert_eq!(request.authority, "[::1]:8080");
    }
    let [get, _, list] = requests.map(|request| request.path);
    assert_eq!(get, "/a/b/service/s/version/1/package");
    assert_eq!(list, "/a/b/service/s/version");
}

#[test]
fn an_invalid_api_url_is_rejected() {
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
        for request in requests("s", 1, &options(Some(url))) {
            reason(request);
        }
    }
}

#[test]
fn a_user_agent_of_visible_ascii_characters_and_spaces_is_sent() {
    let with =
        |user_agent: &str| RequestOptions { user_agent: Some(user_agent.into()), ..options(None) };
    for request in requests("s", 1, &with("tool/1.0 (test)")) {
        assert_eq!(header(&request.unwrap(), "user-agent"), Some("tool/1.0 (test)"));
    }
    for user_agent in ["", "a\r\nx: y", "a\tb", "é", "\u{7f}"] {
        for request in requests("s", 1, &with(user_agent)) {
            reason(request);
        }
    }
}

#[test]
fn a_token_is_sent_unless_it_is_invalid() {
    let with = |token: &str| RequestOptions { auth: Auth::Token(token.into()), ..options(None) };
    for request in requests("s", 1, &with("secret")) {
        assert_eq!(header(&request.unwrap(), "fastly-key"), Some("secret"));
    }
    for token in ["", "se cret", "secret\n", "sécret"] {
        for reason in requests("s", 1, &with(token)).map(reason) {
            assert!(!reason.contains("cret"), "{reason}");
        }
    }
}

#[test]
fn an_empty_package_and_a_size_without_a_content_length_are_rejected() {
    let multipart = Multipart::new(&[1; 16], None);
    let target = target("s", 1);
    for size in [0, u64::MAX] {
        let flags = PutFlags::empty();
        reason(Request::put_package(&target, &multipart, size, flags, &options(None)));
    }
}
