use super::*;

#[test]
fn a_service_id_stays_one_segment_of_the_path() {
    let api = ApiUrl::parse("https://h.test/prefix").unwrap();
    let path = |operation: Operation| operation.path(&api, "a/../../b?c", 1);
    assert_eq!(
        path(Operation::GetPackage),
        "/prefix/service/a%2F..%2F..%2Fb%3Fc/version/1/package"
    );
    assert_eq!(path(Operation::ListVersions), "/prefix/service/a%2F..%2F..%2Fb%3Fc/version");
}

#[test]
fn a_service_version_has_an_id_of_one_segment_and_a_positive_number() {
    for (service_id, version, is_valid) in [
        ("a", 1, true),
        ("...", i32::MAX as u32, true),
        ("", 1, false),
        (".", 1, false),
        ("..", 1, false),
        ("a", 0, false),
        ("a", i32::MAX as u32 + 1, false),
        ("a", u32::MAX, false),
    ] {
        let checked = check_service_version(service_id, version);
        assert_eq!(checked.is_ok(), is_valid, "{service_id} {version}: {checked:?}");
    }
}
