#!/usr/bin/env python3
"""A scripted MCP client on the official Python SDKs. What it saw goes to stdout as JSON.

client.py --sdk mcp|fastmcp [--era auto|legacy|2026-07-28] [--token T] --script FILE|JSON --url URL
client.py --sdk mcp|fastmcp [...]                                       --script FILE|JSON --command PROGRAM ARG...

Takes the scripts of client.mjs (testkit/scripts/README.md) and answers what servers ask in the same way.
"""

import argparse
import asyncio
import json
import os
import sys
import warnings
from contextlib import asynccontextmanager

import mcp_types as types
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel

ROOT = types.Root(uri="file:///testkit/root", name="testkit")
WAIT_S = 5.0
# The operations of sessions are deprecated since 2026-07-28, and used here on purpose.
warnings.simplefilter("ignore", DeprecationWarning)


def plain(value):
    """A result as it would be on the wire."""
    if isinstance(value, BaseModel):
        return value.model_dump(by_alias=True, mode="json", exclude_unset=True)
    return value


def fill(schema):
    """A value for each property of a form."""

    def value(form):
        if "default" in form:
            return form["default"]
        if "enum" in form:
            return form["enum"][0]
        if "oneOf" in form:
            return form["oneOf"][0]["const"]
        return {"string": "testkit", "boolean": True, "integer": 1, "number": 1.5, "array": []}.get(form.get("type"))

    return {key: value(form) for key, form in (schema or {}).get("properties", {}).items()}


class Seen:
    """What servers asked and told, and waiting for it."""

    def __init__(self):
        self.asked = []
        self.notifications = []

    def ask(self, method, params):
        self.asked.append({"method": method, "params": plain(params)})

    async def message(self, message):
        if isinstance(message, BaseModel) and str(getattr(message, "method", "")).startswith("notifications/"):
            self.notifications.append(plain(message))

    async def until(self, done):
        async with asyncio.timeout(WAIT_S):
            while not done():
                await asyncio.sleep(0.005)


class Mcp:
    """The `mcp` package."""

    def __init__(self, wants, seen):
        self.wants, self.seen = wants, seen

    @asynccontextmanager
    async def connect(self):
        import httpx2
        from mcp import Client, StdioServerParameters
        from mcp.client.streamable_http import streamable_http_client

        async def sample(_context, params):
            self.seen.ask("sampling/createMessage", params)
            content = types.TextContent(type="text", text="sampled by testkit")
            return types.CreateMessageResult(role="assistant", model="testkit", stop_reason="endTurn", content=content)

        async def elicit(_context, params):
            self.seen.ask("elicitation/create", params)
            return types.ElicitResult(action="accept", content=fill(plain(params).get("requestedSchema")))

        async def roots(_context):
            self.seen.ask("roots/list", None)
            return types.ListRootsResult(roots=[ROOT])

        wants = self.wants
        if wants.url is None:
            server = StdioServerParameters(command=wants.command[0], args=wants.command[1:], env=dict(os.environ))
        elif wants.token is None:
            server = wants.url
        else:
            http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {wants.token}"}, timeout=30)
            server = streamable_http_client(wants.url, http_client=http)
        callbacks = {"sampling_callback": sample, "elicitation_callback": elicit, "list_roots_callback": roots}
        async with Client(server, mode=wants.era, message_handler=self.seen.message, **callbacks) as client:
            self.client = client
            yield client.session

    async def list(self, what):
        names = {"tools": "list_tools", "resources": "list_resources", "templates": "list_resource_templates"}
        return await getattr(self.client, names.get(what, "list_prompts"))()

    async def call(self, name, arguments, progress, timeout_s):
        return await self.client.call_tool(name, arguments, timeout_s, progress)

    async def read(self, uri):
        return await self.client.read_resource(uri)

    async def prompt(self, name, arguments):
        return await self.client.get_prompt(name, arguments)

    async def complete(self, ref, argument):
        return await self.client.complete(ref, argument)


class FastMcp:
    """The `fastmcp` package."""

    def __init__(self, wants, seen):
        self.wants, self.seen = wants, seen

    @asynccontextmanager
    async def connect(self):
        from fastmcp import Client
        from fastmcp.client.elicitation import ElicitResult
        from fastmcp.client.transports import StdioTransport, StreamableHttpTransport

        async def sample(_messages, params, _context):
            self.seen.ask("sampling/createMessage", params)
            return "sampled by testkit"

        async def elicit(_message, _response_type, params, _context):
            self.seen.ask("elicitation/create", params)
            return ElicitResult(action="accept", content=fill(plain(params).get("requestedSchema")))

        wants = self.wants
        if wants.url is None:
            transport = StdioTransport(wants.command[0], wants.command[1:], env=dict(os.environ), keep_alive=False)
        else:
            transport = StreamableHttpTransport(wants.url, auth=wants.token)
        callbacks = {"sampling_handler": sample, "elicitation_handler": elicit, "roots": [ROOT]}
        async with Client(transport, mode=wants.era, message_handler=self.seen.message, **callbacks) as client:
            self.client = client
            yield client.session

    async def list(self, what):
        names = {"tools": "list_tools_mcp", "resources": "list_resources_mcp", "templates": "list_resource_templates_mcp"}
        return await getattr(self.client, names.get(what, "list_prompts_mcp"))()

    async def call(self, name, arguments, progress, timeout_s):
        return await self.client.call_tool_mcp(name, arguments or {}, progress_handler=progress, timeout=timeout_s)

    async def read(self, uri):
        return await self.client.read_resource_mcp(uri)

    async def prompt(self, name, arguments):
        return await self.client.get_prompt_mcp(name, arguments)

    async def complete(self, ref, argument):
        return await self.client.complete_mcp(ref, argument)


