//! `sqlx::migrate!` embeds the files it finds; a new file must build this crate again.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations/postgres");
}
