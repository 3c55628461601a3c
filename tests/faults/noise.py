"""A client that asks without end: `python noise.py <url> <key> <connections>`, until it is killed.

In a process of its own, so that it shares no interpreter with who measures.
"""

import http.client
import sys
import threading
from urllib.parse import urlsplit


def ask_without_end(url: str, key: str) -> None:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    while True:
        connection.request("GET", "/api/v1/auth/me", headers={"Authorization": f"Bearer {key}"})
        connection.getresponse().read()


if __name__ == "__main__":
    for _ in range(int(sys.argv[3])):
        threading.Thread(target=ask_without_end, args=sys.argv[1:3]).start()
