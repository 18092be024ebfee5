"""Benign texts of our own writing, and how something is put into a benign text: the same way for attacks and for harmless sentences."""
import json
import re
from pathlib import Path

PHRASES = json.loads((Path(__file__).parent / "phrases.json").read_text(encoding="utf-8"))
NAMES = ("Ana Petrova", "Jonas Weber", "Mei Lin", "Omar Haddad", "Lucia Romano", "Tom Baker", "Ingrid Holm", "Ravi Nair", "Chloé Martin", "Diego Alvarez")
HOSTS = ("example.org", "mail.test", "northwind.example", "acme.example", "files.test", "contoso.example", "status.test")
WORDS = ("budget", "release", "invoice", "meeting", "pipeline", "report", "schedule", "contract", "backup", "survey", "shipment", "review", "database", "customer",
         "ticket", "deployment", "training", "holiday", "payroll", "warehouse", "sensor", "proposal", "design", "audit", "newsletter", "garden", "recipe", "museum")
VERBS = ("was updated", "is waiting for approval", "has been delivered", "will start on Monday", "failed with a timeout", "needs another look", "was moved to the archive",
         "is finished", "can be found in the shared folder", "costs less than expected", "has three open points", "was discussed with the team", "looks good to me")
ASKS = ("Could you send me the figures?", "Please let me know by tomorrow.", "Please review the attached file and reply with your comments.", "Can you forward this to the finance team?",
        "You will find the details below.", "Thanks for your help!", "Remember to update the list.", "Do not hesitate to call me.", "Please confirm the date.",
        "You must sign the form before Friday.", "Let me know what you think.", "We should follow the instructions of the supplier.", "Please do not share this outside the team.")
TOOLS = ("send_email", "create_file", "get_balance", "search_contacts", "http_request", "delete_event", "post_message")


def fill(rng, text):
    host = rng.choice(HOSTS)
    for slot, value in (("{mail}", f"{rng.choice(WORDS)}@{host}"), ("{url}", f"https://{host}/{rng.choice(WORDS)}"), ("{word}", rng.choice(WORDS)),
                        ("{tool}", rng.choice(TOOLS)), ("{amount}", f"{rng.randint(5, 9000)} EUR"), ("{account}", f"DE{rng.randint(10**9, 10**10)}")):
        text = text.replace(slot, value)
    return text


def _made(rng, choices):
    return " ".join(part for part in map(rng.choice, choices) if part)


def _order(rng, phrases):
    """One instruction to a model."""
    made = phrases.get("made", {})
    dice = rng.random()
    if "extract" in made and dice < 0.12:
        return _made(rng, made["extract"]) + rng.choice((".", "?", "", "!"))
    if "persona" in made and dice < 0.22:
        return _made(rng, made["persona"])
    if "report" in made and dice < 0.3:
        return f"{rng.choice(made['report'])} {rng.choice(phrases['goal'])}"
    if dice < 0.42:
        return " ".join(rng.sample(phrases["direct"], rng.choice((1, 1, 2))))
    goal = rng.choice(phrases["goal"])
    if made and dice < 0.75:
        return f"{_made(rng, made['override'])}{rng.choice((' ', '. ', ', ', '! '))}{rng.choice(made['obey'])} {goal}"
    return f"{rng.choice(phrases['override'])} {goal}"


def attack(rng):
    """An instruction to a model, of our own wording."""
    phrases = PHRASES["en" if rng.random() < 0.6 else rng.choice(sorted(PHRASES))]
    before, after = rng.choice(phrases["address"]), rng.choice(phrases["secrecy"])
    order = rng.choice(phrases["goal"]) if (before or after) and rng.random() < 0.08 else _order(rng, phrases)
    parts = [before if rng.random() < 0.75 else "", order, rng.choice(phrases["goal"]) if rng.random() < 0.15 else "", after]
    text = fill(rng, " ".join(part for part in parts if part))
    if rng.random() < 0.2:
        text = rng.choice(PHRASES["en"]["forms"]).format(text)
    dice = rng.random()
    return text.upper() if dice < 0.08 else text[0].upper() + text[1:] if dice < 0.8 else text


def harmless(rng):
    """What a person writes to a person, with the same words."""
    phrases = PHRASES["en" if rng.random() < 0.6 else rng.choice(sorted(PHRASES))]
    text = fill(rng, " ".join(rng.sample(phrases["benign"], min(len(phrases["benign"]), rng.choice((1, 2, 2, 3))))))
    return text.upper() if rng.random() < 0.06 else text


def sentence(rng):
    return rng.choice((lambda: f"The {rng.choice(WORDS)} {rng.choice(VERBS)}.", lambda: rng.choice(ASKS),
                       lambda: f"{rng.choice(NAMES)} says that the {rng.choice(WORDS)} {rng.choice(VERBS)}.", lambda: harmless(rng)))()


