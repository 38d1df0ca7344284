use super::*;

const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"package\"; filename=\"p.tar.gz\"\r\n\
                    Content-Type: application/octet-stream\r\n\r\none\r\n--two\r\r\n-\r\n--b--\r\n";

/// Returns the events of a form that arrives in pieces of `size` bytes, with adjacent content joined.
fn events(form: &str, size: usize) -> Result<Vec<Event>, FormError> {
    let mut reader = Form::new("b");
    let mut events = Vec::new();
    for piece in form.as_bytes().chunks(size) {
        reader.push(piece);
        while let Some(event) = reader.next()? {
            match (events.last_mut(), event) {
                (Some(Event::Content(content)), Event::Content(more)) => {
                    *content = [&content[..], &more[..]].concat().into();
                }
                (_, event) => events.push(event),
            }
        }
    }
    Ok(events)
}

#[test]
fn a_form_reads_the_same_in_pieces_of_any_size() {
    let head = RecordedPart {
        name: "package".into(),
        filename: Some("p.tar.gz".into()),
        content_type: Some("application/octet-stream".into()),
        ..RecordedPart::default()
    };
    let content = Event::Content("one\r\n--two\r\r\n-".into());
    let whole = vec![Event::Part(head), content, Event::PartEnd, Event::End];
    for size in 1..=FORM.len() {
        assert_eq!(events(FORM, size).as_ref(), Ok(&whole), "pieces of {size}");
    }
}

#[test]
fn a_preamble_padding_and_an_epilogue_are_ignored() {
    let form =
        "preamble\r\n--b \t\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--b--epilogue";
    let names: Vec<_> = events(form, 1).unwrap();
    assert_eq!(names[1..], [Event::Content("x".into()), Event::PartEnd, Event::End]);
}

#[test]
fn an_empty_part_has_no_content() {
    let form = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--b--";
    assert_eq!(events(form, 7).unwrap()[1..], [Event::PartEnd, Event::End]);
}

#[test]
fn a_form_that_ends_early_never_completes() {
    let mut reader = Form::new("b");
    reader.push(&FORM.as_bytes()[..FORM.len() - 6]);
    while reader.next().unwrap().is_some() {}
    assert!(!reader.is_complete());
}

#[test]
fn a_longer_boundary_and_a_part_without_a_name_are_malformed() {
    assert_eq!(events("--bx\r\n", 1), Err(FormError::DELIMITER));
    assert_eq!(events("--b\r\nContent-Type: text/plain\r\n\r\n", 1), Err(FormError::HEAD));
    assert_eq!(events("--b\r\nContent-Disposition: form-data\r\n\r\n", 1), Err(FormError::HEAD));
}

#[test]
fn a_head_or_padding_that_is_too_long_is_refused_in_pieces_of_any_size() {
    let long = "x".repeat(MAX_HEAD);
    let head = format!("--b\r\nContent-Disposition: form-data; name={long}\r\n\r\n\r\n--b--");
    let padding = format!("--b{}\r\n", " ".repeat(MAX_HEAD));
    for size in [1000, usize::MAX] {
        assert_eq!(events(&head, size), Err(FormError::HEAD), "pieces of {size}");
        assert_eq!(events(&padding, size), Err(FormError::DELIMITER), "pieces of {size}");
    }
}

#[test]
fn the_boundary_in_the_content_type_may_be_quoted() {
    for value in
        ["multipart/form-data; boundary=b", "Multipart/Form-Data;charset=x; Boundary=\"b\""]
    {
        assert!(
            Form::from_content_type(value).is_ok_and(|form| form.delimiter == b"\r\n--b"),
            "{value}"
        );
    }
    let error = |value| Form::from_content_type(value).err();
    assert_eq!(error("application/gzip"), Some(FormError::NOT_FORM));
    assert_eq!(error("multipart/form-data"), Some(FormError::NO_BOUNDARY));
    assert_eq!(error("multipart/form-data; boundary="), Some(FormError::NO_BOUNDARY));
}

#[test]
fn a_quote_in_a_file_name_may_be_escaped_with_a_backslash_or_a_percent_sign() {
    let (kind, parameters) =
        parse_parameters(r#"form-data; name="package"; filename="a\"b\\%22.gz""#);
    assert_eq!(kind, "form-data");
    assert_eq!(parameters[1], ("filename".into(), r#"a"b\%22.gz"#.into()));
}
