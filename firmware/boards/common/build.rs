//! Where the linker finds the memory of the program for emulated boards, which have the same.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    for argument in ["-L", &format!("{here}/../qemu/memory/lm3s6965evb"), "-Tlink.x", "--nmagic"] {
        println!("cargo:rustc-link-arg-examples={argument}");
    }
}
