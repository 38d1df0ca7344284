use crate::command::{Fixture, TARGET, assert_golden, package};

#[tokio::test]
async fn the_help_is_that_of_the_golden_files() {
    let fixture = Fixture::start().await;
    for (name, args) in [
        ("help.txt", &["--help"][..]),
        ("help-get.txt", &["get", "--help"]),
        ("help-put.txt", &["put", "--help"]),
        ("help-check.txt", &["check", "--help"]),
        ("help-component.txt", &["component", "--help"]),
        ("help-completions.txt", &["completions", "--help"]),
        ("help-man.txt", &["man", "--help"]),
        ("help-emulate.txt", &["emulate", "--help"]),
        ("help-demo.txt", &["demo", "--help"]),
    ] {
        let mut command = fixture.command(args);
        let output = crate::command::output(command.env("COLUMNS", "100"), b"").await;
        assert_eq!(output.code, Some(0));
        assert_golden(name, &output.stdout);
    }
}

#[tokio::test]
async fn invalid_arguments_exit_with_2_before_a_connection_is_made() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let get = |flags: &[&'static str]| [&["get"], &TARGET[..], flags].concat();
    let put = |flags: &[&'static str]| [&["put"], &TARGET[..], flags].concat();
    for (args, expected) in [
        (vec![], "Usage"),
        (vec!["bogus"], "unrecognized subcommand"),
        (vec!["get"], "--service-id"),
        (vec!["get", "--service-id", "", "--version", "3"], "--service-id"),
        (vec!["get", "--service-id", "a"], "--version"),
        (vec!["get", "--service-id", "a", "--version", "0"], "0 is not in 1..=2147483647"),
        (vec!["get", "--service-id", "a", "--version", "-1"], "-1"),
        (vec!["get", "--service-id", "a", "--version", "2147483648"], "is not in"),
        (vec!["get", "--service-id", "a", "--version", "latest"], "expected a version number"),
        (vec!["get", "--service-id", "..", "--version", "1"], "consists of dots"),
        (get(&["--api", "nonsense"]), "has no scheme or no host"),
        (get(&["--api", "http://api.fastly.com"]), "use https"),
        (get(&["--api", "https://u:hunter2@h.test"]), "contains a user name or password"),
        (get(&["--api", "ftp://h.test"]), "neither https nor http"),
        (get(&["--timeout", "30"]), "30s"),
        (get(&["--timeout", "0s"]), "longer than 0s"),
        (get(&["--ca-cert", "missing.pem"]), "missing.pem"),
        (get(&["--ca-cert", "app.tar.gz"]), "no certificate"),
        (get(&["--token", "x"]), "unexpected argument '--token'"),
        (get(&["--token-file", "missing"]), "missing"),
        (put(&[]), "--package"),
        (put(&["--package", "app.tar.gz", "--expect", "maybe"]), "maybe"),
        (
            put(&["--package", "app.tar.gz", "--size", "5"]),
            "--size can only be used with --package -",
        ),
        (put(&["--package", "-", "--size", "0"]), "0 is not in"),
        (put(&["--package", "-", "--if-changed"]), "can't be used with stdin"),
        (put(&["--package", "-", "--token-file", "-"]), "can't both be read from stdin"),
    ] {
        let output = fixture.run(&args).await;
        assert_eq!(output.code, Some(2), "{args:?}: {output:?}");
        assert!(output.stderr.contains(expected), "{args:?}: {}", output.stderr);
        assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
        assert_eq!(output.stdout, "", "{args:?}");
    }
    assert_eq!(fixture.emulator.connections(), 0);
}

#[tokio::test]
async fn a_missing_token_is_reported_with_the_ways_to_pass_one() {
    let fixture = Fixture::start().await;
    for unset in [true, false] {
        let mut command = fixture.command([&["get"], &TARGET[..]].concat());
        let command = match unset {
            true => command.env_remove("FASTLY_API_TOKEN"),
            false => command.env("FASTLY_API_TOKEN", ""),
        };
        let output = crate::command::output(command, b"").await;
        assert_eq!(output.code, Some(1));
        for expected in ["FASTLY_API_TOKEN", "--token-file", "https://manage.fastly.com/"] {
            assert!(output.stderr.contains(expected), "{}", output.stderr);
        }
    }
    assert_eq!(fixture.emulator.connections(), 0);
}

#[tokio::test]
async fn an_invalid_token_is_rejected_before_a_connection_is_made() {
    let fixture = Fixture::start().await;
    for token in ["hunter2\n", "hunter2 ", "hunter\u{e9}"] {
        let mut command = fixture.command([&["get"], &TARGET[..]].concat());
        let output = crate::command::output(command.env("FASTLY_API_TOKEN", token), b"").await;
        assert_eq!(output.code, Some(2));
        assert!(!output.stderr.contains("hunter"), "{}", output.stderr);
    }
    assert_eq!(fixture.emulator.connections(), 0);
}

#[tokio::test]
async fn each_subcommand_has_a_manual_page() {
    let fixture = Fixture::start().await;
    let output = fixture.run(["man", "share/man1", "--quiet"]).await;
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "the directory is created");
    for (page, texts) in [
        ("fastly-package", &["EXIT CODES", "ENVIRONMENT", "NO_COLOR", "put(1)"][..]),
        ("fastly-package-get", &["targets", "fBFASTLY_SERVICE_ID", "EXAMPLES", "files_hash"]),
        ("fastly-package-put", &["if\\-changed", "dry\\-run", "FASTLY_API_ENDPOINT", "100"]),
        ("fastly-package-check", &["json"]),
        ("fastly-package-component", &["guarded"]),
        ("fastly-package-completions", &["fish"]),
        ("fastly-package-man", &["DIRECTORY"]),
        ("fastly-package-emulate", &["listen"]),
        ("fastly-package-demo", &["package"]),
    ] {
        let text = std::fs::read_to_string(fixture.path(&format!("share/man1/{page}.1"))).unwrap();
        assert!(text.contains(".TH "), "{text}");
        for expected in texts {
            assert!(text.contains(expected), "{page}: {expected}: {text}");
        }
    }
    fixture.write("file", b"");
    let failed = fixture.run(["man", "file"]).await;
    assert_eq!(failed.code, Some(1));
    assert!(failed.stderr.contains("can't write manual pages to file"), "{}", failed.stderr);
}

#[tokio::test]
async fn each_shell_has_a_completion_script() {
    let fixture = Fixture::start().await;
    for shell in ["bash", "zsh", "fish"] {
        let output = fixture.run(["completions", shell]).await;
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
        for word in ["if-changed", "emulate", "service-id"] {
            assert!(output.stdout.contains(word), "{shell}: {word}");
        }
    }
    // Of these shells, only bash is installed everywhere.
    let script = "source <(fastly-package completions bash)
        COMP_WORDS=(fastly-package put --if) COMP_CWORD=2
        _fastly__package fastly-package --if put
        echo \"${COMPREPLY[@]}\"";
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_fastly-package")).parent().unwrap();
    let mut bash = tokio::process::Command::new("bash");
    bash.args(["-c", script]).env("PATH", format!("{}:/usr/bin:/bin", binary.display()));
    let output = crate::command::output(&mut bash, b"").await;
    assert_eq!(output.stdout.trim(), "--if-changed", "{output:?}");
}
