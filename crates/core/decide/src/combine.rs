//! Many voices, one answer.

use holdshort_model::{Effect, Mode, Standing};

/// What one source says, of those that may be only observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voice {
    /// What it asks for.
    pub effect: Effect,
    /// Whether it is enforced.
    pub mode: Mode,
}

/// Everything that has a say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// What the subject may still do.
    pub standing: Standing,
    /// False: a policy failed, none is loaded, or something that has to be known is not. Never only observed.
    pub sound: bool,
    /// What policies, pins and settings ask for.
    pub asked: Vec<Voice>,
    /// `None` when grants cover every effect; else how the lack is treated.
    pub lacking: Option<Mode>,
}

/// The answer: what is decided, and what is carried out. `enforced` is never stricter than `effect`.
pub fn combine(heard: &Heard) -> (Effect, Effect) {
    let strictest = |enforced_only: bool| {
        let counts = |mode: Mode| !enforced_only || mode == Mode::Enforce;
        let asked = heard.asked.iter().filter(|voice| counts(voice.mode)).map(|voice| voice.effect).max();
        let covered = !heard.lacking.is_some_and(counts);
        answer(heard.standing, heard.sound, asked.unwrap_or(Effect::Allow), covered)
    };
    (strictest(false), strictest(true))
}

// INVARIANT: total, and `Allow` in exactly one arm. Read from the top: the first arm that fits decides.
fn answer(standing: Standing, sound: bool, asked: Effect, covered: bool) -> Effect {
    match (standing, sound, asked, covered) {
        (Standing::Isolated | Standing::Terminated, _, _, _) => Effect::Deny,
        (Standing::Active | Standing::Narrowed, _, Effect::Deny, _) => Effect::Deny,
        (Standing::Active | Standing::Narrowed, false, _, _) => Effect::Deny,
        (Standing::Active | Standing::Narrowed, true, Effect::Ask | Effect::Allow, false) => Effect::Deny,
        (Standing::Active | Standing::Narrowed, true, Effect::Ask, true) => Effect::Ask,
        (Standing::Active | Standing::Narrowed, true, Effect::Allow, true) => Effect::Allow,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heard(standing: Standing, sound: bool, asked: &[(Effect, Mode)], lacking: Option<Mode>) -> Heard {
        let asked = asked.iter().map(|(effect, mode)| Voice { effect: *effect, mode: *mode }).collect();
        Heard { standing, sound, asked, lacking }
    }

    #[test]
    fn answers() {
        use Effect::{Allow, Ask, Deny};
        use Mode::{Enforce, Observe};
        use Standing::{Active, Isolated, Narrowed, Terminated};
        for (heard, effect, enforced) in [
            (heard(Active, true, &[], None), Allow, Allow),
            (heard(Narrowed, true, &[], None), Allow, Allow),
            (heard(Active, true, &[(Ask, Enforce)], None), Ask, Ask),
            (heard(Active, true, &[(Ask, Observe)], None), Ask, Allow),
            (heard(Active, true, &[(Ask, Enforce), (Deny, Observe)], None), Deny, Ask),
            (heard(Active, true, &[(Deny, Enforce)], None), Deny, Deny),
            (heard(Active, true, &[(Ask, Enforce)], Some(Enforce)), Deny, Deny),
            (heard(Active, true, &[(Ask, Enforce)], Some(Observe)), Deny, Ask),
            (heard(Active, true, &[], Some(Observe)), Deny, Allow),
            (heard(Active, false, &[], None), Deny, Deny),
            (heard(Active, false, &[(Ask, Observe)], Some(Observe)), Deny, Deny),
            (heard(Isolated, true, &[], None), Deny, Deny),
            (heard(Terminated, true, &[], None), Deny, Deny),
        ] {
            assert_eq!(combine(&heard), (effect, enforced), "{heard:?}");
        }
    }

    fn effects() -> impl Strategy<Value = Effect> {
        prop::sample::select(vec![Effect::Allow, Effect::Ask, Effect::Deny])
    }

    fn modes() -> impl Strategy<Value = Mode> {
        prop::sample::select(vec![Mode::Observe, Mode::Enforce])
    }

    fn any_heard() -> impl Strategy<Value = Heard> {
        let standings = vec![Standing::Active, Standing::Narrowed, Standing::Isolated, Standing::Terminated];
        let voices = prop::collection::vec((effects(), modes()), 0..6);
        (prop::sample::select(standings), any::<bool>(), voices, prop::option::of(modes()))
            .prop_map(|(standing, sound, asked, lacking)| heard(standing, sound, &asked, lacking))
    }

    proptest! {
        #[test]
        fn a_restriction_never_widens(before in any_heard(), effect in effects(), mode in modes()) {
            let mut after = before.clone();
            after.asked.push(Voice { effect, mode });
            let (was, is) = (combine(&before), combine(&after));
            prop_assert!(is.0 >= was.0 && is.1 >= was.1);
            for worse in [
                Heard { standing: Standing::Isolated, ..before.clone() },
                Heard { sound: false, ..before.clone() },
                Heard { lacking: Some(Mode::Enforce), ..before.clone() },
            ] {
                let is = combine(&worse);
                prop_assert!(is.0 >= was.0 && is.1 >= was.1);
            }
        }

        #[test]
        fn order_does_not_matter(heard in any_heard(), seed in any::<prop::sample::Index>()) {
            let mut other = heard.clone();
            other.asked.reverse();
            let middle = if other.asked.is_empty() { 0 } else { seed.index(other.asked.len()) };
            other.asked.rotate_left(middle);
            prop_assert_eq!(combine(&heard), combine(&other));
        }

        #[test]
        fn observing_changes_what_is_enforced_only(heard in any_heard()) {
            let mut observed = heard.clone();
            for voice in &mut observed.asked {
                voice.mode = Mode::Observe;
            }
            prop_assert_eq!(combine(&heard).0, combine(&observed).0);
            prop_assert!(combine(&observed).1 <= combine(&heard).1);
            prop_assert!(combine(&heard).1 <= combine(&heard).0);
        }
    }
}
