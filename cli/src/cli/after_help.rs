//! The sections below the flags in `--help`, and of the manual pages.

use fastly_package_command::args::{EXIT_CODES, GET, PUT};

const ENVIRONMENT: &str = "\
Environment:
  FASTLY_API_TOKEN                  the API token
  FASTLY_SERVICE_ID                 the service, instead of --service-id
  FASTLY_API_ENDPOINT               the API's base URL, instead of --api
  HTTPS_PROXY, ALL_PROXY, NO_PROXY  the proxy, as in curl
  NO_COLOR                          if set, no colors";

pub(super) const CHECK: &str = "\
Examples:
  fastly-package check pkg/app.tar.gz
  fastly-package check pkg/app.tar.gz --json";

pub(super) const COMPONENT: &str = "\
Examples:
  fastly-package component -o fastly-package.wasm
  fastly-package component --guarded -o guarded.wasm
  fastly-package component --command -o command.wasm
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
