"""The table of faults. In brackets: where the sink of the round offers CHUNKING."""

from __future__ import annotations

from bench import crash_faults_process as process
from bench import crash_faults_protocol as protocol
from bench import crash_faults_sink as sink
from bench.crash_fault import Fault

FAULTS = (
    Fault("kill-child", process.kill_child, "200 a killed child"),
    Fault("kill-worker", process.kill_worker, "200 a killed child"),
    Fault("freeze-child", process.freeze, "200 a frozen child"),
    Fault("lose-valkey", process.lose_valkey, "0"),
    Fault("crash-postgres", process.crash_database, "200 a child"),
    Fault("sink-close-after-dot", sink.close_after_dot, "1 (8) a closed connection"),
    Fault("sink-close-after-mail", sink.close_after_mail, "0 (8 a closed connection)"),
    Fault("sink-close-in-data", sink.close_in_data, "1 (8) a closed connection"),
    Fault("sink-421", sink.answer_421, "0 (8 a closed connection), 1 (8) a dropped one at the greeting"),
    Fault("sink-stall", sink.stall, "1 (8) a stalled connection"),
    Fault("sink-crash", sink.drop_all, "1 (8) a connection"),
    Fault("same-batch-twice", protocol.same_batch_twice, "0"),
    Fault("twenty-times", protocol.twenty_times, "0"),
    Fault("two-beats", protocol.two_beats, "0"),
    Fault("two-launches", protocol.two_launches, "0", launch=True),
    Fault("pause-resume", protocol.pause_and_resume, "0"),
    Fault("cancel", protocol.cancel, "0"),
    Fault("erase", protocol.erase, "0"),
    Fault("unsubscribe", protocol.unsubscribe, "0"),
    Fault("lost-commit", protocol.lose_commit, "200 a lost answer"),
    Fault("kill-in-retry", protocol.kill_in_retry, "200 a killed child"),
    Fault("zombie-after-retry", protocol.zombie_after_retry, "200 a child"),
    Fault(
        "clock-worker",
        process.jump_worker_clock,
        "0",
        before=process.worker_with_clock,
        after=process.worker_without_clock,
        needs_clock=True,
    ),
    Fault(
        "clock-postgres",
        process.jump_database_clock,
        "200 a child",
        before=process.database_with_clock,
        after=process.database_without_clock,
        needs_clock=True,
    ),
)
BY_NAME = {fault.name: fault for fault in FAULTS}
