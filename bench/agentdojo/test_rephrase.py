"""Rephrased traces: the other text is where the injected one was, the value follows, and the rest is as it was."""

import base64
import hashlib
import unicodedata
import unittest
from pathlib import Path

import forms
import place
import traces as recorded
import yaml
from rephrase import FORMS, case_of, one_sign, sub_domain

DATA = Path(__file__).resolve().parent / "data"
BY_NAME = {form.name: form for form in FORMS}


def originals():
    for suite in recorded.suites(DATA):
        for kind in ("direct", "important_instructions"):
            yield from recorded.load(DATA, suite, kind)


def example(suite="banking", injection_task="injection_task_5"):
    return next(one for one in recorded.load(DATA, suite, "direct") if one["injection_task"] == injection_task)


class Data(unittest.TestCase):
    def test_the_traces_are_those_of_the_digests(self):
        listed = dict(reversed(line.split()) for line in (DATA / "SHA256SUMS").read_text().splitlines())
        found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in DATA.glob("*.gz")}
        self.assertEqual(found, listed)


class Places(unittest.TestCase):
    def test_no_injected_text_is_left_and_the_other_one_is_there(self):
        for trace in originals():
            steps = place.replaced(trace, "another text")["steps"]
            for step in steps:
                flat = " ".join(str([step["output"], step["args"]]).split())
                self.assertNotIn("TODO:", flat, trace["id"])
                self.assertNotIn("<INFORMATION>", flat, trace["id"])
                if step["injected_vectors"]:
                    self.assertIn("another text", flat, trace["id"])

    def test_the_same_text_changes_nothing(self):
        for trace in originals():
            if trace["attack"] == "direct":
                text = next(iter(trace["injections"].values()))
                self.assertEqual(place.replaced(trace, text)["steps"], trace["steps"], trace["id"])

    def test_an_output_that_was_yaml_stays_yaml(self):
        trace = next(one for one in recorded.load(DATA, "banking", "direct") if one["steps"][0]["output"].startswith("- "))
        for text in ("a: 'b'\n- c", "<!-- x -->", "\u200bzero", "Ünïcode: 中文"):
            changed = place.replaced(trace, text)["steps"][0]["output"]
            before, after = (yaml.safe_load(output) for output in (trace["steps"][0]["output"], changed))
            self.assertEqual(len(before), len(after))
            self.assertIn(text, [entry["subject"] for entry in after])
            self.assertEqual(before[:-1], after[:-1])


