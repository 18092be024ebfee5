"""A running `holdshort serve` with a real MCP server behind it, and the questions that a test has for it."""

import http.client
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_S_MAX = 60
STOP_S_MAX = 60


class Failed(Exception):
    """Something that must not be."""


def ensure(holds, what):
    """Ends the soak unless `holds`."""
    if not holds:
        raise Failed(what)


def until(what, look, seconds=START_S_MAX):
    """What `look` finds, as soon as it finds something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found is not None:
            return found
        time.sleep(0.02)
    raise Failed(f"not within {seconds} s: {what}")


class Home:
    """A place with a configuration, a data directory, and a workspace that the MCP server writes to."""

    def __init__(self, binary, place, outside=None, keep_free="16 MiB"):
        self.binary, self.place = str(binary), pathlib.Path(place)
        self.data, self.config = self.place / "data", self.place / "holdshort.toml"
        # What the MCP server does happens elsewhere when the disk of `place` is the one that fails.
        self.forbidden = pathlib.Path(outside or place)
        self.workspace = self.forbidden / "work"
        self.workspace.mkdir(parents=True, exist_ok=True)
        server = ROOT / "testkit/node_modules/.bin/mcp-server-filesystem"
        self.config.write_text(
            f"""profile = "quickstart"
[log]
keep_free = {json.dumps(keep_free)}
[api]
listen = "127.0.0.1:0"
[mcp]
listen = "127.0.0.1:0"
workspace = {json.dumps(str(self.workspace))}
[[upstream]]
name = "files"
command = {json.dumps(str(server))}
args = [{json.dumps(str(self.forbidden))}]
"""
        )

    @property
    def log(self):
        return self.data / "log"

    def command(self, *words):
        own = [self.binary, *words, "--config", str(self.config), "--data", str(self.data)]
        return own

    def environment(self):
        keep = {name: value for name, value in os.environ.items() if not name.startswith("HOLDSHORT_")}
        return {**keep, "HOLDSHORT_LOG": "warn"}

    def run(self, *words):
        return subprocess.run(self.command(*words), env=self.environment(), capture_output=True, text=True, check=False)

    def ask(self, *words):
        """Output of a command that has to succeed, as JSON."""
        done = self.run(*words)
        ensure(done.returncode == 0, f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
        return json.loads(done.stdout)

    def verify(self, *more):
        """What `log verify` says, which has to be that the log is sound."""
        return self.ask("log", "verify", "--json", *more)

    def records(self):
        """Every record that is sealed, by its index."""
        done = self.run("log", "tail", "-n", "100000000", "--json")
        ensure(done.returncode == 0, f"log tail: {done.stderr.strip()}")
        lines = (json.loads(line) for line in done.stdout.splitlines())
        return {line["index"]: line.get("record") for line in lines}

    def token(self, name="soak"):
        """A token for the agent, which is made when it is not there."""
        done = self.run("agents", "add", name, "--class", "assistant", "--json")
        if done.returncode != 0:
            return self.ask("agents", "tokens", "create", name, "--json")["token"]
        return json.loads(done.stdout)["token"]


class Service:
    """One process. `with` kills it at the end, if nobody ended it before."""

    def __init__(self, home, environment=None):
        self.home = home
        where = home.data / "service.json"
        # What a killed predecessor left would be taken for this one's.
        where.unlink(missing_ok=True)
        self.said = open(home.place / "serve.err", "wb")
        environment = {**home.environment(), **(environment or {})}
        self.process = subprocess.Popen(
            home.command("serve"),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.said,
        )
        try:
            found = until("the service listens", lambda: self.look(where))
        except Failed:
            self.kill()
            raise
        self.api = urllib.parse.urlsplit(found["api"]).netloc
        mcp = urllib.parse.urlsplit(found["mcp"])
        self.mcp, self.mcp_path = mcp.netloc, f"{mcp.path}/files"
        self.admin = (home.data / "admin.token").read_text()

    def look(self, where):
        code = self.process.poll()
        ensure(code is None, f"serve ended with {code}: {self.stderr()}")
        try:
            return json.loads(where.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def stderr(self):
        return (self.home.place / "serve.err").read_text(errors="replace")[-2000:]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process.poll() is None:
            # A frozen one, or one that waits for its disk, goes as well.
            self.process.kill()
        self.process.wait()
        self.said.close()

    def stop(self):
        """Ends it as Ctrl-C does; its exit code."""
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired as error:
            raise Failed("the service does not end") from error
        self.said.close()
        return code

    def get(self, path):
        """Status and body of a question as the administrator."""
        connection = http.client.HTTPConnection(self.api, timeout=30)
        connection.request("GET", path, headers={"authorization": f"Bearer {self.admin}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def usage(self):
        """Resident bytes and open files."""
        pid = self.process.pid
        pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir(f"/proc/{pid}/fd"))
