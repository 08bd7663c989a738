//! No file of the project may name a package registry's host: machines reach registries through
//! mirrors of their own, and a fixed address breaks there.

use anyhow::{Context as _, bail};

use crate::{paths, process};

/// The hosts, in pieces, so that this file does not name them either.
const HOSTS: [&[&str]; 10] = [
    &["registry", "npmjs", "org"],
    &["registry", "yarnpkg", "com"],
    &["index", "crates", "io"],
    &["static", "crates", "io"],
    &["static", "rust-lang", "org"],
    &["deb", "debian", "org"],
    &["security", "debian", "org"],
    &["files", "pythonhosted", "org"],
    &["pypi", "org"],
    &["proxy", "golang", "org"],
];

/// Looks through every file that git has or would take.
pub fn check() -> anyhow::Result<()> {
    let files =
        process::output(process::command("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]))
            .context("cannot list the files of the project")?;
    let hosts: Vec<String> = HOSTS.iter().map(|pieces| pieces.join(".")).collect();
    let mut found = Vec::new();
    for file in files.split('\0').filter(|file| !file.is_empty()) {
        // A file that was deleted but not yet committed is still listed.
        let Ok(content) = std::fs::read(paths::root().join(file)) else { continue };
        let content = String::from_utf8_lossy(&content);
        if let Some(host) = named(&content, &hosts) {
            found.push(format!("{file} names {host}"));
        }
    }
    if !found.is_empty() {
        bail!("registry hosts in files of the project: {}", found.join(", "));
    }
    Ok(())
}

fn named<'a>(content: &str, hosts: &'a [String]) -> Option<&'a str> {
    hosts.iter().map(String::as_str).find(|host| content.contains(host))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_host_is_found_in_the_middle_of_a_text() {
        let hosts = [["registry", "example"].join("."), "other.example".to_owned()];
        let text = format!("\"resolved\": \"https://{}/x.tgz\"", hosts[0]);
        assert_eq!(super::named(&text, &hosts), Some(hosts[0].as_str()));
        assert_eq!(super::named("registry example", &hosts), None);
    }
}
