"""An SMTP server (aiosmtpd) on a free port of loopback. Prints its address, then each message that it took, one line of
JSON each, before it answers the client. Ends with its standard input. `--answer LINE` answers every message with LINE."""

import asyncio
import json
import sys

from aiosmtpd.smtp import SMTP


class Printing:
    def __init__(self, answer):
        self.answer = answer

    async def handle_DATA(self, server, session, envelope):
        text = envelope.content.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
        message = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "text": text}
        print(json.dumps(message), flush=True)
        return self.answer


async def main():
    answer = sys.argv[sys.argv.index("--answer") + 1] if "--answer" in sys.argv else "250 taken"
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Printing(answer), loop=loop), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"smtp://127.0.0.1:{port}"}), flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)


asyncio.run(main())
