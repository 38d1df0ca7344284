//! Services, versions and tokens, as clients look them up before they upload. The fields are those that
//! Fastly documents for these answers.

use serde_json::{Value, json};

use crate::clock;
use crate::route::Target;
use crate::state::{Service, Version};

/// The customer that all services belong to.
const CUSTOMER_ID: &str = "emulatedcustomer000000";

pub(super) fn token_response() -> Value {
    json!({
        "id": "emulatedtoken000000000",
        "name": "emulator",
        "user_id": "emulateduser0000000000",
        "customer_id": CUSTOMER_ID,
        "scope": "global",
        "services": [],
        "created_at": clock::rfc3339(clock::now()),
        "expires_at": null,
        "last_used_at": null,
    })
}

pub(super) fn version_response(target: &Target, version: &Version) -> Value {
    let updated_at =
        version.package.as_ref().map_or(version.created_at, |package| package.updated_at);
    json!({
        "number": target.version,
        "service_id": target.service_id,
        "active": version.active,
        "locked": version.locked,
        "comment": "",
        "deployed": false,
        "staging": false,
        "testing": false,
        "created_at": clock::rfc3339(version.created_at),
        "updated_at": clock::rfc3339(updated_at),
        "deleted_at": null,
    })
}

pub(super) fn versions_response(id: &str, service: &Service) -> Value {
    let version = |(number, version): (&u32, &Version)| {
        version_response(&Target { service_id: id.to_owned(), version: *number }, version)
    };
    service.versions.iter().map(version).collect()
}

pub(super) fn service_response(id: &str, service: &Service) -> Value {
    let first =
        service.versions.first_key_value().map(|(_, version)| clock::rfc3339(version.created_at));
    json!({
        "id": id,
        "name": id,
        "type": "wasm",
        "comment": "",
        "customer_id": CUSTOMER_ID,
        "version": active_or_last(service),
        "versions": versions_response(id, service),
        "created_at": first,
        "updated_at": first,
        "deleted_at": null,
    })
}

pub(super) fn details_response(id: &str, service: &Service) -> Value {
    let number = active_or_last(service);
    let target = Target { service_id: id.to_owned(), version: number };
    let version = service.versions.get(&number).map(|version| version_response(&target, version));
    let active = version.as_ref().filter(|version| version["active"] == true).cloned();
    let mut response = service_response(id, service);
    response["version"] = version.unwrap_or_default();
    response["active_version"] = active.unwrap_or_default();
    response
}

fn active_or_last(service: &Service) -> u32 {
    let active = service.versions.iter().find(|(_, version)| version.active);
    active.or_else(|| service.versions.last_key_value()).map_or(1, |(number, _)| *number)
}
