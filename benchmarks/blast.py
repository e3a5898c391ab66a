"""Publish messages that look like acknowledgements, at a steady rate, over a bare socket.

    python -m benchmarks.blast PORT RATE SECONDS

Everything is built before it says ``ready``; it begins when a line comes in, and ends with one
line of JSON. It costs a tenth of a core, so that what listens is what is measured.
"""

import json
import socket
import sys
import time

JOBS = (101, 102, 103, 104)
STORED_AT = 1_790_035_200_000_000_000
BLOCK = 250


def message(number: int) -> bytes:
    """The protocol line and body of the ``number``-th acknowledgement (from 0)."""
    job, seq = JOBS[number % len(JOBS)], number // len(JOBS) + 1
    stored_at = STORED_AT + number * 1_003
    return (
        f"PUB $JS.ACK.job_{job}.job-{job}-consumer.1.{seq}.{seq}.{stored_at}.{seq % 997} 4\r\n"
        "+ACK\r\n"
    ).encode()


def main() -> None:
    """Publish."""
    port, rate, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    count = int(rate * seconds)
    blocks = [
        b"".join(map(message, range(begin, min(begin + BLOCK, count))))
        for begin in range(0, count, BLOCK)
    ]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.recv(65536)
        connection.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
        connection.recv(1024)
        print("ready", flush=True)
        sys.stdin.readline()
        begun_s, cpu_s = time.monotonic(), time.process_time()
        for number, block in enumerate(blocks):
            early_s = begun_s + number * BLOCK / rate - time.monotonic()
            if early_s > 0:
                time.sleep(early_s)
            connection.sendall(block)
        ended_at = time.time_ns()
        took_s, cpu_s = time.monotonic() - begun_s, time.process_time() - cpu_s
        connection.sendall(b"PING\r\n")
        connection.recv(1024)  # all of it has been taken by the server
        told = {"sent": count, "took_s": took_s, "cpu_s": cpu_s, "ended_at": ended_at}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
