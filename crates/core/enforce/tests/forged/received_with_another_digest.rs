use holdshort_enforce::Received;

fn swap(mut received: Received<Vec<u8>>) -> Received<Vec<u8>> {
    received.payload = b"other bytes than the digest says".to_vec();
    received
}

fn main() {}
