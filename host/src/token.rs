//! The API token: checked when it is created, never shown, zeroized when it is dropped.

use crate::error::Error;
use fastly_package_core::token::{self, MIN_REDACTED};
use http::HeaderValue;
use std::fmt;
use std::path::Path;
use zeroize::Zeroizing;

/// A Fastly API token.
///
/// `Debug` doesn't show it, there is no `Display`, no error contains it, and its memory is zeroized when it is dropped.
///
/// ```
/// use fastly_package::Token;
///
/// let token = Token::new("0123456789abcdef")?;
/// assert_eq!(format!("{token:?}"), "Token(..)");
/// # Ok::<(), fastly_package::Error>(())
/// ```
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// Creates a token. Whether the API accepts it shows with the first call.
    ///
    /// # Errors
    ///
    /// Fails with [`ErrorKind::Token`](crate::ErrorKind::Token) if the text is empty, or contains anything but visible ASCII characters.
    ///
    /// ```
    /// use fastly_package::Token;
    ///
    /// assert!(Token::new("0123456789abcdef").is_ok());
    /// assert!(Token::new("with a line break\n").is_err());
    /// ```
    pub fn new(token: impl Into<String>) -> Result<Self, Error> {
        let token = Zeroizing::new(token.into());
        token::check(&token).map_err(Error::token)?;
        Ok(Self(token))
    }

    /// Reads a token from an environment variable.
    ///
    /// # Errors
    ///
    /// Fails with [`ErrorKind::Token`](crate::ErrorKind::Token) if the variable is not set, is not UTF-8, or [`new`](Self::new) rejects its value.
    ///
    /// ```
    /// # // SAFETY: this program has one thread.
    /// # unsafe { std::env::set_var("FASTLY_API_TOKEN", "0123456789abcdef") };
    /// let token = fastly_package::Token::from_env("FASTLY_API_TOKEN")?;
    /// # Ok::<(), fastly_package::Error>(())
    /// ```
    pub fn from_env(variable: &str) -> Result<Self, Error> {
        match std::env::var(variable) {
            Ok(token) => Self::new(token).map_err(|error| error.in_token(variable)),
            Err(std::env::VarError::NotPresent) => {
                Err(Error::token(format!("{variable} is not set")))
            }
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(Error::token(format!("{variable} is not valid UTF-8")))
            }
        }
    }

    /// Reads a token from a file. A line break at its end is ignored.
    ///
    /// # Errors
    ///
    /// Fails with [`ErrorKind::Token`](crate::ErrorKind::Token) if the file can't be read, is larger than 4096 bytes, is not UTF-8, or
    /// [`new`](Self::new) rejects its content.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # std::env::set_current_dir(&folder)?;
    /// # std::fs::write("token", "0123456789abcdef\n")?;
    /// let token = fastly_package::Token::from_file("token")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let file =
            std::fs::File::open(path).map_err(|error| Error::token(format!("{name}: {error}")))?;
        Self::from_reader(file, &name)
    }

    /// Reads a token from a reader, which errors call `name`. A line break at its end is ignored.
    ///
    /// # Errors
    ///
    /// Fails as [`from_file`](Self::from_file) does.
    ///
    /// ```
    /// # let stdin = "0123456789abcdef\n".as_bytes();
    /// let token = fastly_package::Token::from_reader(stdin, "stdin")?;
    /// # Ok::<(), fastly_package::Error>(())
    /// ```
    pub fn from_reader(reader: impl std::io::Read, name: &str) -> Result<Self, Error> {
        let mut text = Zeroizing::new(String::new());
        token::read(reader, name, &mut text).map_err(Error::token)?;
        Self::new(token::trim_line_break(&text)).map_err(|error| error.in_token(name))
    }

    /// Returns the value of `Fastly-Key`, marked as sensitive: HTTP libraries neither show nor index it.
    pub(crate) fn header(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }

    /// Returns the range of the first occurrence of the token.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<std::ops::Range<usize>> {
        let length = self.0.len();
        if length < MIN_REDACTED {
            return None;
        }
        let start = bytes.windows(length).position(|window| window == self.0.as_bytes())?;
        Some(start..start + length)
    }

    /// Returns whether the bytes contain the token.
    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        self.find(bytes).is_some()
    }

    /// Returns the number of bytes at the end that could be the beginning of the token.
    pub(crate) fn begins_in(&self, bytes: &[u8]) -> usize {
        if self.0.len() < MIN_REDACTED {
            return 0;
        }
        let most = bytes.len().min(self.0.len() - 1);
        (1..=most).rev().find(|n| bytes.ends_with(&self.0.as_bytes()[..*n])).unwrap_or(0)
    }

    /// Replaces the token and token identifiers: a server may echo the token, and Fastly's names the token that has expired.
    pub(crate) fn redact(&self, text: String) -> String {
        token::redact(text, self.0.as_str())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_shown() {
        let token = Token::new("s3cret").unwrap();
        assert_eq!(format!("{token:?}"), "Token(..)");
        assert!(token.header().is_sensitive());
        assert_eq!(format!("{:?}", token.header()), "Sensitive");
    }

    #[test]
    fn an_invalid_token_is_rejected_without_being_shown() {
        for text in ["", "s3cret\n", "s3 cret", "s3cr\u{e9}t", "s3cret\0"] {
            let error = Token::new(text).unwrap_err().to_string();
            assert!(!error.contains("s3"), "{error}");
        }
    }

    #[test]
    fn the_line_break_of_a_file_is_not_part_of_the_token() {
        for text in ["s3cret", "s3cret\n", "s3cret\r\n"] {
            let token = Token::from_reader(text.as_bytes(), "stdin").unwrap();
            assert_eq!(token.header(), "s3cret");
        }
        for text in ["", "\n", "s3cret\n\n", "s3cret\nmore", &"x".repeat(5000)] {
            let error = Token::from_reader(text.as_bytes(), "stdin").unwrap_err().to_string();
            assert!(error.contains("stdin") && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_token_in_a_text_is_redacted() {
        let token = Token::new("s3cret-0").unwrap();
        assert_eq!(token.redact("key s3cret-0!".into()), "key [token]!");
        let word = Token::new("T").unwrap();
        assert_eq!(word.redact("To be tested".into()), "To be tested");
    }

    #[test]
    fn the_identifier_of_a_token_is_redacted() {
        let token = Token::new("s3cret").unwrap();
        for (text, redacted) in [
            ("Token 5Yo3XXnrQpjc20u0ybrf2g expired at 2019", "Token [id] expired at 2019"),
            (
                "{\"msg\":\"Token 5Yo3XXnrQpjc20u0ybrf2g\"} Token 5Yo3XXnrQpjc20u0ybrf2g",
                "{\"msg\":\"Token [id]\"} Token [id]",
            ),
            ("Token expired", "Token expired"),
            ("Token", "Token"),
            ("", ""),
        ] {
            assert_eq!(token.redact(text.into()), redacted);
        }
    }
}
