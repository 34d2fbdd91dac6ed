"""Takes the messages that are sent to a queue. It prints the URL of the queue, serves until its input ends, and then prints
the bodies that it was given: a JSON list."""

import hashlib
import http.server
import json
import sys
import threading

bodies = []


class Queue(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["X-Amz-Target"] == "AmazonSQS.SendMessage"
        assert request["QueueUrl"] == url
        bodies.append(request["MessageBody"])
        digest = hashlib.md5(request["MessageBody"].encode()).hexdigest()
        answer = json.dumps({"MessageId": f"message-{len(bodies)}", "MD5OfMessageBody": digest}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Queue)
url = f"http://127.0.0.1:{server.server_port}/000000000000/contoso_billing"
threading.Thread(target=server.serve_forever, daemon=True).start()
print(url, flush=True)
sys.stdin.read()
print(json.dumps(bodies))
