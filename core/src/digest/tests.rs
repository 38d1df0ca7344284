use super::*;

#[test]
fn a_digest_is_shown_in_hex() {
    let shown = format!("{:?}", Digest { size: 3, sha512: [0xab; 64] });
    assert_eq!(shown, format!("Digest {{ size: 3, sha512: {} }}", "ab".repeat(64)));
}

#[test]
fn a_package_is_compared_by_length_and_hash() {
    let sent = Digest { size: 3, sha512: [0xab; 64] };
    let (same, other) = ("ab".repeat(64), "ac".repeat(64));
    let upper = same.to_uppercase();
    for (size, hashsum, expected) in [
        (Some(3), Some(same.as_str()), Comparison::Same),
        (None, Some(&same), Comparison::Same),
        (Some(3), Some(&upper), Comparison::Same),
        (Some(4), Some(&same), Comparison::Differs),
        (Some(3), Some(&other), Comparison::Differs),
        (None, Some(&other), Comparison::Differs),
        (Some(4), None, Comparison::Differs),
        (Some(3), None, Comparison::NoHash),
        (None, None, Comparison::NoHash),
        (Some(3), Some(""), Comparison::NoHash),
        (Some(3), Some("sha256:00"), Comparison::NoHash),
    ] {
        let reported = ReportedDigest { size, hashsum };
        assert_eq!(sent.compare(reported), expected, "{size:?} {hashsum:?}");
    }
    for (hashsum, expected) in [(Some(&*same), Comparison::Same), (None, Comparison::NoHash)] {
        let reported = ReportedDigest { size: Some(4), hashsum };
        assert_eq!(sent.compare_hash(reported), expected, "{hashsum:?}");
    }
}
