//! Files of users and passwords.

use std::{
    fmt::Display,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
};

use tempfile::TempDir;

/// The password of every user who has the right one.
pub const PASSWORD: &str = "secret of all";

/// An AuthFile of a test, and the directory that it is alone in.
#[derive(Debug)]
pub struct AuthFile {
    path: PathBuf,
    _directory: TempDir,
}

impl AuthFile {
    /// Makes a file with these users, all with [`PASSWORD`], that nobody else may read.
    pub fn new(users: impl IntoIterator<Item: Display>) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory is to be had");
        let file = Self { path: directory.path().join("auth"), _directory: directory };
        file.write("");
        fs::set_permissions(&file.path, Permissions::from_mode(0o600)).expect("the file is ours");
        file.write(&users.into_iter().map(|user| format!("{user}: {PASSWORD}\n")).collect::<String>());
        file
    }

    /// Replaces what is in it.
    pub fn write(&self, text: &str) {
        fs::write(&self.path, text).expect("the directory is ours");
    }

    /// Where it is.
    pub fn path(&self) -> &str {
        self.path.to_str().expect("temporary directories have names in UTF-8")
    }
}
