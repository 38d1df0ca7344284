//! Where the token is.

use fastly_package::{Error, Token};
use fastly_package_words::args::Connection;
use fastly_package_words::failure::{Failure, TokenSource};
use fastly_package_words::report::Report;
use std::path::Path;

/// Reads the token from where the flags say.
pub(super) fn token(
    connection: &Connection,
    report: Report,
) -> Result<(Token, TokenSource), Failure> {
    let usage = |error: Error| Failure::Usage(error.to_string());
    match connection.token_file.as_deref() {
        Some(path) if path == Path::new("-") => {
            let token = Token::from_reader(std::io::stdin().lock(), "stdin").map_err(usage)?;
            Ok((token, TokenSource::Stdin))
        }
        Some(path) => {
            let token = Token::from_file(path).map_err(usage)?;
            if is_readable_by_others(path) {
                let path = path.display();
                report.warn(&format!("others can read the token in {path}: chmod 600 {path}"));
            }
            Ok((token, TokenSource::File(path.to_owned())))
        }
        None if std::env::var_os("FASTLY_API_TOKEN").is_none_or(|token| token.is_empty()) => {
            Err(Failure::NoToken)
        }
        None => {
            let token = Token::from_env("FASTLY_API_TOKEN").map_err(usage)?;
            Ok((token, TokenSource::Environment))
        }
    }
}

/// Whether more than its owner may read a file. What isn't a file, such as a pipe, is nobody else's.
fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    const READ_BY_OTHERS: u32 = 0o044;
    std::fs::metadata(path).is_ok_and(|metadata| {
        metadata.is_file() && metadata.permissions().mode() & READ_BY_OTHERS != 0
    })
}
