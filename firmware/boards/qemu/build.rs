//! Where the linker finds the memory of each board.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=memory");
    // On a PC there is nothing to link.
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    for board in ["lm3s6965evb", "mps2-an386"] {
        for argument in ["-L", &format!("{here}/memory/{board}"), "-Tlink.x", "-Tdefmt.x", "--nmagic"] {
            println!("cargo:rustc-link-arg-bin={board}={argument}");
        }
    }
}
