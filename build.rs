//! Build script.
fn main(){}
