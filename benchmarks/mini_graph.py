"""The least of Graph that a service needs to have a subscription, so that a load generator can send notifications of
it: tokens for anyone, subscriptions whose client state we keep, and `documents` by their path. The real stand-in,
graph-emulator, tells nobody a client state."""

import http.server
import json
import ssl
import threading
import uuid


class MiniGraph:
    def __init__(self, certificate, private_key):
        self.subscriptions = {}
        self.documents = {}
        graph = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def reply(self, status, body):
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.path.endswith("/token"):
                    self.reply(200, {"token_type": "Bearer", "expires_in": 3599, "access_token": "t"})
                else:
                    subscription = json.loads(body) | {"id": str(uuid.uuid4())}
                    graph.subscriptions[subscription["id"]] = subscription
                    self.reply(201, subscription)

            def do_GET(self):
                listed = {"value": list(graph.subscriptions.values())}
                self.reply(200, graph.documents.get(self.path, listed))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, private_key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"https://localhost:{self.server.server_address[1]}"
