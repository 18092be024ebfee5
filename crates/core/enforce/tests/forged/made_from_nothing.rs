use holdshort_enforce::Permitted;
use holdshort_model::{Receipt, RecordId};

fn main() {
    let _ = Permitted {
        payload: b"rm -rf /".to_vec(),
        decision: RecordId::from_parts(0, 0),
        session: "s".into(),
        receipt: Receipt { log: "log".into(), index: 0 },
    };
}
