"""Rarer moods of the demo: one scenario for each verdict that the common ones do not show.

Each comes to its mood the way that Antenna does. They are named as the checks are.
"""

from ami_console.demo.places import CANADA, CHILOE, DUNES, GIVEN_UP_ON_THE_WAY, HISTORY, job
from ami_console.demo.plans import Scenario, WorkerPlan

TROUBLES = (
    Scenario(
        name="not_returning",
        says="the only worker dies with reserved images and stays away",
        jobs=(job(DUNES, "Spiekeroog dune row C", 320, ack_wait_s=20.0, max_deliver=5),),
        workers=(WorkerPlan(name="gpu-01", pipelines=(DUNES[1],), batch=16, crash_after=2),),
        history=HISTORY,
        verdicts={"Spiekeroog dune row C": ("not_returning",)},
        health_check_every_s=900.0,
        idle_s=600.0,
    ),
    Scenario(
        name="done_not_closed",
        says="a write of the progress is lost to a race: all is done, the job is not closed",
        jobs=(job(CHILOE, "Chepu river traps, May", 120, again_every_s=600.0, lost_writes=1),),
        workers=(WorkerPlan(name="gpu-01", pipelines=(CHILOE[1],), image_s=0.15),),
        history=HISTORY,
        verdicts={"Chepu river traps, May": ("done_not_closed",)},
        health_check_every_s=900.0,
        idle_s=600.0,
    ),
    Scenario(
        name="state_gone",
        says="while its worker is away, a job's stream and Redis keys are deleted",
        # Its worker holds images when it dies: no result comes after the deletion.
        jobs=(job(DUNES, "Ameland west beach", 400, again_every_s=600.0, state_lost_after_s=25.0),),
        workers=(
            WorkerPlan(name="gpu-01", pipelines=(DUNES[1],), crash_after=3, back_after_s=25.0),
        ),
        history=HISTORY,
        verdicts={"Ameland west beach": ("state_gone",)},
        health_check_every_s=900.0,
        idle_s=600.0,
    ),
    Scenario(
        name="zombie_stream",
        says="a job ends well, but the broker does not answer when its stream is to be deleted",
        jobs=(job(CANADA, "Forêt Ouareau trap 7", 100, again_every_s=600.0, clean_up_fails=True),),
        workers=(WorkerPlan(name="gpu-01", pipelines=(CANADA[1],), image_s=0.15),),
        history=HISTORY,
        verdicts={"Forêt Ouareau trap 7": ("zombie_stream",)},
    ),
    Scenario(
        name="duplicate_tasks",
        says="somebody is impatient and retries a job that still has its stream",
        # Early, so that no image is done twice, and the job does not crawl to its end.
        jobs=(job(CHILOE, "Cucao bay, second try", 600, again_every_s=300.0, retry_after_s=2.0),),
        workers=(WorkerPlan(name="gpu-01", pipelines=(CHILOE[1],)),),
        history=HISTORY,
        verdicts={"Cucao bay, second try": ("duplicate_tasks",)},
    ),
    Scenario(
        name="at_capacity",
        says="workers hold as many images as the broker lets them, and need long for each",
        jobs=(
            job(
                DUNES,
                "Sylt north, 100 megapixels",
                1200,
                again_every_s=600.0,
                ack_wait_s=900.0,
                max_ack_pending=48,
                save_s=0.03,
            ),
        ),
        workers=tuple(
            WorkerPlan(name=f"gpu-0{n}", pipelines=(DUNES[1],), batch=24, image_s=1.0)
            for n in (1, 2, 3, 4)
        ),
        history=HISTORY,
        verdicts={"Sylt north, 100 megapixels": ("at_capacity",)},
    ),
    Scenario(
        name="lost_images",
        says="jobs that are SUCCESS on paper, with images that failed or were given up",
        jobs=(
            job(CANADA, "Rivière-du-Loup, dead links", 120, again_every_s=240.0),
            job(
                ("laurentian", "micromoths_trial"),
                "Rivière-du-Loup, corrupt frames",
                90,
                again_every_s=240.0,
                ack_wait_s=8.0,
            ),
        ),
        workers=(
            WorkerPlan(name="gpu-01", pipelines=(CANADA[1],), image_s=0.15, error_ratio=0.15),
            WorkerPlan(
                name="gpu-02", pipelines=("micromoths_trial",), image_s=0.1, silent_ratio=0.12
            ),
        ),
        history=HISTORY,
        health_check_every_s=30.0,
        idle_s=30.0,
        verdicts={
            "Rivière-du-Loup, dead links": ("lost_images",),
            "Rivière-du-Loup, corrupt frames": ("lost_images",),
        },
        on_the_way={
            "Rivière-du-Loup, corrupt frames": (*GIVEN_UP_ON_THE_WAY, "lost_at_max_deliver"),
        },
        within_s=150.0,
    ),
    Scenario(
        name="stuck_canceling",
        says="a job is cancelled, and nobody takes up the task that cancels",
        jobs=(
            job(
                CANADA,
                "Kamouraska, wrong year",
                600,
                again_every_s=600.0,
                cancel_after_s=20.0,
                cancel_sticks=True,
            ),
        ),
        workers=(WorkerPlan(name="gpu-01", pipelines=(CANADA[1],)),),
        history=HISTORY,
        verdicts={"Kamouraska, wrong year": ("stuck_canceling",)},
        health_check_every_s=900.0,
        idle_s=600.0,
    ),
    Scenario(
        name="slow",
        says="a job moves well for four minutes, and then at a sixth of that",
        jobs=(job(CHILOE, "Tantauco ridge, crowded nights", 1800, again_every_s=1200.0),),
        workers=(
            WorkerPlan(
                name="gpu-01",
                pipelines=(CHILOE[1],),
                image_s=0.2,
                slows_after_s=240.0,
                slowdown=6.0,
            ),
        ),
        history=HISTORY,
        verdicts={"Tantauco ridge, crowded nights": ("slow",)},
        within_s=480.0,
    ),
    Scenario(
        name="source_down",
        says="nobody listens at REST's port for 40 s of every 100 s; a job waits for it",
        jobs=(job(CANADA, "Lac Supérieur August nights", 2400, again_every_s=900.0),),
        workers=(
            WorkerPlan(name="gpu-01", pipelines=(CANADA[1],)),
            WorkerPlan(name="gpu-02", pipelines=(CANADA[1],), image_s=0.4),
        ),
        history=HISTORY,
        rest_away_s=40.0,
        verdicts={"": ("source_down",)},
    ),
    Scenario(
        name="clock_skew",
        says="Antenna writes its times in another zone than the console is told",
        jobs=(
            job(CANADA, "Lac Supérieur June nights", 1600),
            job(CANADA, "Forêt Ouareau trap 4", 220, at_s=5.0, again_every_s=90.0),
        ),
        workers=(
            WorkerPlan(name="gpu-01", pipelines=(CANADA[1],), image_s=0.25),
            WorkerPlan(name="gpu-02", pipelines=(CANADA[1],), image_s=0.4),
        ),
        history=HISTORY[1:],  # the first one's end, read five hours late, would be of today
        zone="UTC",
        claimed_zone="America/New_York",
        verdicts={"": ("clock_skew",)},
    ),
)
"""Scenarios whose names are codes of checks."""
