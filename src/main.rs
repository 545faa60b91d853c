//! The `hoist` binary: parse, run, exit code.

fn main() -> std::process::ExitCode {
    hoist::cli::main()
}
