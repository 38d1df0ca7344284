//! What stands below the flags in `--help`, and in sections of their own in the manual pages.

/// What the exit codes mean.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  anything not below: an answer that isn't the API's, no token
  2  wrong usage
  3  the API said no
  4  the API was not reached, or the connection was lost
  5  timed out
  6  the package was refused here: missing, a folder, empty, too large, not a package, unreadable, changed while it was read
  7  what the API stored is not what was sent";

/// Of `get`.
pub const GET: &str = "\
Examples:
  fastly-package get --service-id SU1Z0isxPaozGVKXdv0eY --version 3
  fastly-package get -s SU1Z0isxPaozGVKXdv0eY --version 3 --field files_hash
  seq 1 20 | fastly-package get -s SU1Z0isxPaozGVKXdv0eY --targets -";

/// How `get` is used.
pub const GET_USAGE: &str = "\
fastly-package get [OPTIONS] --service-id <ID> --version <N>
       fastly-package get [OPTIONS] --targets <FILE>";

/// Of `put`.
pub const PUT: &str = "\
Examples:
  fastly-package put --service-id SU1Z0isxPaozGVKXdv0eY --version 3 --package pkg/app.tar.gz
  fastly-package put -s SU1Z0isxPaozGVKXdv0eY --version 3 -p pkg/app.tar.gz --if-changed
  curl -s https://h.test/app.tar.gz | fastly-package put -s SU1Z0isxPaozGVKXdv0eY --version 3 -p -";
