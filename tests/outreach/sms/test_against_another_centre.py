"""The same sender against npm's smpp, a message centre that shares no code with what we send by."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dunwell.outreach.channel import Message
from dunwell.outreach.sms.smpp_sender import SmppSender
from tests.outreach.sms.worlds import Inbox, at_port, clock, message

TEXT = "You owe $50 [ref {7}] €. Call us, we find a way. " * 5


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with npm's smpp, installed once."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not (node and npm):
        pytest.skip("node and npm are not on this machine; npm's smpp is the independent peer here")
    folder = tmp_path_factory.mktemp("npm")
    made = subprocess.run(
        [
            npm,
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
            folder,
            "smpp@0.5.1",
        ],
        capture_output=True,
        timeout=120,
    )
    if made.returncode:
        pytest.skip("npm could not install smpp@0.5.1 (no way to its registry from here)")
    return folder / "node_modules"


def test_npm_s_smpp_reads_what_we_write_and_we_what_it_writes(modules: Path) -> None:
    async def scene() -> None:
        inbox = Inbox()
        centre = await asyncio.create_subprocess_exec(
            "node",
            str(Path(__file__).with_name("centre.js")),
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"NODE_PATH": str(modules)},
        )
        assert centre.stdout is not None
        try:
            async with asyncio.timeout(20):
                lines = centre.stdout
                port = json.loads(await lines.readline())["port"]
                refused = SmppSender(at_port(port, password="wrong"), clock=clock)
                assert "the password is invalid" in str(await refused.start())
                await refused.close()

                sender = SmppSender(at_port(port), clock=clock, on_inbound=inbox.take)
                outcomes = await sender.send(
                    [Message("a", "85261234567", TEXT), Message("b", "85267654321", "请致电 😀"), message(58)]
                )
                heard: list[dict[str, Any]] = []
                while (
                    sum("answered" in line for line in heard) < 6 or sum("to" in line for line in heard) < 3
                ):
                    heard.append(json.loads(await lines.readline()))
                await sender.close()
        finally:
            if centre.returncode is None:
                centre.kill()
            await centre.wait()
        assert [outcome.certainty for outcome in outcomes] == ["accepted", "accepted", "deferred"]
        taken = [line for line in heard if "to" in line]
        long = [line for line in taken if line["to"] == "85261234567"]
        assert "".join(line["text"] for line in long) == TEXT
        assert [line["udh"][-2:] for line in long] == [[2, 1], [2, 2]]
        assert outcomes[0].provider_references == tuple(line["id"] for line in long)
        assert [line["text"] for line in taken if line["to"] == "85267654321"] == ["请致电 😀"]
        assert {line["answered"] for line in heard if "answered" in line} == {0}
        assert {receipt.provider_reference for receipt in inbox.receipts} == {line["id"] for line in taken}
        assert {receipt.kind for receipt in inbox.receipts} == {"delivered"}
        assert {reply.text for reply in inbox.replies} == {"好的, $5 €"}

    asyncio.run(scene())
