use holdshort_enforce::Permitted;

fn twice(permit: &Permitted<Vec<u8>>) -> Permitted<Vec<u8>> {
    permit.clone()
}

fn main() {}
