"""The other end on loopback: nginx with a fixed answer, and the tool's own sandbox."""

import contextlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import time

ENVELOPE = '{"data":"%s","error_code":null,"error_message":null,"error_descriptions":null}'
TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + "c2Vzc2lvbi10b2tlbi1vZi1hLWN1c3RvbWVy" * 3
LOGIN = ('{"data":{"accessToken":"admin-token","expireInSeconds":86400,"refreshToken":"refresh",'
         '"refreshTokenExpireInSeconds":604800},"error_code":null}')

NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; client_body_buffer_size 64k; default_type application/json;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location = /api/credentials/Login {{ return 200 '{login}'; }}
    location / {{ return 200 '{envelope}'; }}
  }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def credentials(base_url):
    """The environment in which the tool finds a server that lets everybody in."""
    return {"VLENS_BASE_URL": base_url, "VLENS_API_KEY": "key", "VLENS_TENANCY_NAME": "bench",
            "VLENS_USERNAME": "admin", "VLENS_PASSWORD": "password"}


@contextlib.contextmanager
def nginx(folder):
    """nginx that answers every invitation with the same envelope; yields the environment, or None without nginx."""
    program = shutil.which("nginx")
    if not program:
        yield None
        return
    port = free_port()
    config = os.path.join(folder, "nginx.conf")
    with open(config, "w", encoding="utf-8") as file:
        file.write(NGINX.format(folder=folder, port=port, login=LOGIN, envelope=ENVELOPE % TOKEN))
    server = subprocess.Popen([program, "-p", folder, "-c", config], stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield credentials(f"http://127.0.0.1:{port}")
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def sandbox(binary, *options):
    """The tool's sandbox; yields its environment."""
    server = subprocess.Popen([binary, "sandbox", "--json", *options], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    try:
        text = ""
        while not text.rstrip().endswith("}"):
            text += server.stdout.readline()
        yield json.loads(text)
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def recorder():
    """Keeps the bodies that arrive; yields its address and the list."""
    arrived = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            arrived.append(self.rfile.read(int(self.headers["Content-Length"])))
            answer = (ENVELOPE % TOKEN).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", arrived
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def wait_for(port, seconds=5):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.02)
    raise RuntimeError("the loopback server does not answer")
