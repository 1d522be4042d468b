#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A web site on 127.0.0.1 that is as slow and as broken as real ones, for web_scraper.

    python3 examples/support/slow_site.py          prints its address, serves until interrupted

`/` links to 120 pages. Each takes 20 to 50 ms; some are missing, fail, hang or break off.
"""
import http.server
import threading
import time

PAGES = 120
MISSING = {13, 57, 101}   # 404
BROKEN = {29, 88}         # 500
HANGING = {42}            # never answers
CUT_OFF = {7, 66, 119}    # announces more than it sends, then closes the connection
FAILING = MISSING | BROKEN | HANGING | CUT_OFF


def latency(page):
    return 0.020 + page * 7 % 31 / 1000


def body(page):
    sentences = "".join(f"<p>Paragraph {n} of page {page}.</p>\n" for n in range(20 + page % 50))
    return f"<html><head><title>Page {page}</title></head><body>\n{sentences}</body></html>\n".encode()


def index():
    links = "".join(f'<li><a href="/page/{n}">page {n}</a></li>\n' for n in range(1, PAGES + 1))
    return f"<html><head><title>Slow site</title></head><body><ul>\n{links}</ul></body></html>\n".encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet

    def do_GET(self):
        if self.path == "/":
            return self.answer(200, index())
        page = self.path.removeprefix("/page/")
        if not page.isdigit() or not 1 <= int(page) <= PAGES:
            return self.answer(404, b"no such page\n")
        page = int(page)
        time.sleep(latency(page))
        if page in HANGING:
            self.rfile.read(1)  # until the client gives up
            self.close_connection = True
        elif page in MISSING:
            self.answer(404, b"gone\n")
        elif page in BROKEN:
            self.answer(500, b"the database is on fire\n")
        elif page in CUT_OFF:
            content = body(page)
            self.answer(200, content[:len(content) // 2], announced=len(content))
            self.close_connection = True
        else:
            self.answer(200, body(page))

    def answer(self, status, content, announced=None):
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(announced or len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        pass  # clients that go away in the middle are part of the game


def start():
    """Serves in a thread. Returns the address."""
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


if __name__ == "__main__":
    print(start(), flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
