//! The command as a component, for hosts that have a command line only: `get` and `put` as the native command takes and says them.
//!
//! It reads what was typed, finds the files and the token, and calls the plugin in its guard, which it is composed with.

mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "command", generate_all });
}
mod call;
mod cli;
mod files;
mod get;
mod put;
mod records;
mod system;

use bindings::exports::wasi::cli::run;
use fastly_package_words::failure::Failure;

struct Command;

impl run::Guest for Command {
    fn run() -> Result<(), ()> {
        let cli = match cli::parse() {
            Ok(cli) => cli,
            Err(shown) => return system::show(&shown),
        };
        system::color(cli.output.color);
        let report = cli.report();
        let ended = match &cli.command {
            cli::Command::Get(args) => get::run(args, report),
            cli::Command::Put(args) => put::run(args, report),
        };
        match ended {
            Ok(()) | Err(Failure::Unread) => Ok(()),
            Err(failure) => {
                report.failure(&failure);
                Err(())
            }
        }
    }
}

// The macro defines the component's exports as C symbols, which a native build for the unit tests can't have.
#[cfg(target_family = "wasm")]
bindings::export!(Command with_types_in bindings);
