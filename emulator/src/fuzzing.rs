//! Access to the form reader for its fuzz target.

use crate::multipart::{Event, Form, FormError};

/// Reads a form that arrives in pieces. Returns its events, with adjacent content joined, and whether it is complete.
pub fn read_form(content_type: &str, pieces: &[&[u8]]) -> impl PartialEq + std::fmt::Debug + use<> {
    let mut events = Vec::new();
    let mut read = || -> Result<bool, FormError> {
        let mut form = Form::from_content_type(content_type)?;
        for piece in pieces {
            form.push(piece);
            while let Some(event) = form.next()? {
                match (events.last_mut(), event) {
                    (Some(Event::Content(content)), Event::Content(more)) => {
                        *content = [&content[..], &more[..]].concat().into();
                    }
                    (_, event) => events.push(event),
                }
            }
        }
        Ok(form.is_complete())
    };
    let end = read();
    (events, end)
}
