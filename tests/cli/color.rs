//! Colors of the output.

use crate::command::{Fixture, TARGET, output, package};

const ESCAPE: char = '\u{1b}';

#[tokio::test]
async fn output_that_is_not_a_terminal_is_colored_only_on_request() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    for (flags, variable, colored) in [
        (&[][..], None, false),
        (&["--color", "always"], None, true),
        (&["--color", "always"], Some("NO_COLOR"), true),
        (&["--color", "auto"], Some("CLICOLOR_FORCE"), true),
        (&["--color", "never"], Some("CLICOLOR_FORCE"), false),
        (&["--color", "always", "--json"], None, false),
    ] {
        let args = [&["put", "--package", "app.tar.gz"], &TARGET[..], flags].concat();
        let mut command = fixture.command(args);
        if let Some(variable) = variable {
            command.env(variable, "1");
        }
        let output = output(&mut command, b"").await;
        assert_eq!(output.code, Some(0), "{output:?}");
        assert_eq!(output.stdout.contains(ESCAPE), colored, "{flags:?}: {output:?}");
        let failed = fixture.run([&["get", "--service-id", "s", "--version", "1"], flags].concat());
        let failed = failed.await;
        assert_eq!(failed.code, Some(3));
        if variable.is_none() {
            let expected = flags.contains(&"always");
            assert_eq!(failed.stderr.contains(ESCAPE), expected, "{flags:?}: {failed:?}");
        }
    }
    let wrong = fixture.get(&["--color", "sometimes"]).await;
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("auto, always, never"), "{}", wrong.stderr);
}
