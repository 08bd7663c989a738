//! The pages one can go to: for the navigation, the jump box and the `g` shortcuts.

/// A page in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub name: &'static str,
    pub path: &'static str,
    /// The letter after `g`.
    pub key: char,
    pub group: Group,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Watch,
    Correct,
    SetUp,
}

impl Group {
    pub const ALL: [Self; 3] = [Self::Watch, Self::Correct, Self::SetUp];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Watch => "Watch",
            Self::Correct => "Correct",
            Self::SetUp => "Set up",
        }
    }
}

pub const PLACES: [Place; 8] = [
    Place { name: "Overview", path: "/", key: 'o', group: Group::Watch },
    Place { name: "Analysis", path: "/analysis", key: 'a', group: Group::Watch },
    Place { name: "Preview", path: "/preview", key: 'p', group: Group::Correct },
    Place { name: "New run", path: "/runs/new", key: 'n', group: Group::Correct },
    Place { name: "Runs", path: "/runs", key: 'r', group: Group::Correct },
    Place { name: "Unresolved", path: "/unresolved", key: 'u', group: Group::Correct },
    Place { name: "Prevention", path: "/prevention", key: 'k', group: Group::Correct },
    Place { name: "Rules", path: "/rules", key: 'l', group: Group::SetUp },
];

/// The place that a path belongs to: the longest that it begins with.
#[must_use]
pub fn place_of(path: &str) -> Option<Place> {
    if path.starts_with("/rollback/") {
        return PLACES.into_iter().find(|p| p.path == "/runs");
    }
    PLACES
        .into_iter()
        .filter(|p| path == p.path || (p.path != "/" && path.starts_with(&format!("{}/", p.path))))
        .max_by_key(|p| p.path.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_belongs_to_one_place() {
        let name = |path| place_of(path).map(|p| p.name);
        assert_eq!(name("/"), Some("Overview"));
        assert_eq!(name("/runs/new"), Some("New run"));
        assert_eq!(name("/runs/r-12345678"), Some("Runs"));
        assert_eq!(name("/rules/new"), Some("Rules"));
        assert_eq!(name("/rollback/r-12345678"), Some("Runs"));
        assert_eq!(name("/nowhere"), None);
    }

    #[test]
    fn shortcuts_are_unambiguous() {
        for (i, a) in PLACES.iter().enumerate() {
            assert!(PLACES[i + 1..].iter().all(|b| a.key != b.key), "{}", a.key);
        }
    }
}
