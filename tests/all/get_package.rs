//! GetPackage: the reply, and the request that the API receives.

use crate::fixture::{
    AUTO, Fixture, SERVICE, assert_no_connections, package, recorded_version, sha512, version,
    with_timeout,
};
use fastly_package::{ErrorKind, ServiceVersion};
use fastly_package_emulator::{Answer, Config, Fault, sample};
use serde_json::json;

#[tokio::test]
async fn the_reply_has_every_field_of_the_recorded_response() {
    let fixture = Fixture::start().await;
    let recorded = include_str!("../fixtures/get-200.json");
    let answer = Answer::new(200).content_type("application/json").body(recorded);
    fixture.emulator.fault(Fault::answer(answer));

    let reply = fixture.get_from(&recorded_version()).await.unwrap();

    assert_eq!(reply.body, recorded);
    assert!(reply.rate_limit.is_none(), "reads are not limited");
    assert_eq!(reply.package.id, "ET9AMPS47ntJazcce7f0W7");
    assert_eq!(reply.package.service_id, "OOaJq4HVv57fNDv86Qfzf5");
    assert_eq!(reply.package.version, 2);
    assert_eq!(reply.package.created_at.as_deref(), Some("2024-05-24T20:12:52Z"));
    assert_eq!(reply.package.updated_at.as_deref(), Some("2024-05-24T20:12:52Z"));
    assert_eq!(reply.package.deleted_at, None);
    let metadata = reply.package.metadata.unwrap();
    assert_eq!(metadata.name.as_deref(), Some("test-package"));
    assert_eq!(metadata.description.as_deref(), Some("An empty starter kit project template."));
    assert_eq!(metadata.authors.as_deref(), Some(["<oss@fastly.com>".to_owned()].as_slice()));
    assert_eq!(metadata.language.as_deref(), Some("rust"));
    assert_eq!(metadata.size, Some(1_540_845));
    assert!(metadata.hashsum.unwrap().starts_with("ecc068efcd4071d3"));
    assert!(metadata.files_hash.unwrap().starts_with("75ff1cf4d953ff22"));
    let template = "https://github.com/fastly/compute-starter-kit-rust-empty";
    assert_eq!(metadata.cloned_from.as_deref(), Some(template));
    assert_eq!(metadata.wasm_metadata, None);
}

#[tokio::test]
async fn a_get_returns_the_uploaded_package() {
    let fixture = Fixture::start().await;
    let template = Some("https://example.com/starter-kit".to_owned());
    let uploaded = sample::package(sample::SampleOptions {
        cloned_from: template.clone(),
        ..Default::default()
    });
    fixture.put(&uploaded, AUTO).await.unwrap();

    let reply = fixture.get().await.unwrap();

    let stored = fixture.emulator.package(SERVICE, 1).unwrap();
    assert_eq!(reply.package.id, stored.id);
    let metadata = reply.package.metadata.unwrap();
    assert_eq!(metadata.size, Some(uploaded.len() as u64));
    assert_eq!(metadata.hashsum, Some(sha512(&uploaded)));
    assert_eq!(metadata.files_hash.as_deref(), Some(stored.files_hash()));
    assert_eq!(metadata.cloned_from, template);
}

#[tokio::test]
async fn a_get_is_one_request_without_a_body() {
    let fixture = Fixture::start().await;
    fixture.put(&package(2000), AUTO).await.unwrap();
    fixture.get().await.unwrap();

    let requests = with_timeout(fixture.emulator.wait_for_requests(2)).await;

    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].method, "GET");
    assert_eq!(requests[1].path, format!("/service/{SERVICE}/version/1/package"));
    assert_eq!(requests[1].body_bytes, 0);
    assert_eq!(requests[1].content_length, None);
    assert_eq!(requests[1].header("transfer-encoding"), None);
}

