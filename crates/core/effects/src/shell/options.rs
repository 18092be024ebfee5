//! Options of a program, read by a table of what they mean.
//!
//! A table is a text of items with spaces between: `NAMES[=|=?][:ACT]`. `NAMES` are letters and long names with commas,
//! `=` takes a value, `=?` may have one attached, `ACT` is a letter of [`Act`]. `#` allows `-20`. A leading `+` ends options
//! at the first operand; a leading `-` allows long names after one dash. Long names may be cut short, as GNU's parser does.

use crate::shell::word::Text;

/// What an option does besides changing how the program works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// `r`: reads the file that is its value.
    Reads,
    /// `w`: writes that file.
    Writes,
    /// `x`: runs something that this text does not tell.
    Runs,
    /// `s`: runs its value as shell text.
    Shell,
    /// `m`: the program touches more than its operands.
    Many,
    /// `u`: connects to its value.
    Connects,
    /// `d`: deletes what it would only read.
    Deletes,
    /// `t`: the folder that the operands go to.
    Target,
    /// `p`: stands in place of the first operand.
    Pattern,
    /// `i`: changes its operands in place.
    InPlace,
    /// `l`: leaves everything as it is.
    Looks,
    /// `c`: the folder that it works in.
    Folder,
    /// `o`: something that the program's own module knows.
    Own,
}

impl Act {
    fn of(letter: Option<char>) -> Option<Self> {
        Some(match letter? {
            'r' => Self::Reads,
            'w' => Self::Writes,
            'x' => Self::Runs,
            's' => Self::Shell,
            'm' => Self::Many,
            'u' => Self::Connects,
            'd' => Self::Deletes,
            't' => Self::Target,
            'p' => Self::Pattern,
            'i' => Self::InPlace,
            'l' => Self::Looks,
            'c' => Self::Folder,
            'o' => Self::Own,
            _ => return None,
        })
    }
}

/// An option that was given and means something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) act: Act,
    /// Its first name in the table.
    pub(super) name: &'static str,
    pub(super) value: Text,
}

/// Arguments taken apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) given: Vec<Given>,
    pub(super) operands: Vec<Text>,
    /// An option that the table does not have, or a word that may turn into one.
    pub(super) unknown: bool,
}

impl Options {
    /// Whether some option does this.
    pub(super) fn has(&self, act: Act) -> bool {
        self.given.iter().any(|given| given.act == act)
    }

    /// The value of the last option that does this.
    pub(super) fn value(&self, act: Act) -> Option<&Text> {
        self.given.iter().rev().find(|given| given.act == act).map(|given| &given.value)
    }

    /// Whether an option with this first name was given.
    pub(super) fn named(&self, name: &str) -> bool {
        self.given.iter().any(|given| given.name == name)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    None,
    Optional,
    Required,
}

#[derive(Clone, Copy)]
struct Item {
    name: &'static str,
    value: Value,
    act: Option<Act>,
}

/// Reads arguments by a table.
pub(super) fn read(table: &'static str, args: &[Text]) -> Options {
    let (early, single) = (table.starts_with('+'), table.starts_with('-'));
    let mut options = Options::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let text = arg.text.as_str();
        options.unknown |= arg.may_be_option();
        if text == "--" && !arg.is_open() {
            options.operands.extend(args.by_ref().cloned());
        } else if let Some(long) = text.strip_prefix("--") {
            options.long(table, long, arg, &mut args);
        } else if let Some(rest) = text.strip_prefix('-').filter(|rest| !rest.is_empty()) {
            let name = rest.split('=').next().unwrap_or_default();
            if single && exact(table, name).is_some() {
                options.long(table, rest, arg, &mut args);
            } else if exact(table, "#").is_some() && rest.bytes().all(|c| c.is_ascii_digit()) {
                // A number of lines.
            } else {
                options.short(table, rest, arg, &mut args);
            }
        } else if early {
            options.operands.push(arg.clone());
            options.operands.extend(args.by_ref().cloned());
        } else {
            options.operands.push(arg.clone());
        }
    }
    options
}

