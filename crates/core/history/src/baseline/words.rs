//! A score in words. Names come from agents and servers: cut short, and with nothing that could pass for other text.

use super::event::{BaselineEvent, Data, Place};

/// Reasons that a score names.
const REASONS_MAX: usize = 4;
/// Reasons that there can be at once.
const FOUND_MAX: usize = 12;
/// Points below which a reason is not worth words.
const POINTS_MIN: u8 = 20;
/// Longest name in a reason, in characters.
const NAME_CHARS_MAX: usize = 64;

/// Whose habits are compared.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose<'a> {
    Agent,
    Class(&'a str),
}

/// Which hours were never active.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hour {
    OfThisDay,
    OfAnyDay,
}

/// Why something is unusual. Numbers: the count of what it is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reason<'a> {
    Tool(u8),
    Place(Place<'a>, u8),
    Use(Place<'a>, u8),
    Data(Data<'a>, u8),
    Follows(u8),
    Bytes,
    Count,
    Drift,
    /// Which figure of the hour, and what it is.
    Pace(usize, u32),
    Hour(Hour),
}

/// Collects reasons; words are only made of those that are named.
pub(super) struct Why<'a> {
    whose: Whose<'a>,
    event: &'a BaselineEvent<'a>,
    found: [Option<(u8, Reason<'a>)>; FOUND_MAX],
    length: usize,
}

impl<'a> Why<'a> {
    pub(super) fn new(whose: Whose<'a>, event: &'a BaselineEvent<'a>) -> Self {
        Self { whose, event, found: [None; FOUND_MAX], length: 0 }
    }

    /// Gives the points back.
    pub(super) fn add(&mut self, points: u8, reason: Reason<'a>) -> u8 {
        if points >= POINTS_MIN
            && let Some(free) = self.found.get_mut(self.length)
        {
            *free = Some((points, reason));
            self.length += 1;
        }
        points
    }

    /// The strongest reasons; of equal ones the first that was found.
    pub(super) fn words(mut self) -> Vec<String> {
        self.found.sort_by_key(|found| std::cmp::Reverse(found.map_or(0, |(points, _)| points)));
        self.found.iter().flatten().take(REASONS_MAX).map(|(_, reason)| self.sentence(*reason)).collect()
    }

    fn sentence(&self, reason: Reason<'a>) -> String {
        let tool = name(self.event.tool.name);
        let who = match self.whose {
            Whose::Agent => "the agent".to_owned(),
            Whose::Class(class) => format!("the class `{}`", name(class)),
        };
        let seldom = |count: u8| if count == 0 { "not" } else { "rarely" };
        match reason {
            Reason::Tool(count) => format!("{who} has {} used `{tool}` so far", seldom(count)),
            Reason::Place(place, count) => format!("{who} has {} reached `{}` so far", seldom(count), name(place.name)),
            Reason::Use(Place { verb_name, name: place, .. }, count) => {
                format!("{who} has {} used `{tool}` for a {verb_name} at `{}` so far", seldom(count), name(place))
            }
            Reason::Data(data, count) => {
                let touched = if data.outward { "sent anything on with" } else { "touched" };
                format!("{who} has {} {touched} data marked `{}` so far", seldom(count), name(data.name))
            }
            Reason::Follows(count) if self.event.previous.name.is_empty() => {
                format!("{who} has {} begun with `{tool}` so far", seldom(count))
            }
            Reason::Follows(count) => {
                let before = name(self.event.previous.name);
                format!("{who} has {} used `{tool}` after `{before}` so far", seldom(count))
            }
            Reason::Bytes => format!("the arguments are much larger than is usual for `{tool}`"),
            Reason::Count => format!("it touches much more at once than is usual for `{tool}`"),
            Reason::Drift => "sizes have been above the usual ones for a while".to_owned(),
            Reason::Pace(which, count) => {
                let what = ["actions", "refusals", "destinations", "records"].get(which).copied().unwrap_or_default();
                format!("{count} {what} in this hour are more than usual")
            }
            Reason::Hour(Hour::OfThisDay) => {
                format!("{who} was not active at this hour on this day of the week so far")
            }
            Reason::Hour(Hour::OfAnyDay) => format!("{who} was not active at this hour of the day so far"),
        }
    }
}

fn name(text: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || (c.is_ascii_graphic() && c != '`') || c == ' ' { c } else { '?' };
    let mut name: String = text.chars().take(NAME_CHARS_MAX).map(plain).collect();
    if text.chars().nth(NAME_CHARS_MAX).is_some() {
        name.push_str("...");
    }
    name
}
