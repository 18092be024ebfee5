"""Load: agents that call tools through the gateway, and programs that ask for decisions over the API.

Each call carries a number that no other has. What an answer said is noted; a connection that broke off said nothing.
"""

import hashlib
import http.client
import json
import threading
import time

BROKEN = (OSError, http.client.HTTPException, json.JSONDecodeError)
TIMEOUT_S = 60


class Told:
    """What all clients of one log were told, over all of its processes."""

    def __init__(self):
        self.lock = threading.Lock()
        self.number = 0
        self.asked = 0
        # Decision id -> (index, number, enforced) of an answer of the API.
        self.receipts = {}
        # Digest of a call's exact bytes, as a record has it -> number of the call.
        self.bodies = {}
        # Number of a call -> whether the tool's result came back; a refusal is `False`.
        self.calls = {}
        self.refusals = {}

    def next(self):
        with self.lock:
            self.number += 1
            self.asked += 1
            return self.number


class Load:
    """Clients on threads of their own, until `end`."""

    def __init__(self, service, token, told, deciders=4, agents=2, filler=0, pause=0.0):
        self.service, self.token, self.told, self.filler, self.pause = service, token, told, filler, pause
        self.ending = threading.Event()
        jobs = [self.decide] * deciders + [self.call] * agents
        self.threads = [threading.Thread(target=self.until_broken, args=(job,), daemon=True) for job in jobs]
        for thread in self.threads:
            thread.start()

    def until_broken(self, job):
        try:
            job()
        except BROKEN:
            pass

    def end(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def headers(self, more=()):
        return {"authorization": f"Bearer {self.token}", "content-type": "application/json", **dict(more)}

    def decide(self):
        connection = http.client.HTTPConnection(self.service.api, timeout=TIMEOUT_S)
        while not self.ending.is_set():
            number = self.told.next()
            args = {"id": str(number), "text": "x" * self.filler}
            action = {"kind": "tool.call", "server": "notes", "name": "get_note", "args": args}
            body = {"subject": {"agent": "soak"}, "session": f"s{number % 50}", "action": action}
            connection.request("POST", "/v1/decide", json.dumps(body), self.headers())
            answer = connection.getresponse()
            ruling = json.loads(answer.read())
            if answer.status == 200 and ruling.get("receipt"):
                receipt = (ruling["receipt"]["index"], number, ruling["enforced"])
                with self.told.lock:
                    self.told.receipts[ruling["id"]] = receipt
            else:
                self.refused(ruling)
            time.sleep(self.pause)

    def refused(self, answer):
        reasons = answer.get("reasons") or answer.get("error", {}).get("data", {}).get("reasons") or []
        names = {reason["policy"] for reason in reasons} or {answer.get("error", {}).get("code", "unknown")}
        with self.told.lock:
            for name in names:
                self.told.refusals[name] = self.told.refusals.get(name, 0) + 1

    def post(self, connection, message, session):
        more = [("accept", "application/json, text/event-stream")]
        if session:
            more += [("mcp-session-id", session), ("mcp-protocol-version", "2025-11-25")]
        body = json.dumps(message).encode()
        with self.told.lock:
            self.told.bodies["sha256:" + hashlib.sha256(body).hexdigest()] = message.get("id")
        connection.request("POST", self.service.mcp_path, body, self.headers(more))
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.getheader("content-type", "").startswith("text/event-stream"):
            lines = [line[5:] for line in text.splitlines() if line.startswith("data:")]
            found = [one for one in map(json.loads, filter(str.strip, lines)) if one.get("id") == message.get("id")]
            return answer, found[0] if found else {}
        return answer, json.loads(text) if text else {}

    def call(self):
        connection = http.client.HTTPConnection(self.service.mcp, timeout=TIMEOUT_S)
        info = {"name": "soak", "version": "1"}
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info}
        first = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        answer, _ = self.post(connection, first, None)
        session = answer.getheader("mcp-session-id")
        if not session:
            return
        self.post(connection, {"jsonrpc": "2.0", "method": "notifications/initialized"}, session)
        self.post(connection, {"jsonrpc": "2.0", "id": "list", "method": "tools/list"}, session)
        while not self.ending.is_set():
            number = self.told.next()
            place = self.service.home.workspace / f"{number}.txt"
            arguments = {"path": str(place), "content": "x" * self.filler}
            # One in ten goes where it may not: a refused call must leave no trace.
            if number % 10 == 0:
                arguments["path"] = str(self.service.home.forbidden / f"{number}.txt")
            params = {"name": "write_file", "arguments": arguments}
            call = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
            _, message = self.post(connection, call, session)
            done = "result" in message and not message["result"].get("isError")
            with self.told.lock:
                self.told.calls[number] = done
            if "error" in message:
                self.refused(message)
            time.sleep(self.pause)
