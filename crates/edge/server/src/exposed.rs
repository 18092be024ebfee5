//! Figures of others that `/metrics` shows beside those of the service.

use crate::Service;
use std::sync::{Mutex, PoisonError};

type Figures = Box<dyn Fn(&mut String) + Send + Sync>;

/// What writes them.
#[derive(Default)]
pub(crate) struct Exposed(Mutex<Vec<Figures>>);

impl Exposed {
    pub(crate) fn render(&self, out: &mut String) {
        let figures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        figures.iter().for_each(|write| write(out));
    }
}

impl Service {
    /// Shows these figures from now on. They are appended to a text in the Prometheus format, whenever somebody asks:
    /// nothing in them may wait.
    pub fn expose(&self, figures: impl Fn(&mut String) + Send + Sync + 'static) {
        self.exposed.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(figures));
    }
}
