//! The API token.

use super::usage;
use fastly_package::Token;
use fastly_package_command::args::Connection;
use fastly_package_command::error::CommandError;
use fastly_package_command::report::Report;
use std::path::Path;

/// Reads the token from its source.
pub(super) fn read(
    connection: &Connection,
    report: Report,
) -> Result<(Token, String), CommandError> {
    match connection.token_file.as_deref() {
        Some(path) if path == Path::new("-") => {
            let token = Token::from_reader(std::io::stdin().lock(), "stdin").map_err(usage)?;
            Ok((token, "stdin".to_owned()))
        }
        Some(path) => {
            let token = Token::from_file(path).map_err(usage)?;
            let name = path.display().to_string();
            if is_readable_by_others(path) {
                report.warn(&format!(
                    "the token file {name} is readable by other users; run `chmod 600 {name}`"
                ));
            }
            Ok((token, name))
        }
        None if std::env::var_os("FASTLY_API_TOKEN").is_none_or(|token| token.is_empty()) => {
            Err(CommandError::NoToken)
        }
        None => {
            let token = Token::from_env("FASTLY_API_TOKEN").map_err(usage)?;
            Ok((token, "FASTLY_API_TOKEN".to_owned()))
        }
    }
}

/// Returns whether other users may read a file. A pipe or another special file is not checked.
fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    const READ_BY_OTHERS: u32 = 0o044;
    std::fs::metadata(path).is_ok_and(|metadata| {
        metadata.is_file() && metadata.permissions().mode() & READ_BY_OTHERS != 0
    })
}
