//! What a path belongs to, and with that, how somebody is turned away from it.

use amend_domain::Door;

/// A part of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// For everybody: health (load balancers have no account), assets (the same for all, and the
    /// sign-in page needs them), the two forms that make and end a session.
    Public,
    /// For everybody, but it knows who is signed in.
    Login,
    /// A page of the browser.
    Page,
    /// A server function of a page, and what else is for programs.
    Call,
    /// The compatibility API.
    Rest,
    /// Amend's own API.
    Api,
    /// A file to download.
    Download,
    /// The websocket.
    Live,
}

impl Area {
    /// By path alone. Everything that is not listed needs a caller.
    #[must_use]
    pub fn of(path: &str) -> Self {
        match path {
            "/health/live" | "/health/ready" | "/favicon.svg" | "/auth/sign-in" | "/auth/sign-out" => Self::Public,
            "/login" => Self::Login,
            "/live" => Self::Live,
            _ if path.starts_with("/pkg/") => Self::Public,
            _ if is_rest_health(path) => Self::Public,
            _ if path.starts_with("/api/v1/") => Self::Api,
            _ if path == "/api/etl" || path.starts_with("/api/etl/") => Self::Rest,
            _ if path.starts_with("/fn/") || path == "/api" || path.starts_with("/api/") => Self::Call,
            _ if path.starts_with("/export/") => Self::Download,
            _ => Self::Page,
        }
    }

    /// What the audit log says of requests to here that carry a session.
    #[must_use]
    pub const fn door(self) -> Door {
        match self {
            Self::Rest | Self::Api => Door::Rest,
            _ => Door::Browser,
        }
    }
}

/// `/api/etl/{rule}/health`, and nothing deeper.
fn is_rest_health(path: &str) -> bool {
    let mut parts = path.split('/').skip(1);
    parts.next() == Some("api")
        && parts.next() == Some("etl")
        && parts.next().is_some_and(|rule| !rule.is_empty())
        && parts.next() == Some("health")
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_listed_and_what_only_looks_like_it_is_closed() {
        for open in ["/health/live", "/health/ready", "/pkg/1a2b/amend.js", "/favicon.svg", "/auth/sign-in"] {
            assert_eq!(Area::of(open), Area::Public, "{open}");
        }
        assert_eq!(Area::of("/api/etl/asset-class-correction/health"), Area::Public);
        for (closed, area) in [
            ("/", Area::Page),
            ("/health", Area::Page),
            ("/pkg", Area::Page),
            ("/login/", Area::Page),
            ("/api/etl/health", Area::Rest),
            ("/api/etl//health", Area::Rest),
            ("/api/etl/x/health/execute", Area::Rest),
            ("/api/etl/x/y/health", Area::Rest),
            ("/api/etl/x/execute", Area::Rest),
            ("/api/v1/runs/r-1/pause", Area::Api),
            ("/api/v1", Area::Call),
            ("/fn/analyze", Area::Call),
            ("/api/unknown", Area::Call),
            ("/export/rows.csv", Area::Download),
            ("/live", Area::Live),
        ] {
            assert_eq!(Area::of(closed), area, "{closed}");
        }
    }
}
