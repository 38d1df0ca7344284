//! Paths in the directories that the host grants.

/// Finds the granted directory that contains a path, and the path below it. Of several, it is the one with the longest name; one that the path doesn't
/// leave comes first.
pub(super) fn resolve(
    path: &str,
    directories: &[&str],
    cwd: Option<&str>,
) -> Option<(usize, String)> {
    let within = |name: &str, path: &str| -> Option<String> {
        let parts = |path: &str| -> Vec<String> {
            path.split('/').filter(|part| !matches!(*part, "" | ".")).map(str::to_owned).collect()
        };
        let (name_parts, path_parts) = (parts(name), parts(path));
        let below = path_parts.strip_prefix(name_parts.as_slice())?;
        let below = match below {
            [] => ".".to_owned(),
            // A slash at the end is kept: only a directory may have one.
            below if path.ends_with('/') => below.join("/") + "/",
            below => below.join("/"),
        };
        (name.starts_with('/') == path.starts_with('/')).then_some(below)
    };
    let found = |path: &str| {
        let held = directories.iter().enumerate();
        held.filter_map(|(index, name)| Some((name.len(), index, within(name, path)?)))
            .max_by_key(|(length, _, below)| (!leaves(below), *length))
            .map(|(_, index, below)| (index, below))
    };
    // Without a working directory, relative paths begin at the root, as in programs of wasi-libc.
    let from_cwd = || match path.starts_with('/') {
        true => None,
        false => found(&format!("{}/{path}", cwd.unwrap_or_default())),
    };
    found(path).or_else(from_cwd)
}

/// Returns whether a path leaves the directory where it begins.
fn leaves(path: &str) -> bool {
    let mut depth = 0;
    path.split('/').any(|part| {
        depth += if part == ".." { -1 } else { 1 };
        depth < 0
    })
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn a_path_is_in_the_directory_with_the_longest_name() {
        let directories = [".", "/", "/work", "/work/app", "pkg"];
        for (path, expected) in [
            ("app.tar.gz", (0, "app.tar.gz")),
            ("./app.tar.gz", (0, "app.tar.gz")),
            ("sub//app.tar.gz", (0, "sub/app.tar.gz")),
            ("pkg/app.tar.gz", (4, "app.tar.gz")),
            ("../app.tar.gz", (0, "../app.tar.gz")),
            ("/etc/app.tar.gz", (1, "etc/app.tar.gz")),
            ("/work/app.tar.gz", (2, "app.tar.gz")),
            ("/work/app/app.tar.gz", (3, "app.tar.gz")),
            ("/work/application", (2, "application")),
        ] {
            let found = resolve(path, &directories, None);
            assert_eq!(found, Some((expected.0, expected.1.to_owned())), "{path}");
        }
    }

    #[test]
    fn a_relative_path_begins_at_the_working_directory_if_no_directory_contains_it() {
        let found = resolve("pkg/app.tar.gz", &["/work"], Some("/work/project"));
        assert_eq!(found, Some((0, "project/pkg/app.tar.gz".to_owned())));
        assert_eq!(resolve("app.tar.gz", &["/work"], None), None);
        let root = Some((0, "pkg/app.tar.gz".to_owned()));
        assert_eq!(resolve("pkg/app.tar.gz", &["/"], None), root);
        assert_eq!(resolve("pkg/app.tar.gz", &["/", "/work"], Some("/")), root);
        assert_eq!(resolve("/etc/passwd", &["."], Some("/work")), None);
        assert_eq!(resolve("app.tar.gz", &[], Some("/")), None);
        // A directory is not a file, which its status tells.
        assert_eq!(resolve("pkg", &["pkg"], None), Some((0, ".".to_owned())));
        assert_eq!(resolve("pkg/app.tar.gz/", &["pkg"], None), Some((0, "app.tar.gz/".to_owned())));
    }

    #[test]
    fn a_parent_is_taken_if_it_stays_in_the_directory() {
        let found = resolve("pkg/../app.tar.gz", &[".", "pkg"], None);
        assert_eq!(found, Some((0, "pkg/../app.tar.gz".to_owned())));
        let out = resolve("pkg/../../app.tar.gz", &[".", "pkg"], None);
        assert_eq!(out, Some((1, "../../app.tar.gz".to_owned())), "the host refuses it");
    }
}
