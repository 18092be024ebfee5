use holdshort_enforce::Permitted;

fn main() {
    let _: Permitted<Vec<u8>> = Default::default();
}
