//! The macros that make a test of each case of the list.

/// One module for each subject, one test for each case in it.
#[doc(hidden)]
#[macro_export]
macro_rules! each_case {
    (first $subject:path, $($module:ident: [$($case:ident),* $(,)?] once [$($once:ident),* $(,)?])+) => {
        $(
            mod $module {
                $($crate::case! { $subject, Ticks, $module, $case })*
                $($crate::case! { $subject, Ticks, $module, $once })*
            }
        )+
    };
    (second $subject:path, $($module:ident: [$($case:ident),* $(,)?] once [$($once:ident),* $(,)?])+) => {
        $(
            mod $module {
                $($crate::case! { $subject, Trades, $module, $case })*
            }
        )+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! case {
    ($subject:path, $tables:ident, $module:ident, $case:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::run_over($subject(), $crate::Tables::$tables, |f| Box::pin($crate::cases::$module::$case(f))).await;
        }
    };
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    fn sources(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).expect("the sources are there").flatten() {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, found);
            } else {
                found.push(fs::read_to_string(path).expect("a source is text"));
            }
        }
    }

    #[test]
    fn every_case_is_in_the_list() {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let list = include_str!("list.rs");
        let mut all = Vec::new();
        for folder in ["cases", "properties"] {
            sources(&home.join(folder), &mut all);
        }
        let mut cases = 0;
        for text in all {
            for line in text.split("\npub async fn ").skip(1) {
                let (name, rest) = line.split_once('(').expect("a function has parameters");
                if rest.trim_start().starts_with("f: &Fixture) ") || rest.trim_start().starts_with("f: &Fixture,\n)") {
                    assert!(list.contains(&format!(" {name},\n")), "{name} is not in list.rs");
                    cases += 1;
                }
            }
        }
        assert!(cases >= 45, "{cases} cases");
    }
}
