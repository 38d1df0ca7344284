//! The sections below the flags in `--help`, and of the manual pages.

/// The exit codes.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  any other error, such as a missing token or an unexpected response
  2  invalid arguments
  3  the API responded with an error
  4  the API could not be reached, or the connection was lost
  5  timed out
  6  the package was refused before it was sent, or changed: missing, a
     directory, empty, unreadable, too large, or not a package
  7  the API stored something else than what was sent";

/// The examples of `get`.
pub const GET: &str = "\
Examples:
  fastly-package get --service-id SU1Z0isxPaozGVKXdv0eY --version 3
  fastly-package get -s SU1Z0isxPaozGVKXdv0eY --version 3 --field files_hash
  seq 1 20 | fastly-package get -s SU1Z0isxPaozGVKXdv0eY --targets -";

/// The usage of `get`.
pub const GET_USAGE: &str = "\
fastly-package get [OPTIONS] --service-id <ID> --version <N>
       fastly-package get [OPTIONS] --targets <FILE>";

/// The examples of `put`.
pub const PUT: &str = "\
Examples:
  fastly-package put --service-id SU1Z0isxPaozGVKXdv0eY --version 3 --package pkg/app.tar.gz
  fastly-package put -s SU1Z0isxPaozGVKXdv0eY --version 3 -p pkg/app.tar.gz --if-changed
  curl -s https://h.test/app.tar.gz | fastly-package put -s SU1Z0isxPaozGVKXdv0eY --version 3 -p -";