impl Options {
    fn long<'a>(&mut self, table: &'static str, text: &str, arg: &Text, args: &mut impl Iterator<Item = &'a Text>) {
        let (name, attached) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let mut matching: Vec<Item> = exact(table, name).into_iter().collect();
        if matching.is_empty() {
            // A name cut short; where several fit, each of them.
            matching =
                items(table).filter(|(names, _)| longs(names).any(|long| long.starts_with(name))).map(item).collect();
        }
        self.unknown |= matching.is_empty();
        let detached = attached.is_none() && matching.iter().any(|item| item.value == Value::Required);
        let value = match attached {
            Some(value) => arg.part(value),
            None if detached => args.next().cloned().unwrap_or_default(),
            None => Text::default(),
        };
        for item in matching {
            self.push(item, value.clone());
        }
    }

    fn short<'a>(&mut self, table: &'static str, text: &str, arg: &Text, args: &mut impl Iterator<Item = &'a Text>) {
        for (at, letter) in text.char_indices() {
            let Some(item) = exact(table, letter.encode_utf8(&mut [0; 4])) else {
                self.unknown = true;
                continue;
            };
            let rest = text.get(at + letter.len_utf8()..).unwrap_or_default();
            let value = match item.value {
                Value::None => Text::default(),
                Value::Optional => arg.part(rest),
                Value::Required if rest.is_empty() => args.next().cloned().unwrap_or_default(),
                Value::Required => arg.part(rest.strip_prefix('=').unwrap_or(rest)),
            };
            self.push(item, value);
            if item.value != Value::None {
                return;
            }
        }
    }

    fn push(&mut self, item: Item, value: Text) {
        if let Some(act) = item.act {
            self.given.push(Given { act, name: item.name, value });
        }
    }
}

fn items(table: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let table = table.strip_prefix(['+', '-']).unwrap_or(table);
    table.split_ascii_whitespace().map(|text| {
        let end = text.find(['=', ':']).unwrap_or(text.len());
        text.split_at(end)
    })
}

fn longs(names: &'static str) -> impl Iterator<Item = &'static str> {
    names.split(',').filter(|name| name.len() > 1)
}

fn item((names, rest): (&'static str, &'static str)) -> Item {
    let (rest, act) = rest.split_once(':').map_or((rest, None), |(rest, act)| (rest, act.chars().next()));
    let value = match rest {
        "" => Value::None,
        "=?" => Value::Optional,
        _ => Value::Required,
    };
    Item { name: names.split(',').next().unwrap_or_default(), value, act: Act::of(act) }
}

fn exact(table: &'static str, name: &str) -> Option<Item> {
    items(table).find(|(names, _)| names.split(',').any(|known| known == name)).map(item)
}

/// Whether some letter of an argument such as `-le` is an option that runs something.
pub(super) fn may_run(table: &'static str, arg: &str) -> bool {
    let letters = arg.strip_prefix('-').filter(|rest| !rest.starts_with('-')).unwrap_or_default();
    let runs =
        |letter: char| exact(table, letter.encode_utf8(&mut [0; 4])).is_some_and(|item| item.act == Some(Act::Runs));
    letters.chars().any(runs)
}

/// Whether a text is a table; `Err` is the item that is none.
#[cfg(test)]
pub(super) fn check(table: &'static str) -> Result<(), &'static str> {
    let mut seen: Vec<&str> = Vec::new();
    for (names, rest) in items(table) {
        let (value, act) = rest.split_once(':').map_or((rest, None), |(value, act)| (value, Some(act)));
        let act_is_known = act.is_none_or(|act| act.len() == 1 && Act::of(act.chars().next()).is_some());
        if !matches!(value, "" | "=" | "=?")
            || !act_is_known
            || names.split(',').any(|name| name.is_empty() || seen.contains(&name))
        {
            return Err(names);
        }
        seen.extend(names.split(','));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Text> {
        text.split(' ').map(Text::plain).collect()
    }

    #[test]
    fn forms() {
        let table = "r,recursive:m o,output=:w color=? n= checkpoint-action=:x";
        for (line, operands, given, unknown) in [
            ("-r a", "a", "r", false),
            ("-ro f a", "a", "r o=f", false),
            ("-of a", "a", "o=f", false),
            ("--output=f a", "a", "o=f", false),
            ("--output f a", "a", "o=f", false),
            ("--out f a", "a", "o=f", false),
            ("--checkpoint-a=x", "", "checkpoint-action=x", false),
            ("--color a", "a", "", false),
            ("-- -r", "-r", "", false),
            ("-n 5 -", "-", "", false),
            ("-z a", "a", "", true),
            ("--zzz a", "a", "", true),
        ] {
            let options = read(table, &words(line));
            let found: Vec<String> = options
                .given
                .iter()
                .map(|given| match given.value.text.as_str() {
                    "" => given.name.to_owned(),
                    value => format!("{}={value}", given.name),
                })
                .collect();
            let names: Vec<&str> = options.operands.iter().map(|operand| operand.text.as_str()).collect();
            assert_eq!(
                (names.join(" "), found.join(" "), options.unknown),
                (operands.into(), given.into(), unknown),
                "{line}"
            );
        }
        let early = read("+n=", &words("-n 1 a -n"));
        assert_eq!((early.operands.len(), early.unknown), (2, false));
        let single = read("-chdir= auto-approve:m", &words("-chdir=x -auto-approve destroy"));
        assert_eq!((single.operands.len(), single.has(Act::Many), single.unknown), (1, true, false));
    }
}
