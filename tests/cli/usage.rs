use crate::command::{Fixture, TARGET, assert_golden, package};

#[tokio::test]
async fn the_help_says_what_can_be_typed() {
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
        let ended = crate::command::ended(command.env("COLUMNS", "100"), b"").await;
        assert_eq!(ended.code, Some(0));
        assert_golden(name, &ended.stdout);
    }
}

#[tokio::test]
async fn wrong_arguments_end_in_2_and_send_nothing() {
    let fixture = Fixture::start().await;
    fixture.write("app.tar.gz", &package());
    let with = |more: &[&'static str]| [&["get"], &TARGET[..], more].concat();
    let put = |more: &[&'static str]| [&["put"], &TARGET[..], more].concat();
    for (args, says) in [
        (vec![], "Usage"),
        (vec!["bogus"], "unrecognized subcommand"),
        (vec!["get"], "--service-id"),
        (vec!["get", "--service-id", "", "--version", "3"], "--service-id"),
        (vec!["get", "--service-id", "a"], "--version"),
        (vec!["get", "--service-id", "a", "--version", "0"], "0 is not in 1..=2147483647"),
        (vec!["get", "--service-id", "a", "--version", "-1"], "-1"),
        (vec!["get", "--service-id", "a", "--version", "2147483648"], "is not in"),
        (vec!["get", "--service-id", "a", "--version", "latest"], "invalid digit"),
        (vec!["get", "--service-id", "..", "--version", "1"], "path of dots"),
        (with(&["--api", "nonsense"]), "has no scheme or no host"),
        (with(&["--api", "http://api.fastly.com"]), "use https"),
        (with(&["--api", "https://u:hunter2@h.test"]), "has a user or password in it"),
        (with(&["--api", "ftp://h.test"]), "neither https nor http"),
        (with(&["--timeout", "30"]), "30s"),
        (with(&["--timeout", "0s"]), "longer than nothing"),
        (with(&["--ca-cert", "missing.pem"]), "missing.pem"),
        (with(&["--ca-cert", "app.tar.gz"]), "no certificate"),
        (with(&["--token", "x"]), "unexpected argument '--token'"),
        (with(&["--token-file", "missing"]), "missing"),
        (put(&[]), "--package"),
        (put(&["--package", "app.tar.gz", "--expect", "maybe"]), "maybe"),
        (put(&["--package", "app.tar.gz", "--size", "5"]), "--size goes with --package -"),
        (put(&["--package", "-", "--size", "0"]), "0 is not in"),
        (put(&["--package", "-", "--if-changed"]), "name a file"),
        (put(&["--package", "-", "--token-file", "-"]), "can't both come from stdin"),
    ] {
        let ended = fixture.run(&args).await;
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(says), "{args:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
        assert_eq!(ended.stdout, "", "{args:?}");
    }
    assert_eq!(fixture.emulator.connections(), 0);
}

#[tokio::test]
async fn without_a_token_it_says_where_to_get_one_and_how_to_give_it() {
    let fixture = Fixture::start().await;
    for unset in [true, false] {
        let mut command = fixture.command([&["get"], &TARGET[..]].concat());
        let command = match unset {
            true => command.env_remove("FASTLY_API_TOKEN"),
            false => command.env("FASTLY_API_TOKEN", ""),
        };
        let ended = crate::command::ended(command, b"").await;
        assert_eq!(ended.code, Some(1));
        for says in ["FASTLY_API_TOKEN", "--token-file", "https://manage.fastly.com/"] {
            assert!(ended.stderr.contains(says), "{}", ended.stderr);
        }
    }
    assert_eq!(fixture.emulator.connections(), 0);
}

#[tokio::test]
async fn what_is_no_token_is_refused_before_anything_is_sent() {
    let fixture = Fixture::start().await;
    for token in ["hunter2\n", "hunter2 ", "hunter\u{e9}"] {
        let mut command = fixture.command([&["get"], &TARGET[..]].concat());
        let ended = crate::command::ended(command.env("FASTLY_API_TOKEN", token), b"").await;
        assert_eq!(ended.code, Some(2));
        assert!(!ended.stderr.contains("hunter"), "{}", ended.stderr);
    }
    assert_eq!(fixture.emulator.connections(), 0);
}

#[tokio::test]
async fn each_subcommand_has_a_manual_page_with_all_that_its_help_says() {
    let fixture = Fixture::start().await;
    let ended = fixture.run(["man", "share/man1", "--quiet"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "it makes the folder");
    for (page, words) in [
        ("fastly-package", &["EXIT CODES", "ENVIRONMENT", "NO_COLOR", "put(1)"][..]),
        ("fastly-package-get", &["targets", "fBFASTLY_SERVICE_ID", "EXAMPLES", "files_hash"]),
        ("fastly-package-put", &["if\\-changed", "dry\\-run", "FASTLY_API_ENDPOINT", "100"]),
        ("fastly-package-check", &["json"]),
        ("fastly-package-component", &["guarded"]),
        ("fastly-package-completions", &["fish"]),
        ("fastly-package-man", &["FOLDER"]),
        ("fastly-package-emulate", &["listen"]),
        ("fastly-package-demo", &["package"]),
    ] {
        let text = std::fs::read_to_string(fixture.path(&format!("share/man1/{page}.1"))).unwrap();
        assert!(text.contains(".TH "), "{text}");
        for word in words {
            assert!(text.contains(word), "{page}: {word}: {text}");
        }
    }
    fixture.write("file", b"");
    let failed = fixture.run(["man", "file"]).await;
    assert_eq!(failed.code, Some(1));
    assert!(failed.stderr.contains("can't write manual pages to file"), "{}", failed.stderr);
}

#[tokio::test]
async fn each_shell_has_a_script_that_knows_the_flags() {
    let fixture = Fixture::start().await;
    for shell in ["bash", "zsh", "fish"] {
        let ended = fixture.run(["completions", shell]).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        for word in ["if-changed", "emulate", "service-id"] {
            assert!(ended.stdout.contains(word), "{shell}: {word}");
        }
    }
    // What the script completes, in the shell that is everywhere.
    let script = "source <(fastly-package completions bash)
        COMP_WORDS=(fastly-package put --if) COMP_CWORD=2
        _fastly__package fastly-package --if put
        echo \"${COMPREPLY[@]}\"";
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_fastly-package")).parent().unwrap();
    let mut bash = tokio::process::Command::new("bash");
    bash.args(["-c", script]).env("PATH", format!("{}:/usr/bin:/bin", binary.display()));
    let ended = crate::command::ended(&mut bash, b"").await;
    assert_eq!(ended.stdout.trim(), "--if-changed", "{ended:?}");
}
