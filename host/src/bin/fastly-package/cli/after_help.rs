//! What stands below the flags in `--help`, and in sections of their own in the manual pages.

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  anything not below: an answer that isn't the API's, no token
  2  wrong usage
  3  the API said no
  4  the API was not reached, or the connection was lost
  5  timed out
  6  the package was refused here: missing, a folder, empty, too large, not a package, unreadable, changed while it was read
  7  what the API stored is not what was sent";

const ENVIRONMENT: &str = "\
Environment:
  FASTLY_API_TOKEN                  the API token
  FASTLY_SERVICE_ID                 the service, in place of --service-id
  FASTLY_API_ENDPOINT               the API, in place of --api
  HTTPS_PROXY, ALL_PROXY, NO_PROXY  the way to it, as curl takes them
  NO_COLOR                          set to anything: no color";

const GET: &str = "\
Examples:
  fastly-package get --service-id SU1Z0isxPaozGVKXdv0eY --version 3
  fastly-package get -s SU1Z0isxPaozGVKXdv0eY --version 3 --field files_hash
  seq 1 20 | fastly-package get -s SU1Z0isxPaozGVKXdv0eY --targets -";

const PUT: &str = "\
Examples:
  fastly-package put --service-id SU1Z0isxPaozGVKXdv0eY --version 3 --package pkg/app.tar.gz
  fastly-package put -s SU1Z0isxPaozGVKXdv0eY --version 3 -p pkg/app.tar.gz --if-changed
  curl -s https://h.test/app.tar.gz | fastly-package put -s SU1Z0isxPaozGVKXdv0eY --version 3 -p -";

pub(super) const CHECK: &str = "\
Examples:
  fastly-package check pkg/app.tar.gz
  fastly-package check pkg/app.tar.gz --json";

pub(super) const COMPONENT: &str = "\
Examples:
  fastly-package component -o fastly-package.wasm
  fastly-package component --guarded -o guarded.wasm
  fastly-package component --wit | less";

pub(super) const COMPLETIONS: &str = "\
Examples:
  source <(fastly-package completions bash)
  fastly-package completions zsh > \"${fpath[1]}/_fastly-package\"
  fastly-package completions fish > ~/.config/fish/completions/fastly-package.fish";

pub(super) const MAN: &str = "\
Examples:
  fastly-package man ~/.local/share/man/man1";

pub(super) const EMULATE: &str = "\
Examples:
  fastly-package emulate --listen 127.0.0.1:8080";

pub(super) const DEMO: &str = "\
Examples:
  fastly-package demo --package pkg/app.tar.gz";

pub(super) fn all() -> String {
    format!("{EXIT_CODES}\n\n{ENVIRONMENT}")
}

pub(super) fn get() -> String {
    format!("{GET}\n\n{ENVIRONMENT}")
}

pub(super) fn put() -> String {
    format!("{PUT}\n\n{ENVIRONMENT}")
}
