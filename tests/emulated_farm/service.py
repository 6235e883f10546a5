"""The service: an HTTP server that answers the calls of boto3, takes uploads, and gives artifacts."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from emulated_farm.operations import Operations, Refused

TARGET = "DeviceFarm_20150623."
SCOPE = "/us-west-2/devicefarm/aws4_request"


class Service:
    """Listens on a port of its own until `close`."""

    def __init__(self, operations: Operations) -> None:
        self.operations = operations
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"farm": operations}))
        self._server.daemon_threads = True
        operations.url = self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self.operations.end()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    farm: Operations
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """A call: the operation is in a header, its arguments are JSON."""
        content = self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers.get("X-Amz-Target", "")
        try:
            if SCOPE not in self.headers.get("Authorization", ""):
                raise Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
            if not operation.startswith(TARGET) or self.headers["Content-Type"] != "application/x-amz-json-1.1":
                raise Refused("UnknownOperationException", operation)
            answer = self.farm.answer(operation.removeprefix(TARGET), json.loads(content))
            self._send(200, json.dumps(answer).encode())
        except Refused as refused:
            self._send(400, json.dumps({"__type": refused.code, "message": refused.message}).encode())

    def do_PUT(self) -> None:
        """An upload to an address that counts for one upload and one content type."""
        content = self.rfile.read(int(self.headers["Content-Length"]))
        match = re.fullmatch(r"/uploads/(\d+)\?X-Amz-Signature=(\w+)", self.path)
        good = match is not None and self.farm.store(int(match[1]), match[2], self.headers["Content-Type"], content)
        self._send(200 if good else 403, b"")

    def do_GET(self) -> None:
        """An artifact."""
        content = self.farm.artifacts.get(self.path)
        self._send(404 if content is None else 200, content or b"")

    def _send(self, code: int, content: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass
