//! The README's terminal session, in `tests/golden/terminal.svg`.

use crate::command::{Fixture, TOKEN, output};
use fastly_package_emulator::Config;
use fastly_package_emulator::sample::{self, SampleOptions};
use std::fmt::Write;
use std::path::Path;
use tokio::process::Command;

const SERVICE: &str = "SU1Z0isxPaozGVKXdv0eY";
/// Replaces the times of the session.
const TIME: &str = "2026-05-24 22:12:52 +02:00 (now)";

/// The width of the terminal.
const COLUMNS: usize = 100;

const COMMANDS: [&str; 4] = [
    "fastly-package check pkg/app.tar.gz",
    "fastly-package put --version 3 --package pkg/app.tar.gz",
    "fastly-package put --version 3 --package pkg/app.tar.gz --if-changed > /dev/null",
    "fastly-package get --version 4",
];

#[tokio::test]
async fn the_recorded_session_is_the_output_of_the_commands() {
    let services = Some([(SERVICE.to_owned(), 3)].into());
    let fixture = Fixture::with(Config { services, ..Config::default() }).await;
    std::fs::create_dir(fixture.path("pkg")).unwrap();
    let options = SampleOptions { size: Some(1_540_845), name: "app".into(), ..Default::default() };
    fixture.write("pkg/app.tar.gz", &sample::package(options));
    let mut session = String::new();
    for command in COMMANDS {
        let binary = Path::new(env!("CARGO_BIN_EXE_fastly-package")).parent().unwrap();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("({command}) 2>&1")])
            .current_dir(fixture.dir.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", binary.display()))
            .env("CLICOLOR_FORCE", "1")
            .env("TZ", "<+02>-2")
            .env("FASTLY_API_ENDPOINT", fixture.emulator.url())
            .env("FASTLY_API_TOKEN", TOKEN)
            .env("FASTLY_SERVICE_ID", SERVICE);
        let output = output(&mut shell, b"").await;
        let _ = writeln!(session, "\u{1b}[1m$ {command}\u{1b}[0m");
        for line in output.stdout.lines() {
            let _ = match line.split_once(" 20") {
                Some((before, time)) if time.ends_with(')') => {
                    writeln!(session, "{before} {TIME}")
                }
                _ => writeln!(session, "{line}"),
            };
        }
        session.push('\n');
    }
    let svg = anstyle_svg::Term::new().min_width_px(880).render_svg(&wrapped(&session));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/terminal.svg");
    let recorded = snapbox::Data::read_from(&file, Some(snapbox::data::DataFormat::Text));
    snapbox::Assert::new().action_env("SNAPSHOTS").eq(svg, recorded);
}

/// Breaks lines as a terminal does. Escape sequences have no width.
fn wrapped(text: &str) -> String {
    let mut wrapped = String::new();
    let (mut column, mut in_escape) = (0, false);
    for character in text.chars() {
        match character {
            '\n' => column = 0,
            '\u{1b}' => in_escape = true,
            _ if in_escape => in_escape = character != 'm',
            _ => {
                if column == COLUMNS {
                    wrapped.push('\n');
                    column = 0;
                }
                column += 1;
            }
        }
        wrapped.push(character);
    }
    wrapped
}
