//! The API token: its syntax, how it is read, and its redaction.

use std::io::{self, Read};

/// The maximum length of the text that a token is read from, in bytes. A longer file is not a token file.
const MAX_LENGTH: u64 = 4096;

/// The minimum length of a token that is redacted, in bytes: shorter ones occur in ordinary words. Fastly's tokens have 32.
pub const MIN_REDACTED: usize = 8;

/// Checks that a token consists of visible ASCII characters.
///
/// # Errors
///
/// Returns the reason, which doesn't contain the token.
pub fn check(token: &str) -> Result<(), &'static str> {
    match token {
        "" => Err("it is empty"),
        token if token.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(()),
        _ => Err(
            "it contains a character that is not allowed in a token, such as a space or a line break",
        ),
    }
}

/// Reads the text that contains a token into `text`. The string is allocated once: growing would leave copies of the token in memory.
///
/// # Errors
///
/// Returns the reason, which begins with `name`: the text can't be read, or exceeds 4096 bytes.
pub fn read(reader: impl Read, name: &str, text: &mut String) -> Result<(), String> {
    text.reserve_exact(MAX_LENGTH as usize + 1);
    let read: io::Result<usize> = reader.take(MAX_LENGTH + 1).read_to_string(text);
    match read {
        Ok(length) if length as u64 > MAX_LENGTH => {
            Err(format!("{name} is larger than {MAX_LENGTH} bytes"))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

/// Returns a text without the line break at its end.
pub fn trim_line_break(text: &str) -> &str {
    let line = text.strip_suffix('\n').unwrap_or(text);
    line.strip_suffix('\r').unwrap_or(line)
}

/// Replaces the token and token identifiers: a server may echo the token, and Fastly's names the token that has expired.
pub fn redact(text: String, token: &str) -> String {
    let text = match token.len() >= MIN_REDACTED && text.contains(token) {
        true => text.replace(token, "[token]"),
        false => text,
    };
    redact_ids(text)
}

/// Replaces what follows the word "Token" and looks like an identifier: 16 or more letters and digits.
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

#[cfg(test)]
mod tests;
