use fastly_package_emulator::Config;
use serde_json::json;

use crate::client::*;

fn keys(value: &serde_json::Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn an_upload_is_answered_with_every_recorded_field_and_so_is_a_get() {
    let emulator = start().await;
    let package = package();
    let put = ask(&emulator, &put(&package)).await;
    let get = ask(&emulator, &get(TARGET)).await;
    let fields =
        ["created_at", "deleted_at", "id", "metadata", "service_id", "updated_at", "version"];
    for reply in [&put, &get] {
        assert_eq!((reply.status, reply.header("Content-Type")), (200, Some("application/json")));
        let json = reply.json();
        assert_eq!(keys(&json), fields);
        assert_eq!(json["service_id"], SERVICE);
        assert_eq!(json["version"], 3);
        assert_eq!(json["deleted_at"], json!(null));
        assert_eq!(json["created_at"].as_str().unwrap().len(), "2024-05-24T20:12:52Z".len());
        assert_eq!(json["metadata"]["name"], "sample-package");
        assert_eq!(json["metadata"]["size"], package.len());
        assert_eq!(json["metadata"]["authors"], json!(["<oss@example.com>"]));
    }
    let put = put.json()["metadata"].clone();
    assert_eq!(
        keys(&put),
        [
            "authors",
            "description",
            "files_hash",
            "hashsum",
            "language",
            "name",
            "size",
            "wasm_metadata"
        ]
    );
    let stored = emulator.package(SERVICE, 3).unwrap();
    assert_eq!(put["hashsum"], stored.hashsum());
    assert_eq!(put["files_hash"], stored.files_hash());
    assert_eq!(put["wasm_metadata"]["processed-by"]["fastly-package-emulator"], "0.1.0");
}

#[tokio::test]
async fn a_get_shows_what_the_package_was_cloned_from() {
    let emulator = start().await;
    let kit = "https://github.com/fastly/compute-starter-kit-rust-empty";
    let options = fastly_package_emulator::sample::SampleOptions {
        cloned_from: Some(kit.into()),
        ..Default::default()
    };
    ask(&emulator, &put(&fastly_package_emulator::sample::package(options))).await;
    assert_eq!(ask(&emulator, &get(TARGET)).await.json()["metadata"]["cloned_from"], kit);
}

#[tokio::test]
async fn a_second_upload_replaces_the_first() {
    let emulator = start().await;
    let first = ask(&emulator, &put(&package())).await.json();
    let second = ask(&emulator, &put(&package_of(5_000))).await.json();
    assert_eq!(first["id"], second["id"]);
    assert_eq!(second["metadata"]["size"], 5_000);
    assert_eq!(emulator.package(SERVICE, 3).unwrap().uploads, 2);
}

#[tokio::test]
async fn before_an_upload_a_get_is_not_found() {
    let emulator = start().await;
    let reply = ask(&emulator, &get(TARGET)).await;
    assert_eq!((reply.status, reply.json()), (404, json!({"msg": "Not found"})));
    assert_eq!(emulator.package(SERVICE, 3), None);
}

#[tokio::test]
async fn a_request_without_the_token_is_refused() {
    let emulator = start_with(Config { token: Some("secret".into()), ..Config::default() }).await;
    for key in ["", "Fastly-Key: other\r\n", "Fastly-Key:\r\n"] {
        let reply =
            ask(&emulator, format!("GET {TARGET} HTTP/1.1\r\nHost: e\r\n{key}\r\n").as_bytes())
                .await;
        assert_eq!(reply.status, 401, "{key:?}");
        assert_eq!(reply.json(), json!({"msg": "Provided credentials are missing or invalid"}));
    }
    let request = format!("GET {TARGET} HTTP/1.1\r\nHost: e\r\nfastly-key: secret\r\n\r\n");
    assert_eq!(ask(&emulator, request.as_bytes()).await.status, 404);
}

#[tokio::test]
async fn without_a_configured_token_any_token_that_is_not_empty_is_accepted() {
    let emulator = start().await;
    let request =
        |key: &str| format!("GET {TARGET} HTTP/1.1\r\nHost: e\r\nFastly-Key:{key}\r\n\r\n");
    assert_eq!(ask(&emulator, request("any").as_bytes()).await.status, 404);
    assert_eq!(ask(&emulator, request("").as_bytes()).await.status, 401);
}

#[tokio::test]
async fn a_read_only_token_reads_but_does_not_write() {
    let emulator = start_with(Config {
        token: Some("full".into()),
        read_only_token: Some("token".into()),
        ..Config::default()
    })
    .await;
    let reply = ask(&emulator, &put(&package())).await;
    assert_eq!(reply.status, 403);
    assert_eq!(
        reply.json(),
        json!({"msg": "Read only tokens are not allowed to access this endpoint."})
    );
    assert_eq!(ask(&emulator, &get(TARGET)).await.status, 404);
}

#[tokio::test]
async fn services_and_versions_outside_the_list_are_not_found() {
    let services = Some([("known".to_owned(), 2)].into());
    let emulator = start_with(Config { services, ..Config::default() }).await;
    let reply = ask(&emulator, &get("/service/known/version/9/package")).await;
    assert_eq!(reply.status, 404);
    assert_eq!(
        reply.json(),
        json!({
            "msg": "Record not found",
            "detail": "Couldn't find Version '{ deleted => 0000-00-00 00:00:00, number => 9 }'",
        })
    );
    let reply = ask(&emulator, &put(&package())).await;
    assert_eq!((reply.status, reply.json()["msg"].as_str()), (404, Some("Record not found")));
    assert!(reply.json()["detail"].as_str().unwrap().starts_with("Couldn't find Service"));
    assert_eq!(ask(&emulator, &get("/service/known/version/2")).await.status, 200);
}

#[tokio::test]
async fn a_locked_version_refuses_uploads_however_it_was_locked() {
    let locked = vec![(SERVICE.to_owned(), 3)];
    let emulator = start_with(Config { locked, ..Config::default() }).await;
    let reply = ask(&emulator, &put(&package())).await;
    assert_eq!(reply.status, 422);
    let detail = format!("Version '3' for service '{SERVICE}' is locked");
    assert_eq!(reply.json(), json!({"msg": "Version locked", "detail": detail}));

    let emulator = start().await;
    emulator.lock(SERVICE, 3);
    assert_eq!(ask(&emulator, &put(&package())).await.status, 422);

    let emulator = start().await;
    let activate = put_empty(&TARGET.replace("package", "activate"));
    assert_eq!(ask(&emulator, &activate).await.status, 200);
    assert_eq!(ask(&emulator, &put(&package())).await.status, 422);
}

#[tokio::test]
async fn a_clone_of_a_locked_version_has_its_package_and_accepts_uploads() {
    let emulator = start().await;
    let first = ask(&emulator, &put(&package())).await.json();
    emulator.lock(SERVICE, 3);
    let clone = ask(&emulator, &put_empty(&TARGET.replace("package", "clone"))).await;
    assert_eq!((clone.status, clone.json()["number"].as_u64()), (200, Some(4)));
    assert_eq!(clone.json()["locked"], false);
    let target = TARGET.replace("/3/", "/4/");
    let copy = ask(&emulator, &get(&target)).await.json();
    assert_eq!(copy["metadata"]["hashsum"], first["metadata"]["hashsum"]);
    assert_ne!(copy["id"], first["id"]);
    let upload = String::from_utf8_lossy(&put_head(0, "")).replace("/3/", "/4/");
    assert_eq!(ask(&emulator, upload.as_bytes()).await.status, 400, "not 422");
}

#[tokio::test]
async fn responses_to_writes_have_rate_limit_headers_errors_included_and_those_to_reads_do_not() {
    let emulator = start_with(Config { writes_per_hour: 2, ..Config::default() }).await;
    emulator.lock(SERVICE, 3);
    let remaining = |reply: &Reply| reply.header("Fastly-RateLimit-Remaining").map(str::to_owned);
    let first = ask(&emulator, &put(&package())).await;
    assert_eq!((first.status, remaining(&first).as_deref()), (422, Some("1")));
    let reset: u64 = first.header("Fastly-RateLimit-Reset").unwrap().parse().unwrap();
    assert_eq!(reset % 3600, 0);
    ask(&emulator, &put(&package())).await;
    let past = ask(&emulator, &put(&package())).await;
    assert_eq!((past.status, remaining(&past).as_deref()), (429, Some("0")));
    assert_eq!(past.json(), json!({"msg": "You have exceeded your hourly rate limit"}));
    let read = ask(&emulator, &get(TARGET)).await;
    assert_eq!((read.status, remaining(&read)), (404, None));
}

#[tokio::test]
async fn lookups_of_the_fastly_cli_before_an_update_are_answered() {
    let emulator = start().await;
    ask(&emulator, &put_empty("/service/s/version/2/activate")).await;
    let json = async |path: &str| {
        let reply = ask(&emulator, &get(path)).await;
        assert_eq!(reply.status, 200, "{path}");
        reply.json()
    };
    assert_eq!(json("/service/s/details").await["type"], "wasm");
    assert_eq!(json("/service/s/details").await["active_version"]["number"], 2);
    assert_eq!(json("/service/s/version").await[1]["number"], 2);
    assert_eq!(json("/service/s/version/2").await["locked"], true);
    assert_eq!(json("/service?page=1&per_page=100").await[0]["name"], "s");
}

#[tokio::test]
async fn other_paths_and_methods_are_not_found() {
    let emulator = start().await;
    for path in [
        "/",
        "/service/s/version/0/package",
        "/service/s/version/x/package",
        "/service//version/1/package",
        "/service/s/version/1/package/",
        "/service//version",
        "/service/s",
        "/service/search?name=s",
        "/tokens/self",
    ] {
        let reply = ask(&emulator, &get(path)).await;
        assert_eq!((reply.status, reply.json()), (404, json!({"msg": "Not found"})), "{path}");
    }
    let delete = String::from_utf8(get(TARGET)).unwrap().replace("GET", "DELETE");
    assert_eq!(ask(&emulator, delete.as_bytes()).await.status, 404);
    assert_eq!(ask(&emulator, &put_empty(&TARGET.replace("package", "lock"))).await.status, 404);
}

#[tokio::test]
async fn the_versions_of_a_service_are_listed_with_their_state() {
    let services = Some([(SERVICE.to_owned(), 3)].into());
    let locked = vec![(SERVICE.to_owned(), 2)];
    let emulator = start_with(Config { services, locked, ..Config::default() }).await;
    ask(&emulator, &put(&package())).await;
    let reply = ask(&emulator, &get(&format!("/service/{SERVICE}/version"))).await;
    assert_eq!(reply.status, 200);
    let versions = reply.json();
    let versions = versions.as_array().unwrap();
    assert_eq!(versions.len(), 3);
    for (number, version) in (1..).zip(versions) {
        assert_eq!((&version["number"], &version["service_id"]), (&json!(number), &json!(SERVICE)));
        assert_eq!((&version["active"], &version["locked"]), (&json!(false), &json!(number == 2)));
        assert_eq!((&version["comment"], &version["deleted_at"]), (&json!(""), &json!(null)));
        assert!(version["created_at"].is_string() && version["updated_at"].is_string());
    }
    let reply = ask(&emulator, &get("/service/other/version")).await;
    assert_eq!((reply.status, reply.json()["msg"].as_str()), (404, Some("Record not found")));
    assert!(reply.json()["detail"].as_str().unwrap().starts_with("Couldn't find Service"));
}

#[tokio::test]
async fn where_every_service_exists_the_versions_that_were_used_are_listed() {
    let emulator = start().await;
    let numbers = async || {
        let versions = ask(&emulator, &get("/service/s/version")).await.json();
        let versions = versions.as_array().unwrap();
        versions.iter().map(|version| version["number"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(numbers().await, [1]);
    ask(&emulator, &get("/service/s/version/7/package")).await;
    emulator.lock("s", 4);
    assert_eq!(numbers().await, [1, 4, 7]);
}

#[tokio::test]
async fn the_api_may_have_a_path_prefix() {
    let emulator = start_with(Config { path_prefix: "/fastly".into(), ..Config::default() }).await;
    assert!(emulator.url().ends_with("/fastly"));
    assert_eq!(ask(&emulator, &get("/fastly/service/s/version")).await.status, 200);
    assert_eq!(ask(&emulator, &get("/service/s/version")).await.status, 404);
}

#[tokio::test]
async fn a_service_id_may_contain_any_percent_encoded_character() {
    let emulator = start().await;
    let upload = String::from_utf8_lossy(&put_head(form(&package()).len(), ""))
        .replace(SERVICE, "a%2Fb%20%C3%A9");
    assert_eq!(ask(&emulator, &[upload.as_bytes(), &form(&package())].concat()).await.status, 200);
    assert!(emulator.package("a/b é", 3).is_some());
}
