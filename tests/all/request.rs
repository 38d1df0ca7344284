//! The bytes of the requests. `SNAPSHOTS=overwrite` rewrites the golden files.

use crate::fixture::{ALWAYS, Fixture, TOKEN, assert_no_connections, package};
use fastly_package::{Content, ErrorKind};
use fastly_package_emulator::RecordedRequest;
use snapbox::{assert_data_eq, file};

/// Formats a request as text, with visible line breaks, and with placeholders for the parts that vary.
fn raw(fixture: &Fixture, request: &RecordedRequest) -> String {
    let head = String::from_utf8(request.head.clone()).unwrap();
    let host = fixture.emulator.addr().to_string();
    let mut raw = head.replace(&host, "[host]").replace(TOKEN, "[token]");
    let body = String::from_utf8_lossy(&request.body_start);
    if let Some(package) = request.package() {
        let (before, rest) = body.split_once("\r\n\r\n").expect("the part has headers");
        let after = rest.rfind("\r\n--").expect("the form has a last boundary");
        raw.push_str(&format!("{before}\r\n\r\n[{} bytes]{}", package.size, &rest[after..]));
        let (_, boundary) =
            request.header("content-type").unwrap().split_once("boundary=").unwrap();
        raw = raw.replace(boundary, "[boundary]");
        let length = request.content_length.unwrap().to_string();
        assert_eq!(request.content_length, Some(request.body_bytes));
        raw = raw.replace(&length, "[length]");
    }
    raw.replace("\r\n", "\\r\\n\n")
}

#[tokio::test]
async fn a_put_matches_its_golden_file() {
    let fixture = Fixture::start().await;
    let content = Content::from_bytes(package(2000)).unwrap().with_file_name("app.tar.gz");
    fixture.send(content, ALWAYS).await.unwrap();
    let request = fixture.only_request().await;
    assert_data_eq!(raw(&fixture, &request), file!["../golden/put-request.txt"].raw());
}

#[tokio::test]
async fn a_get_matches_its_golden_file() {
    let fixture = Fixture::start().await;
    fixture.get().await.unwrap_err();
    let request = fixture.only_request().await;
    assert_data_eq!(raw(&fixture, &request), file!["../golden/get-request.txt"].raw());
}

#[tokio::test]
async fn every_upload_has_its_own_boundary() {
    let fixture = Fixture::start().await;
    for _ in 0..20 {
        fixture.put(&package(2000), crate::fixture::NEVER).await.unwrap();
    }
    let requests = fixture.emulator.requests();
    let mut types: Vec<_> = requests.iter().filter_map(|r| r.header("content-type")).collect();
    types.sort_unstable();
    types.dedup();
    assert_eq!(types.len(), 20);
}

#[tokio::test]
async fn the_caller_may_set_the_user_agent() {
    let fixture = Fixture::with(|plugin| plugin.user_agent("my-tool/1.0 (ci)")).await;
    fixture.get().await.unwrap_err();
    assert_eq!(fixture.only_request().await.header("user-agent"), Some("my-tool/1.0 (ci)"));
}

#[tokio::test]
async fn an_invalid_user_agent_is_refused_before_anything_is_sent() {
    for user_agent in ["", "a\r\nX-Evil: 1", "é", "tab\t"] {
        let fixture = Fixture::with(|plugin| plugin.user_agent(user_agent)).await;
        let error = fixture.get().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error:?}");
        assert_no_connections(&fixture.emulator).await;
    }
}
