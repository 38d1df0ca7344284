//! The syntax, reading and redaction of tokens.

use super::*;

#[test]
fn a_token_consists_of_visible_ascii_characters() {
    assert_eq!(check("~0123456789abcdef!"), Ok(()));
    assert_eq!(check(""), Err("it is empty"));
    for token in ["with space", "line\n", "tab\t", "s3cr\u{e9}t", "nul\0", "\u{7f}"] {
        assert!(check(token).is_err_and(|reason| reason.contains("not allowed")), "{token:?}");
    }
}

#[test]
fn a_token_is_read_up_to_the_limit_into_memory_that_does_not_grow() {
    for length in [0, 1, 4096] {
        let mut text = String::new();
        let longest = "x".repeat(length);
        read(longest.as_bytes(), "stdin", &mut text).unwrap();
        assert_eq!(text, longest);
        assert!(text.capacity() > 4096, "it was allocated at once: {}", text.capacity());
    }
    let mut text = String::new();
    let error = read("x".repeat(4097).as_bytes(), "stdin", &mut text).unwrap_err();
    assert_eq!(error, "stdin is larger than 4096 bytes");
    let error = read(&b"\xff"[..], "file", &mut String::new()).unwrap_err();
    assert!(error.starts_with("file: "), "{error}");
}

#[test]
fn one_line_break_is_not_part_of_a_token() {
    for (text, token) in
        [("t", "t"), ("t\n", "t"), ("t\r\n", "t"), ("t\n\n", "t\n"), ("\nt", "\nt"), ("", "")]
    {
        assert_eq!(trim_line_break(text), token, "{text:?}");
    }
}

#[test]
fn a_token_is_redacted_unless_it_is_as_short_as_a_word() {
    let redacted = |text: &str, token| redact(text.to_owned(), token);
    assert_eq!(redacted("key s3cret-0, s3cret-0!", "s3cret-0"), "key [token], [token]!");
    assert_eq!(redacted("nothing of it", "s3cret-0"), "nothing of it");
    assert_eq!(redacted("1234567 is short", "1234567"), "1234567 is short");
    assert_eq!(redacted("12345678 is not", "12345678"), "[token] is not");
}

#[test]
fn the_identifier_of_a_token_is_redacted() {
    for (text, redacted) in [
        ("Token 5Yo3XXnrQpjc20u0ybrf2g expired", "Token [id] expired"),
        ("Token 0123456789abcdef, Token 0123456789abcdef0", "Token [id], Token [id]"),
        ("Token 0123456789abcde", "Token 0123456789abcde"),
        ("Token expired", "Token expired"),
        ("Token ", "Token "),
        ("", ""),
    ] {
        assert_eq!(redact(text.to_owned(), "s3cret-0"), redacted);
    }
}