#[tokio::test]
async fn a_response_may_lack_optional_fields_and_have_unknown_ones() {
    let fixture = Fixture::start().await;
    let minimal = json!({"id": "p", "service_id": SERVICE, "version": 7});
    let with = |name: &str, value: serde_json::Value| {
        let mut body = minimal.clone();
        body[name] = value;
        body
    };
    let all_null = json!({"name": null, "description": null, "authors": null, "language": null,
        "size": null, "hashsum": null, "files_hash": null, "cloned_from": null, "wasm_metadata": null});
    for body in [
        minimal.clone(),
        with("version", json!("7")),
        with("metadata", json!(null)),
        with("metadata", json!({})),
        with("metadata", all_null),
        with("metadata", json!({"authors": [], "size": "12"})),
        with("created_at", json!(null)),
        with("brand_new", json!({"deep": [[[{}]], 1.5e300, "\u{1F980}"]})),
    ] {
        fixture.emulator.fault(Fault::answer(Answer::json(200, body.clone())));
        let reply = fixture.get_from(&version(7)).await.unwrap();
        assert_eq!((reply.package.id.as_str(), reply.package.version), ("p", 7), "{body}");
        assert_eq!(reply.body, body.to_string());
        let metadata = reply.package.metadata;
        assert_eq!(metadata.is_some(), body.get("metadata").is_some_and(|m| m.is_object()));
        let size = metadata.as_ref().and_then(|metadata| metadata.size);
        assert_eq!(size, (body["metadata"]["size"] == "12").then_some(12), "{body}");
        let authors = metadata.and_then(|metadata| metadata.authors);
        assert_eq!(authors.is_some(), body["metadata"]["authors"].is_array(), "{body}");
    }
}

#[tokio::test]
async fn a_2xx_status_other_than_200_is_a_success() {
    let fixture = Fixture::start().await;
    let body = json!({"id": "p", "service_id": SERVICE, "version": 7});
    for status in [201, 202, 203] {
        fixture.emulator.fault(Fault::answer(Answer::json(status, body.clone())));
        assert_eq!(fixture.get_from(&version(7)).await.unwrap().package.version, 7, "{status}");
    }
}

#[tokio::test]
async fn a_response_may_arrive_slowly() {
    let fixture = Fixture::start().await;
    fixture.put(&package(2000), AUTO).await.unwrap();
    fixture.emulator.fault(Fault::slow_answer(4000));
    assert_eq!(fixture.get().await.unwrap().package.version, 1);
}

#[tokio::test]
async fn each_version_of_a_service_has_its_own_package() {
    let fixture = Fixture::start().await;
    fixture.put(&package(2000), AUTO).await.unwrap();

    assert_eq!(fixture.get_from(&version(1)).await.unwrap().package.version, 1);
    assert!(fixture.get_from(&version(2)).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_service_id_is_percent_encoded_as_one_path_segment() {
    let fixture = Fixture::start().await;
    for (id, segment) in [
        ("a/b", "a%2Fb"),
        ("a b", "a%20b"),
        ("a?b#c", "a%3Fb%23c"),
        ("../../token", "..%2F..%2Ftoken"),
        ("100%", "100%25"),
        ("dienst-é-服", "dienst-%C3%A9-%E6%9C%8D"),
        ("-._~", "-._~"),
    ] {
        let target = ServiceVersion::new(id, 3).unwrap();
        let content = fastly_package::Content::from_bytes(package(2000)).unwrap();
        fixture.send_to(&target, content, AUTO).await.unwrap();

        let reply = fixture.get_from(&target).await.unwrap();

        assert_eq!(reply.package.service_id, id);
        let requests = fixture.emulator.requests();
        assert_eq!(requests.last().unwrap().path, format!("/service/{segment}/version/3/package"));
    }
}

#[tokio::test]
async fn an_api_url_may_have_a_path_prefix() {
    let config = Config { path_prefix: "/gateway/fastly".into(), ..Config::default() };
    let fixture = Fixture::with_config(config, |plugin| plugin).await;
    fixture.put(&package(2000), AUTO).await.unwrap();

    fixture.get().await.unwrap();

    let path = format!("/gateway/fastly/service/{SERVICE}/version/1/package");
    for request in fixture.emulator.requests() {
        assert_eq!(request.path, path);
    }
}

#[tokio::test]
async fn an_invalid_target_is_refused_before_anything_is_sent() {
    let fixture = Fixture::start().await;
    for (id, number) in [("", 1), ("s", 0), ("s", 1 << 31)] {
        assert!(ServiceVersion::new(id, number).is_err(), "{id} {number}");
    }
    for (id, number) in [(".", 1), ("..", 1), ("", 1), ("s", 0), ("s", u32::MAX)] {
        let target = ServiceVersion { service_id: id.into(), version_id: number };
        let error = fixture.get_from(&target).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error:?}");
    }
    assert_no_connections(&fixture.emulator).await;
}
