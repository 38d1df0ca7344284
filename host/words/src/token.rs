//! What a token is, where it is read from a text, and where it stands in one.

use std::io::{self, Read};

/// How long the text may be that a token is read from, in bytes: what is longer is another file.
const LIMIT: u64 = 4096;

/// From this length on, in bytes, a token is looked for in what comes back: shorter ones stand in ordinary words. Fastly's have 32.
pub const LOOKED_FOR: usize = 8;

/// Checks a token: not empty, and visible ASCII characters alone.
///
/// # Errors
///
/// What is wrong with it, without the token.
pub fn check(token: &str) -> Result<(), &'static str> {
    match token {
        "" => Err("it is empty"),
        token if token.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(()),
        _ => Err("it has a character that no token has, such as a space or a line break"),
    }
}

/// Reads the text that holds a token into a string with room for it, which doesn't grow: that would leave copies of the token behind.
///
/// # Errors
///
/// That it can't be read, or is larger than 4096 bytes: with `name`, what it is called.
pub fn read(reader: impl Read, name: &str, text: &mut String) -> Result<(), String> {
    text.reserve_exact(LIMIT as usize + 1);
    let read: io::Result<usize> = reader.take(LIMIT + 1).read_to_string(text);
    match read {
        Ok(length) if length as u64 > LIMIT => Err(format!("{name} is larger than {LIMIT} bytes")),
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

/// The text of a file but for the line break at its end, which isn't part of the token.
pub fn line(text: &str) -> &str {
    let line = text.strip_suffix('\n').unwrap_or(text);
    line.strip_suffix('\r').unwrap_or(line)
}

/// `text` with the token and the identifiers of tokens struck out: a server may send back what it got, and Fastly's names the token that has
/// expired.
pub fn redact(text: String, token: &str) -> String {
    let text = match token.len() >= LOOKED_FOR && text.contains(token) {
        true => text.replace(token, "[token]"),
        false => text,
    };
    redact_ids(text)
}

/// Strikes out what follows the word "Token" and looks like an identifier: 16 letters and digits or more.
fn redact_ids(text: String) -> String {
    const WORD: &str = "Token ";
    let mut redacted = String::new();
    let mut rest = text.as_str();
    while let Some(found) = rest.find(WORD) {
        let (before, after) = rest.split_at(found + WORD.len());
        let length = after.bytes().take_while(u8::is_ascii_alphanumeric).count();
        redacted.push_str(before);
        redacted.push_str(if length >= 16 { "[id]" } else { &after[..length] });
        rest = &after[length..];
    }
    if redacted.is_empty() { text } else { redacted + rest }
}
