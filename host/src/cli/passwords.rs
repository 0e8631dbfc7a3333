//! Files of passwords: read, read again, and looked at.

use std::path::Path;

use collectd_net::{SecurityLevel, Text};

use super::{Failure, note, say, shown, warn};
use crate::users::{Refresh, Users};

/// What is said to a security level without passwords.
const WITHOUT_PASSWORDS: &str = "this security level needs passwords: name a file with --auth-file";

/// Reads a password file, if there is one; this security level may need it.
pub(super) fn open(path: Option<&Path>, level: SecurityLevel) -> Result<Option<Users>, Failure> {
    let Some(path) = path else {
        return match level {
            SecurityLevel::None => Ok(None),
            _ => Err(Failure::Usage(WITHOUT_PASSWORDS.into())),
        };
    };
    let users = Users::open(path).map_err(|error| {
        Failure::Usage(format!("cannot read the passwords in {}: {error}", shown(path.as_os_str())))
    })?;
    if users.world_readable() {
        note(format_args!("the passwords in {} can be read by everybody on this machine", shown_path(&users)));
    }
    Ok(Some(users))
}

/// Reads a password file again if it has changed, and says so.
pub(super) fn refresh(users: &mut Option<Users>) {
    let Some(users) = users else { return };
    match users.refresh() {
        Refresh::Same => {}
        Refresh::Read(count) => say(format_args!("read {count} users again from {}", shown_path(users))),
        Refresh::Failed(error) => {
            warn(format_args!("cannot read {} again: {error}; the users stay as they were", shown_path(users)));
        }
    }
}

fn shown_path(users: &Users) -> Text<'_> {
    shown(users.path().as_os_str())
}

/// What is wrong with a password file and a security level, which these settings name.
#[cfg(feature = "config")]
pub(super) fn check(
    (file_setting, path): (&'static str, Option<&Path>),
    (level_setting, level): (&'static str, SecurityLevel),
) -> Vec<super::check::Finding> {
    use super::check::Finding;

    let Some(path) = path else {
        let without = (level != SecurityLevel::None).then_some(WITHOUT_PASSWORDS);
        return without.into_iter().map(|message| Finding::error(level_setting, message)).collect();
    };
    let users = match Users::open(path) {
        Ok(users) => users,
        Err(error) => return vec![Finding::error(file_setting, error.to_string())],
    };
    let name = shown(path.as_os_str());
    let warnings = [
        (users.is_empty(), format!("there is no user in {name}")),
        (users.world_readable(), format!("the passwords in {name} can be read by everybody on this machine")),
    ];
    let warnings = warnings.into_iter().filter(|(is_so, _)| *is_so);
    warnings.map(|(_, message)| Finding::warning(file_setting, message)).collect()
}
