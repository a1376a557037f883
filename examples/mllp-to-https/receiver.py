#!/usr/bin/env python3
"""The web service of the example: takes results over HTTPS, keeps each one once, answers an HL7 acknowledgement.

receiver.py [--port 8680] [--site FOLDER] [--data FOLDER]

Each result is printed and kept in DATA/received under the key that it came with; a key that is known is answered again and kept once.
"""
import argparse
import hmac
import http.server
import pathlib
import ssl
import sys
import urllib.parse


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        shown = self.headers.get("Authorization", "")
        if not hmac.compare_digest(shown.encode(), ("Bearer " + self.server.token).encode()):
            return self.answer(401, "text/plain", b"who are you?\n")
        fields = body.split(b"\r")[0].split(b"|")
        control_id = fields[9] if len(fields) > 9 else b""
        code = b"AA" if control_id else b"AE"
        key = urllib.parse.quote(self.headers.get("Idempotency-Key", ""), safe="")
        kept = self.server.received / (key or "no-key")
        if code == b"AA" and not kept.exists():
            kept.write_bytes(body)
            print("received", self.headers.get("Idempotency-Key"), flush=True)
        head = b"|".join([b"MSH", b"^~\\&", b"RESULTS", b"MAIN", b"LIS", b"NORTH", b"20261121", b"", b"ACK", b"A" + control_id, b"P", b"2.5.1"])
        self.answer(200, "application/hl7-v2", head + b"\rMSA|" + code + b"|" + control_id + b"\r")

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    here = pathlib.Path(__file__).parent
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--port", type=int, default=8680)
    arguments.add_argument("--site", type=pathlib.Path, default=here)
    arguments.add_argument("--data", type=pathlib.Path)
    options = arguments.parse_args()
    data = options.data or options.site / "data"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Service)
    server.token = (data / "secrets" / "results-token").read_text().strip()
    server.received = data / "received"
    server.received.mkdir(exist_ok=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(options.site / "certs" / "receiver.pem", options.site / "certs" / "receiver.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print("listening on port", server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(0)
