//! On the board, programs are laid out as the linker script of `cortex-m-rt` says, in the memory that `memory.x` names.

use std::{env, fs, path::PathBuf};

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=memory.x");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "none") {
        let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
        fs::copy("memory.x", out.join("memory.x"))?;
        println!("cargo::rustc-link-search={}", out.display());
        println!("cargo::rustc-link-arg-bins=-Tlink.x");
    }
    Ok(())
}
