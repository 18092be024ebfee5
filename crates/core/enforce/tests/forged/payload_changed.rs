use holdshort_enforce::Permitted;

fn change(mut permit: Permitted<Vec<u8>>) -> Permitted<Vec<u8>> {
    permit.payload.push(b'!');
    permit.payload().push(b'!');
    permit
}

fn main() {}
