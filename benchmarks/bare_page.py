"""The floor of a live page: one Bokeh figure in a plain Panel page, a row more at each look.

    python -m benchmarks.bare_page JOBS POINTS

A line for each job, so many points each, on one source. It says where it serves, and answers each
line that comes in with one line of JSON, as ``benchmarks.busy_server`` does: ``look`` streams a
row to every page, ``told`` says what processor time this process took until now.
"""

import contextlib
import json
import logging
import socket
import sys
import threading
import time
from functools import partial
from typing import Any

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

Source = Any


def main() -> None:
    """Serve, and do what is told."""
    logging.getLogger("bokeh.server.views.ws").setLevel(logging.ERROR)
    jobs, points = int(sys.argv[1]), int(sys.argv[2])
    names = [f"job_{number}" for number in range(jobs)]
    open_pages: list[tuple[Any, Source]] = []
    rng, lock = np.random.default_rng(1), threading.Lock()

    def page() -> Any:
        source = ColumnDataSource(
            {"time": np.arange(points) * 2e3} | {name: rng.random(points) for name in names}
        )
        plot = figure(height=200, sizing_mode="stretch_width", x_axis_type="datetime")
        for name in names:
            plot.line("time", name, source=source)
        opened = (pn.state.curdoc, source)
        with lock:
            open_pages.append(opened)
        pn.state.on_session_destroyed(lambda _: open_pages.remove(opened))
        return pn.pane.Bokeh(plot, sizing_mode="stretch_width")

    with socket.create_server(("127.0.0.1", 0)) as probe:
        place = probe.getsockname()
        port = place[1]
    server = pn.serve(
        {"dashboard": page},
        port=port,
        address="127.0.0.1",
        websocket_origin=[f"127.0.0.1:{port}"],
        show=False,
        threaded=True,
        verbose=False,
        check_unused_sessions_milliseconds=2_000,
        unused_session_lifetime_milliseconds=15_000,
    )
    while True:  # the thread that serves takes a moment to listen
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(place):
            break
        time.sleep(0.02)
    print(json.dumps({"url": f"http://127.0.0.1:{port}/dashboard"}), flush=True)
    at = points
    for asked in sys.stdin:
        answer: dict[str, Any] = {}
        match asked.strip():
            case "look":
                at += 1
                row = {"time": [at * 2e3]} | {name: [float(rng.random())] for name in names}
                with lock:
                    for document, source in open_pages:
                        document.add_next_tick_callback(
                            partial(source.stream, row, rollover=points)
                        )
            case "told":
                answer = {"cpu_s": time.process_time(), "feed_s": 0.0}
        print(json.dumps(answer), flush=True)
    server.stop()


if __name__ == "__main__":
    main()
