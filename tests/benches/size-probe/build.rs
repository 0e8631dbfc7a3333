//! Hands the linker our script, and where it is to put what.

use std::env;

fn main() {
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    // Any memory will do unless it is run.
    let riscv = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "riscv32");
    let run = env::var_os("CARGO_FEATURE_RUN").is_some();
    let [start, code, data] =
        if run && riscv { [0x8000_0000_u32, 0x8001_0000, 0x8040_0000] } else { [0, 0x1_0000, 0x2000_0000] };
    for argument in [format!("START={start}"), format!("CODE={code}"), format!("DATA={data}")] {
        println!("cargo::rustc-link-arg-bins=--defsym={argument}");
    }
    println!("cargo::rustc-link-arg-bins=-T{here}/link.x");
    println!("cargo::rerun-if-changed=link.x");
}