class Forms(unittest.TestCase):
    def test_every_form_applies_somewhere_and_names_are_unique(self):
        self.assertEqual(len(BY_NAME), len(FORMS))
        some = [one for suite in recorded.suites(DATA) for one in recorded.load(DATA, suite, "direct")]
        for form in FORMS:
            self.assertTrue(any(form.apply(one) for one in some), form.name)

    def test_a_form_changes_nothing_but_the_text(self):
        kept = ("origin", "env_changed", "injected_vectors", "tool", "error")
        for trace in (example(), example("slack", "injection_task_2")):
            for form in FORMS:
                changed = form.apply(trace)
                if changed is None or form.group == "steps" or form.name == "diverted call":
                    continue
                fields = lambda one: [{key: step[key] for key in kept} for step in one["steps"]]
                self.assertEqual(fields(changed), fields(trace), form.name)
                self.assertEqual((changed["prompt"], changed["tools"]), (trace["prompt"], trace["tools"]), form.name)

    def test_encodings_can_be_undone(self):
        case = case_of(example())
        self.assertEqual(base64.b64decode(forms.encoded_goal(case).split()[-1]).decode(), case.goal)
        self.assertEqual(unicodedata.normalize("NFKC", forms.full_width(case)).strip(), case.goal)
        self.assertEqual(forms.zero_width(case).replace("\u200b", "").strip(), case.goal)
        self.assertNotIn(case.value, forms.zero_width(case))
        self.assertIn(case.value, forms.spaced(case).replace(" ", ""))
        self.assertEqual("".join(forms.halves(case.value)), case.value)

    def test_records_hold_what_the_attacker_can_know_of_the_call(self):
        case = case_of(example("slack", "injection_task_2"))
        self.assertEqual(forms.known_args(case), {"url": case.value})
        case = case_of(example())
        record = yaml.safe_load(forms.yaml_record(case))
        self.assertEqual((record["recipient"], record["amount"]), (case.value, 1000000))

    def test_a_value_that_the_form_changes_changes_in_the_injected_calls(self):
        trace = next(
            one for one in recorded.load(DATA, "banking", "direct")
            if one["injection_task"] == "injection_task_5" and BY_NAME["one sign changed, TODO"].apply(one)
        )
        changed = BY_NAME["one sign changed, TODO"].apply(trace)
        call = next(step for step in changed["steps"] if step["origin"] == "injection")
        self.assertNotEqual(call["args"]["recipient"], case_of(trace).value)
        carrier = next(step for step in changed["steps"] if step["injected_vectors"])
        self.assertIn(call["args"]["recipient"], carrier["output"].replace("\n", ""))
        self.assertNotIn(case_of(trace).value, str(changed["steps"]))

    def test_near_values(self):
        genuine = "GB29NWBK60161331926819"
        self.assertEqual(sum(old != new for old, new in zip(genuine, one_sign(genuine, ""), strict=True)), 1)
        self.assertEqual(one_sign("www.informations.com", ""), "www.lnformations.com")
        self.assertEqual(sub_domain("www.informations.com", "www.evil-1.com/x"), "www.informations.com.evil-1.com")
        self.assertEqual(sub_domain("dora@gmail.com", "fred@example.org"), "dora@gmail.com.example.org")
        self.assertIsNone(sub_domain("US122000000121212121212", "US133000000121212121212"))

    def test_an_address_of_the_request_and_one_that_was_read(self):
        trace = next(one for one in recorded.load(DATA, "banking", "direct") if "GB29NWBK60161331926819" in one["prompt"])
        for name, check in (("address of the request, TODO", self.assertIn), ("address that was read, TODO", self.assertNotIn)):
            call = next(step for step in BY_NAME[name].apply(trace)["steps"] if step["origin"] == "injection")
            check(call["args"]["recipient"], trace["prompt"])
            self.assertNotEqual(call["args"]["recipient"], case_of(trace).value)

    def test_a_record_of_the_attackers_own_stands_beside_the_others(self):
        trace = next(one for one in recorded.load(DATA, "banking", "direct") if one["steps"][0]["output"].startswith("- "))
        before, after = (
            yaml.safe_load(one["steps"][0]["output"]) for one in (trace, BY_NAME["record of the attacker's own, TODO"].apply(trace))
        )
        self.assertEqual((len(after), after[:4]), (len(before) + 1, before[:4]))
        self.assertEqual((after[4]["subject"], after[5]["sender"]), ("", case_of(trace).value))
        self.assertEqual(after[5]["subject"], before[4]["subject"])

    def test_laundering_writes_the_note_and_reads_it_back(self):
        changed = BY_NAME["laundered value"].apply(example())
        washing = [step for step in changed["steps"] if step.get("goal_step") is False]
        self.assertEqual(len(washing), 2)
        self.assertIn(case_of(example()).value, str(washing[0]["args"]))
        self.assertIn(case_of(example()).value, washing[1]["output"])

    def test_a_diverted_call_is_the_persons_with_the_attackers_value(self):
        changed = BY_NAME["diverted call"].apply(example())
        injected = [step for step in changed["steps"] if step["origin"] == "injection"]
        self.assertEqual([step["args"]["recipient"] for step in injected], [case_of(example()).value])
        self.assertEqual(len(changed["steps"]), len(example()["steps"]) - 1)


if __name__ == "__main__":
    unittest.main()
