//! The answers to lookups, with the fields that Fastly's API reference documents and fastly/go-fastly recorded, such as in
//! `fastly/fixtures/versions/list.yaml`.

use serde_json::{Value, json};

use crate::clock::rfc3339;
use crate::refusal::Result;
use crate::state::{Service, State, Target, Version};

/// The customer of all services.
const CUSTOMER_ID: &str = "emulatedcustomer000000";

pub(super) fn services(state: &State) -> Value {
    state.services.iter().map(|(id, service)| service_json(id, service)).collect()
}

pub(super) fn details(id: &str, service: &Service) -> Value {
    let number = active_or_last(service);
    let version = service.versions.get(&number).map(|it| version_json(id, number, it));
    let mut details = service_json(id, service);
    details["version"] = json!(version);
    details["active_version"] = json!(version.filter(|version| version["active"] == true));
    details
}

pub(super) fn version(state: &mut State, target: &Target) -> Result<Value> {
    Ok(version_json(&target.service_id, target.version, state.version(target)?))
}

fn version_json(id: &str, number: u32, version: &Version) -> Value {
    let package = version.package.as_ref();
    json!({
        "number": number,
        "service_id": id,
        "active": version.active,
        "locked": version.locked,
        "comment": "",
        "deployed": false,
        "staging": false,
        "testing": false,
        "created_at": rfc3339(version.created_at),
        "updated_at": rfc3339(package.map_or(version.created_at, |package| package.updated_at)),
        "deleted_at": null,
    })
}

pub(super) fn versions(id: &str, service: &Service) -> Value {
    service.versions.iter().map(|(number, version)| version_json(id, *number, version)).collect()
}

/// Services have no names of their own: the name is the ID.
fn service_json(id: &str, service: &Service) -> Value {
    let first = service.versions.values().next().map(|version| rfc3339(version.created_at));
    json!({
        "id": id,
        "name": id,
        "type": "wasm",
        "comment": "",
        "customer_id": CUSTOMER_ID,
        "version": active_or_last(service),
        "versions": versions(id, service),
        "created_at": first,
        "updated_at": first,
        "deleted_at": null,
    })
}

fn active_or_last(service: &Service) -> u32 {
    let active = service.versions.iter().find(|(_, version)| version.active);
    active.or_else(|| service.versions.last_key_value()).map_or(1, |(number, _)| *number)
}
