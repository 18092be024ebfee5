"""`python -m unittest`, in the environment of `make eval-injection`."""
import json
import random
import unittest

import contexts
import features
import train


class Injection(unittest.TestCase):
    def test_committed_scores_are_those_of_the_committed_weights(self):
        weights, bias, knots = train.load()
        for row in json.loads(train.GOLDEN.read_text(encoding="utf-8")):
            raw = features.score(weights, bias, row["text"])
            self.assertEqual((row["raw"], row["percent"]), (raw, features.percent(knots, raw)), row["text"])

    def test_what_is_placed_stands_where_it_is_said_to(self):
        rng = random.Random(1)
        for _ in range(300):
            attack = contexts.attack(rng)
            context = contexts.record(rng)
            text, begin, end = contexts.place(rng, context, attack)
            escaped = json.dumps(attack, ensure_ascii=False)[1:-1]
            self.assertIn(escaped if context.startswith(("{", "[")) else attack, text[begin:end])

    def test_a_window_has_the_score_of_the_text_that_it_was_cut_from(self):
        weights, bias, _ = train.load()
        rng = random.Random(2)
        text = " ".join(contexts.record(rng) for _ in range(6))
        raw, first, last = features.worst(weights, bias, text)
        self.assertGreaterEqual(last - first + 1, min(features.WINDOWS))
        self.assertGreater(features.score(weights, bias, train.window_text(text, first, last)), raw - abs(raw) // 2)

    def test_percent_rises_between_the_knots(self):
        knots = [(-10, 0), (0, 20), (10, 50), (30, 90), (50, 99)]
        self.assertEqual([features.percent(knots, raw) for raw in (-99, -10, 5, 10, 20, 30, 49, 50, 99)], [0, 0, 35, 50, 70, 90, 98, 99, 99])


if __name__ == "__main__":
    unittest.main()
