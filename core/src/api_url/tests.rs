use super::*;

#[test]
fn a_url_is_normalized() {
    for (text, kept) in [
        ("https://api.fastly.com", "https://api.fastly.com"),
        ("HTTPS://API.Fastly.com:443/", "https://api.fastly.com"),
        ("https://proxy.test:8443/fastly//", "https://proxy.test:8443/fastly"),
        ("http://[::1]:80/a/b/", "http://[::1]/a/b"),
    ] {
        assert_eq!(ApiUrl::parse(text).unwrap().to_string(), kept);
    }
}

#[test]
fn the_length_of_a_url_is_limited() {
    let longest = format!("https://h.test/{}", "p".repeat(MAX_LENGTH - 15));
    assert_eq!(longest.len(), 2048);
    assert!(ApiUrl::parse(&longest).is_ok());
    assert_eq!(ApiUrl::parse(&format!("{longest}p")), Err("is too long"));
}

#[test]
fn a_url_without_a_scheme_is_told_apart_from_one_with_another() {
    for (text, reason) in [("://h.test", "has no scheme"), ("ftp://h.test", "is neither")] {
        assert!(ApiUrl::parse(text).is_err_and(|error| error.starts_with(reason)), "{text}");
    }
}

#[test]
fn an_invalid_url_is_rejected_without_being_repeated() {
    for text in [
        "",
        "secret",
        "secret.test/x",
        "://secret.test",
        "ftp://secret.test",
        "https://",
        "https:///secret",
        "https://:443",
        "https://u:secret@h.test",
        "https://secret@h.test",
        "https://h.test/?q=secret",
        "https://h.test/#secret",
        "https://h.test:0",
        "https://h.test:99999",
        "https://h.test:+443",
        "https://h.test:",
        "https://h te/secret",
        "https://h.test/sec ret",
        "https://h.test/s\u{e9}cret",
        "https://h\\secret",
        "https://[secret]",
        "https://[::1",
        "https://[::1]x",
        "https://[::1]]",
        "https://a]b:c",
        "//secret.test",
        &format!("https://h.test/{}", "secret".repeat(1000)),
    ] {
        let error = ApiUrl::parse(text).expect_err(text);
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn a_token_is_not_sent_to_an_invalid_address() {
    for text in ["https://[::1]", "https://[2001:db8::1]:8443", "https://[::ffff:192.0.2.1]"] {
        assert_eq!(ApiUrl::parse(text).unwrap().check_token_allowed(), Ok(()), "{text}");
    }
    for text in ["https://[1:2]", "https://[:::::::::::::]", "http://[::1.2]", "https://[::5ec::]"]
    {
        let why = ApiUrl::parse(text).unwrap().check_token_allowed().expect_err(text);
        assert!(why.contains("an invalid IPv6 address"), "{why}");
    }
}

#[test]
fn loopback_hosts_are_recognized_and_lookalikes_are_not() {
    for text in ["http://127.0.0.1", "http://127.9.9.9:1", "http://[::1]", "http://localhost"] {
        assert!(ApiUrl::parse(text).unwrap().may_be_loopback(), "{text}");
    }
    for text in [
        "http://10.0.0.1",
        "http://[::2]",
        "http://0.0.0.0",
        "http://127.1",
        "http://localhost.evil.test",
        "http://evil-localhost",
        "http://evil.localhost",
        "http://127.0.0.1.evil.test",
        "http://[::ffff:10.0.0.1]",
    ] {
        assert!(!ApiUrl::parse(text).unwrap().may_be_loopback(), "{text}");
    }
}