async def operate(sdk, session, op, seen):
    """The result of one operation."""
    match op["op"]:
        case "list":
            return await sdk.list(op["what"])
        case "call":
            steps = op.get("steps")

            async def step(progress, total, message):
                steps.append({"progress": progress, "total": total, "message": message})

            timeout_s = op["timeout_ms"] / 1000 if "timeout_ms" in op else None
            return await sdk.call(op["name"], op.get("arguments"), None if steps is None else step, timeout_s)
        case "cancel":
            async with asyncio.timeout(op["after_ms"] / 1000):
                return await sdk.call(op["name"], op.get("arguments"), None, None)
        case "read":
            return await sdk.read(op["uri"])
        case "prompt":
            return await sdk.prompt(op["name"], op.get("arguments"))
        case "complete":
            kind = types.PromptReference if op["ref"]["type"] == "ref/prompt" else types.ResourceTemplateReference
            return await sdk.complete(kind.model_validate(op["ref"]), op["argument"])
        case "ping":
            return await session.send_ping()
        case "level":
            return await session.set_logging_level(op["level"])
        case "subscribe":
            return await session.subscribe_resource(op["uri"])
        case "unsubscribe":
            return await session.unsubscribe_resource(op["uri"])
        case "concurrent":
            every = op["operations"] * op.get("times", 1)
            return {"results": await asyncio.gather(*(perform(sdk, session, one, seen) for one in every))}
        case "notified":

            def found():
                return [note for note in seen.notifications if note["method"] == op["method"]]

            await seen.until(lambda: len(found()) >= op.get("count", 1))
            return {"notifications": found()}
        case "listen":
            names = {"toolsListChanged": "tools_list_changed", "promptsListChanged": "prompts_list_changed"}
            names |= {"resourcesListChanged": "resources_list_changed", "resourceSubscriptions": "resource_subscriptions"}
            from mcp.client.subscriptions import listen

            async with listen(session, **{names[key]: value for key, value in op["filter"].items()}) as subscription:
                during = [await perform(sdk, session, one, seen) for one in op.get("during", [])]
                events = []
                async with asyncio.timeout(WAIT_S):
                    while len(events) < op.get("count", 1):
                        events.append(str(await anext(aiter(subscription))))
                return {"honored": plain(subscription.honored), "during": during, "notifications": events}
        case other:
            raise ValueError(f"this client has no operation {other}")


async def perform(sdk, session, op, seen):
    """One operation: its result, or its error."""
    label = " ".join(filter(None, [op["op"], op.get("what") or op.get("name") or op.get("uri") or op.get("method")]))
    op = {**op, "steps": []} if op.get("progress") else op
    report = {"op": label}
    try:
        report["result"] = plain(await operate(sdk, session, op, seen))
    except Exception as error:
        known = error.error if isinstance(error, MCPError) else None
        report["error"] = {"kind": type(error).__name__, "message": str(error)}
        if known is not None:
            report["error"] |= {"code": known.code, "data": plain(known.data)}
    if "steps" in op:
        report["progress"] = op["steps"]
    return report


def cut(words, at):
    """The words before the first `at`, and those behind it if there is one."""
    return (words[: words.index(at)], words[words.index(at) + 1 :]) if at in words else (words,)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sdk", choices=["mcp", "fastmcp"], default="mcp")
    parser.add_argument("--era", default="auto")
    parser.add_argument("--token")
    parser.add_argument("--url")
    parser.add_argument("--script", default="[]")
    # Everything behind --command is the program's; argparse would take a `--` out of it.
    own, *command = (list(part) for part in cut(sys.argv[1:], "--command"))
    wants = parser.parse_args(own)
    wants.command = command[0] if command else None
    if wants.script.startswith("["):
        script = json.loads(wants.script)
    else:
        with open(wants.script, encoding="utf-8") as file:
            script = json.load(file)

    seen = Seen()
    report = {"client": f"python-{wants.sdk}"}
    sdk = {"mcp": Mcp, "fastmcp": FastMcp}[wants.sdk](wants, seen)
    try:
        async with sdk.connect() as session:
            report["era"] = session.protocol_version
            report["server"] = plain(session.server_info)
            report["capabilities"] = plain(session.server_capabilities)
            report["instructions"] = session.instructions
            report["results"] = [await perform(sdk, session, op, seen) for op in script]
    except Exception as error:
        report["failed"] = {"kind": type(error).__name__, "message": str(error), "code": getattr(error, "code", None)}
    report |= {"asked": seen.asked, "notifications": seen.notifications}
    json.dump(report, sys.stdout, indent=1, ensure_ascii=False)
    print()
    return 1 if "failed" in report else 0


sys.exit(asyncio.run(main()))