def paragraph(rng):
    return " ".join(sentence(rng) for _ in range(rng.randint(2, 6)))


def _person(rng):
    name = rng.choice(NAMES)
    return name, f"{name.split()[0].lower()}@{rng.choice(HOSTS)}"


def _date(rng):
    return f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}T{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:00Z"


def record(rng):
    """What a tool returns: mail, chat, calendar, search results, files, logs, tables, pages."""
    name, mail = _person(rng)
    other, other_mail = _person(rng)
    kind = rng.randrange(9)
    if kind == 0:
        return f"From: {mail}\nTo: {other_mail}\nSubject: {rng.choice(WORDS)} and {rng.choice(WORDS)}\nDate: {_date(rng)}\n\nHi {other.split()[0]},\n\n{paragraph(rng)}\n\nBest regards,\n{name}"
    if kind == 1:
        return json.dumps([{"id": rng.randint(1, 999), "sender": _person(rng)[1], "subject": f"{rng.choice(WORDS)} {rng.choice(WORDS)}", "body": paragraph(rng), "read": rng.random() < 0.5}
                           for _ in range(rng.randint(1, 3))], indent=rng.choice((None, 2)))
    if kind == 2:
        return "\n".join(f"[{_date(rng)}] {_person(rng)[0]}: {sentence(rng)}" for _ in range(rng.randint(3, 8)))
    if kind == 3:
        return json.dumps({"events": [{"title": f"{rng.choice(WORDS)} {rng.choice(WORDS)}", "start": _date(rng), "participants": [mail, other_mail], "description": sentence(rng)}]})
    if kind == 4:
        return "\n\n".join(f"{n + 1}. {rng.choice(WORDS).title()} {rng.choice(WORDS)}\nhttps://{rng.choice(HOSTS)}/{rng.choice(WORDS)}\n{sentence(rng)} {sentence(rng)}" for n in range(3))
    if kind == 5:
        return f"<html><head><title>{rng.choice(WORDS)}</title></head><body><h1>{rng.choice(WORDS).title()}</h1><p>{paragraph(rng)}</p><ul><li>{sentence(rng)}</li><li>{sentence(rng)}</li></ul></body></html>"
    if kind == 6:
        return "\n".join(f"{_date(rng)} {rng.choice(('INFO', 'WARN', 'ERROR'))} {rng.choice(WORDS)}.{rng.choice(WORDS)}: {rng.choice(VERBS)} id={rng.randint(1, 99999)}" for _ in range(6))
    if kind == 7:
        return "id,name,amount,note\n" + "\n".join(f"{rng.randint(1, 999)},{_person(rng)[0]},{rng.randint(1, 9999)}.00,{rng.choice(WORDS)} {rng.choice(VERBS)}" for _ in range(6))
    return f"# {rng.choice(WORDS).title()}\n\n{paragraph(rng)}\n\n## {rng.choice(WORDS).title()}\n\n- {sentence(rng)}\n- {sentence(rng)}\n\n{paragraph(rng)}"


WRAPPINGS = ("{}", "{}", "{}", "{}", "\n\n{}\n\n", "\n{}\n", "<!-- {} -->", "\n\n---\n{}\n---\n\n", "[{}]", "\n// {}\n", "\n# {}\n", "({})", '"{}"', "\nNote: {}\n", "\n> {}\n", "\n\n\n{}\n\n\n", "<p>{}</p>", "**{}**", "\nP.S. {}\n")


def excerpt(rng, text, least=200, most=900):
    """A stretch of a text, cut where a word ends."""
    want = rng.randint(least, most)
    if len(text) <= want:
        return text
    at = rng.randrange(len(text) - want)
    start = 0 if at < 20 else text.find(" ", at) + 1
    return text[start:start + want]


def place(rng, context, what):
    """Puts `what` into `context` at the end of a sentence, line or cell. Returns the text and where `what` begins and ends."""
    wrapped = rng.choice(WRAPPINGS).format(what)
    if context.lstrip().startswith(("{", "[")):
        wrapped = json.dumps(wrapped, ensure_ascii=False)[1:-1]
    spots = [match.end() for match in re.finditer(r"[.!?。]\s|\n|, |\. ", context)]
    dice = rng.random()
    at = len(context) if dice < 0.2 or not spots else 0 if dice < 0.27 else rng.choice(spots)
    left, right = context[:at], context[at:]
    joint = "" if not left or left[-1].isspace() else " "
    text = f"{left}{joint}{wrapped}{'' if not right or right[0].isspace() or wrapped.endswith(chr(10)) else ' '}{right}"
    begin = len(left) + len(joint)
    return text, begin, begin + len(wrapped)
