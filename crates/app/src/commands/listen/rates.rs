//! How often one caller may ask, and how much of it at once.

use super::network::bucket;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Most connections of one caller at once, and most requests: whoever only holds them keeps nobody else out.
pub(super) const AT_ONCE_MAX: usize = 32;
/// Callers that are counted. Beyond them only those that are known are answered, until some have been quiet.
const CALLERS_MAX: usize = 16_384;

/// How often one caller may ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Requests that are answered without a pause.
    pub(crate) burst: f64,
    /// How many more of them a second.
    pub(crate) per_second: f64,
}

/// What each caller has left.
pub(super) struct Rates {
    rate: Rate,
    left: Mutex<HashMap<IpAddr, (f64, Instant)>>,
}

impl Rates {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, left: Mutex::default() }
    }

    /// Whether `caller` has something left of what it may ask; takes one of it.
    pub(super) fn admit(&self, caller: IpAddr, now: Instant) -> bool {
        let Rate { burst, per_second } = self.rate;
        let refilled = |(left, since): (f64, Instant)| {
            (left + now.saturating_duration_since(since).as_secs_f64() * per_second).min(burst)
        };
        let mut rates = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let caller = bucket(caller);
        if rates.len() >= CALLERS_MAX && !rates.contains_key(&caller) {
            rates.retain(|_, rate| refilled(*rate) < burst);
            if rates.len() >= CALLERS_MAX {
                return false;
            }
        }
        let rate = rates.entry(caller).or_insert((burst, now));
        let left = refilled(*rate);
        *rate = (if left >= 1.0 { left - 1.0 } else { left }, now);
        left >= 1.0
    }
}

/// Who is being served, and how often at once.
#[derive(Clone, Default)]
pub(super) struct Guests(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One that is counted until it is dropped.
pub(super) struct Guest {
    guests: Guests,
    caller: IpAddr,
}

impl Guests {
    /// `None` when the caller has enough of them.
    pub(super) fn enter(&self, caller: IpAddr) -> Option<Guest> {
        let caller = bucket(caller);
        let mut guests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = guests.entry(caller).or_default();
        if *count >= AT_ONCE_MAX {
            return None;
        }
        *count += 1;
        Some(Guest { guests: self.clone(), caller })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut guests = self.guests.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = guests.get_mut(&self.caller) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                guests.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_caller_does_not_take_every_seat() {
        let seats = Guests::default();
        let mut guests: Vec<Guest> = (0..2 * AT_ONCE_MAX).filter_map(|_| seats.enter(ip("192.0.2.1"))).collect();
        assert_eq!(guests.len(), AT_ONCE_MAX);
        assert!(seats.enter(ip("::ffff:192.0.2.1")).is_none(), "the same address");
        assert!(seats.enter(ip("192.0.2.2")).is_some());
        guests.pop();
        assert!(seats.enter(ip("192.0.2.1")).is_some());
        drop(guests);
        assert!(seats.0.lock().unwrap().is_empty(), "nothing is kept of who left");
    }

    #[test]
    fn what_was_used_up_comes_back_with_time_and_others_are_not_asked_to_wait() {
        let (rates, now) = (Rates::new(Rate { burst: 3.0, per_second: 2.0 }), Instant::now());
        let asked = |caller: &str, now| rates.admit(ip(caller), now);
        assert!((0..3).all(|_| asked("2001:db8::1", now)));
        assert!(!asked("2001:db8::2", now), "the same network");
        assert!(asked("2001:db8:0:1::1", now));
        let later = now + Duration::from_secs(1);
        assert!(asked("2001:db8::1", later) && asked("2001:db8::1", later) && !asked("2001:db8::1", later));
        // Time that went back gives nothing.
        assert!(!asked("2001:db8::1", now));
    }

    #[test]
    fn callers_beyond_number_do_not_take_memory_beyond_number() {
        let (rates, now) = (Rates::new(Rate { burst: 2.0, per_second: 1.0 }), Instant::now());
        let caller = |at: usize| IpAddr::V4(u32::try_from(at).unwrap().into());
        assert!((0..CALLERS_MAX).all(|at| rates.admit(caller(at), now)));
        assert!(!rates.admit(caller(CALLERS_MAX), now));
        assert!(rates.admit(caller(0), now), "who is known is answered");
        assert!(rates.admit(caller(CALLERS_MAX), now + Duration::from_secs(2)), "some were quiet");
        assert!(rates.left.lock().unwrap().len() < CALLERS_MAX);
    }
}
