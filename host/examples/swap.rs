//! The filter of the blog post: swap of all hosts whose name has "foobar" in it.
//!
//! ```sh
//! cargo run -p collectd-tap --example swap
//! ```

use collectd_tap::Reader;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for item in Reader::new()? {
        let item = item?;
        if item.host().contains("foobar") && item.plugin() == "swap" {
            println!("{item}");
        }
    }
    Ok(())
}
