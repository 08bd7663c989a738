//! Who this process is, for the audit log and for leases.

use nix::unistd::{Pid, User, gethostname, getuid};

/// The operating system's name of whoever started this, or their number.
pub fn user_name() -> String {
    let uid = getuid();
    match User::from_uid(uid) {
        Ok(Some(user)) => user.name,
        Ok(None) | Err(_) => format!("uid-{uid}"),
    }
}

fn host_name() -> String {
    gethostname().map_or_else(|_| "unknown-host".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// This process in a lease: `HOST:PID:SALT`. The salt tells it from a later process with its number.
pub fn owner() -> String {
    format!("{}:{}:{:08x}", host_name(), std::process::id(), rand::random::<u32>())
}

/// Whether the process behind a lease is known to be gone: it was on this host, and its number is
/// free. Where that cannot be known, the lease has to run out.
pub fn is_gone(owner: &str) -> bool {
    let mut parts = owner.rsplitn(3, ':').skip(1);
    let pid = parts.next().and_then(|p| p.parse::<i32>().ok());
    let host = parts.next();
    match (host, pid) {
        (Some(host), Some(pid)) if host == host_name() && pid > 0 => {
            matches!(nix::sys::signal::kill(Pid::from_raw(pid), None), Err(nix::errno::Errno::ESRCH))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_of_this_host_can_be_known_to_be_gone() {
        assert!(!is_gone(&owner()));
        assert!(!is_gone("elsewhere:1:00"));
        assert!(!is_gone("whatever"));
        // The highest number that Linux gives is 2^22.
        assert!(is_gone(&format!("{}:{}:00", host_name(), i32::MAX)));
    }
}
