//! What stands out, and where.

use crate::command::{Fixture, TARGET, ended, package};

const ESCAPE: char = '\u{1b}';

#[tokio::test]
async fn color_is_for_terminals_and_for_those_who_ask() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    for (more, variable, colored) in [
        (&[][..], None, false),
        (&["--color", "always"], None, true),
        (&["--color", "always"], Some("NO_COLOR"), true),
        (&["--color", "auto"], Some("CLICOLOR_FORCE"), true),
        (&["--color", "never"], Some("CLICOLOR_FORCE"), false),
        (&["--color", "always", "--json"], None, false),
    ] {
        let args = [&["put", "--package", "app.tar.gz"], &TARGET[..], more].concat();
        let mut command = fixture.command(args);
        if let Some(variable) = variable {
            command.env(variable, "1");
        }
        let ended = ended(&mut command, b"").await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(ended.stdout.contains(ESCAPE), colored, "{more:?}: {ended:?}");
        let failed = fixture.run([&["get", "--service-id", "s", "--version", "1"], more].concat());
        let failed = failed.await;
        assert_eq!(failed.code, Some(3));
        if variable.is_none() {
            let wanted = more.contains(&"always");
            assert_eq!(failed.stderr.contains(ESCAPE), wanted, "{more:?}: {failed:?}");
        }
    }
    let wrong = fixture.get(&["--color", "sometimes"]).await;
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("auto, always, never"), "{}", wrong.stderr);
}
