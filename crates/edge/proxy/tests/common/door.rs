//! A door between the threads of a test.

use std::sync::{Arc, Condvar, Mutex};

/// Opens when it is told to: for upstreams that must not answer too early.
#[derive(Clone, Default)]
pub struct Door(Arc<(Mutex<bool>, Condvar)>);

impl Door {
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub fn pass(&self) -> bool {
        let open = self.0.0.lock().unwrap();
        *self.0.1.wait_timeout_while(open, super::DEADLINE, |open| !*open).unwrap().0
    }
}
