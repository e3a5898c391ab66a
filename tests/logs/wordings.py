"""A line of every known wording, with a value in each of its fields."""

from ami_console.logs.fields import PLACE
from ami_console.logs.kinds import TABLE

SUBJECT = "$JS.ACK.job_3.job-3-consumer.2.7.9.1795448945276789934.5"
UUID = "7d1e65ec-d034-45ea-933d-08541af7f3de"

OTHERS = {
    "job_id": "3",
    "percent": "12.5",
    "duration_s": "0.5",
    "ack_wait_s": "300.0",
    "rate_per_min": "269.4",
    "minutes": "1.5",
    "number": "0.5",
    "elapsed": "1h 02m 03s",
    "span": "0:01:00",
    "subject": SUBJECT,
    "client": "user=jane@example.org, token_id=f34f83a8…",
    "task_id": UUID,
    "uuid": UUID,
    "task": "ami.jobs.tasks.run_job",
    "stage": "process",
    "status": "STARTED",
    "was": "PENDING",
    "image": "1542",
    "ids": " ['1', '2'] ... and 1 more (full IDs: ['1', '2', '3'])",
    "eta": "0m 39s",
    "good": "200",
    "bad": "503",
    "any": "anything",
    "name": "fake_moths_2024",
}


def filled(form: str, **values: str) -> str:
    """The form as a line; fields that are not given have a value of ``OTHERS``, or 7."""
    return PLACE.sub(lambda place: values.get(place[1]) or OTHERS.get(place[1], "7"), form)


WORDINGS = [(kind.name, form) for kind in TABLE for form in kind.forms]
"""Kind and form of each wording."""
