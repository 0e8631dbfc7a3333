//! Gives each board its memory layout and the linker's scripts.

use std::{env, fs, path::Path};

const BOARDS: [&str; 4] = ["nucleo-f429zi", "nucleo-f767zi", "nucleo-h743zi", "nucleo-h563zi"];

fn main() {
    println!("cargo:rerun-if-changed=memory");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let out = env::var("OUT_DIR").expect("cargo sets it");
    for board in BOARDS {
        let folder = Path::new(&out).join(board);
        fs::create_dir_all(&folder).expect("cargo's own folder can be written");
        fs::copy(format!("memory/{board}.x"), folder.join("memory.x")).expect("each board has its layout");
        println!("cargo:rustc-link-arg-bin={board}=-L");
        println!("cargo:rustc-link-arg-bin={board}={}", folder.display());
        for script in ["-Tlink.x", "-Tdefmt.x", "--nmagic", "--icf=all"] {
            println!("cargo:rustc-link-arg-bin={board}={script}");
        }
    }
}
