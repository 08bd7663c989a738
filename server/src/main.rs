use std::process::ExitCode;

fn main() -> ExitCode {
    amend_server::cli::main()
}
