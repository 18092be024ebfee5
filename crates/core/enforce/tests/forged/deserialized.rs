use holdshort_enforce::Permitted;

fn main() {
    let _: Permitted<String> = serde_json::from_str("{}").unwrap();
}
