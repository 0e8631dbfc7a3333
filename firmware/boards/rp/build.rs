//! Gives each board its memory layout and the linker's scripts.

use std::{env, fs, path::Path};

const BOARDS: [(&str, &[&str]); 2] = [
    ("w5500-evb-pico", &["-Tlink.x", "-Tlink-rp.x", "-Tdefmt.x", "--nmagic", "--icf=all"]),
    ("w5500-evb-pico2", &["-Tlink.x", "-Tdefmt.x", "--nmagic", "--icf=all"]),
];

fn main() {
    println!("cargo:rerun-if-changed=memory");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let out = env::var("OUT_DIR").expect("cargo sets it");
    for (board, arguments) in BOARDS {
        let folder = Path::new(&out).join(board);
        fs::create_dir_all(&folder).expect("cargo's own folder can be written");
        fs::copy(format!("memory/{board}.x"), folder.join("memory.x")).expect("each board has its layout");
        println!("cargo:rustc-link-arg-bin={board}=-L");
        println!("cargo:rustc-link-arg-bin={board}={}", folder.display());
        for argument in arguments {
            println!("cargo:rustc-link-arg-bin={board}={argument}");
        }
    }
}
