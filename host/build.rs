//! Compresses the files of the page, which are served as they lie in the program.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "web")]
    page::compress("src/web/page".as_ref(), std::env::var_os("OUT_DIR").ok_or("cargo says where")?.as_ref())?;
    Ok(())
}

#[cfg(feature = "web")]
mod page {
    use std::fs::{self, File};
    use std::io::{self, Write as _};
    use std::path::Path;

    use flate2::{Compression, write::GzEncoder};

    /// Compresses every file of a folder, and of those in it, into another: `app.js` becomes `app.js.gz`.
    pub(super) fn compress(from: &Path, to: &Path) -> io::Result<()> {
        println!("cargo::rerun-if-changed={}", from.display());
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let mut name = entry.file_name();
            if entry.file_type()?.is_dir() {
                compress(&entry.path(), &to.join(name))?;
                continue;
            }
            name.push(".gz");
            let mut compressed = GzEncoder::new(File::create(to.join(name))?, Compression::best());
            compressed.write_all(&fs::read(entry.path())?)?;
            compressed.finish()?;
        }
        Ok(())
    }
}
