use holdshort_enforce::Permitted;

fn send(permit: Permitted<Vec<u8>>) -> (Vec<u8>, Vec<u8>) {
    (permit.into_payload(), permit.into_payload())
}

fn main() {}
