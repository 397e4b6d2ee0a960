"""What stands between graph-emulator and graphhook and keeps every body that Graph posts, with the reply to it."""

import http.client
import http.server
import json
import ssl
import threading
import urllib.parse


class Posted:
    """One POST: its body, and what it was answered."""

    def __init__(self, path, body):
        self.path, self.body, self.status = path, body, 0
        self.json = json.loads(body)

    @property
    def items(self):
        return self.json["value"]

    @property
    def resources(self):
        return [item["resource"] for item in self.items]


class Recorder:
    """Listens over TLS with the receiver's certificate, and passes everything on to `service`. After `hold()`
    notifications are answered 202 and kept, and the service does not get them until `release()`."""

    def __init__(self, service, certificates):
        self.service, self.posts = service, []
        self._holding = threading.Event()
        self._to_service = ssl.create_default_context(cafile=certificates.ca_file)
        self._links, self._all_links = threading.local(), []
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body of a reply in one packet
            timeout = 60

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                status, kind, text = recorder.take(self.path, body, self.headers.get("Content-Type", ""))
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_):
                pass  # a client that hangs up

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.certificate, certificates.private_key)
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"https://localhost:{self.server.server_address[1]}/graph"

    def hold(self):
        self._holding.set()

    def release(self):
        self._holding.clear()

    def take(self, path, body, kind="application/json"):
        """(status, content type, text) of the reply."""
        if "validationToken" in urllib.parse.parse_qs(urllib.parse.urlsplit(path).query):
            return self.send(path, body, kind)
        posted = Posted(path, body)
        if self._holding.is_set():
            reply = 202, "text/plain", b""
        else:
            reply = self.send(path, body, kind)
        posted.status = reply[0]
        self.posts.append(posted)
        return reply

    def send(self, path, body, kind="application/json"):
        """To the service, over a connection that this thread keeps."""
        for attempt in (1, 2):
            link = getattr(self._links, "link", None)
            if link is None:
                link = http.client.HTTPSConnection("localhost", self.service.port, timeout=30, context=self._to_service)
                self._links.link = link
                self._all_links.append(link)
            try:
                link.request("POST", path, body=body, headers={"Content-Type": kind})
                reply = link.getresponse()
                return reply.status, reply.headers.get("Content-Type", "text/plain"), reply.read()
            except (OSError, http.client.HTTPException):
                link.close()
                self._links.link = None
                if attempt == 2:
                    return 502, "text/plain", b""
        raise AssertionError

    def post_of(self, resource):
        """The POST with that item, or None."""
        return next((posted for posted in list(self.posts) if resource in posted.resources), None)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        for link in self._all_links:
            link.close()
