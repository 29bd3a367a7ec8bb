"""Run the exam's final gate with the references and print its numbers.

.venv/bin/python scripts/gate_exam.py [--seed 0]
"""

import argparse
import os
import time

from course_utils.exam.gate import Gate, T
from grader.source import load_source


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ["COURSE_PROGRESS"] = "off"
    answers = load_source("04_ddpm").namespace()
    schedule = answers["precompute_schedule"](answers["linear_beta_schedule"](T))

    def step(network, x_0, labels, optimizer):
        return answers["cfg_train_step"](network, x_0, labels, schedule, optimizer, 0.1, 10)

    def sample(network, labels, shape):
        return answers["sample_cfg"](network, shape, schedule, labels, 2.0, 10, "cpu")

    gate, wall, busy = Gate("exam_0", options.seed), time.perf_counter(), time.process_time()
    gate.train(step)
    gate.judge(sample)
    seconds, used = time.perf_counter() - wall, time.process_time() - busy
    print(f"seed {options.seed}: {seconds:.0f} s, {used:.0f} CPU seconds")


if __name__ == "__main__":
    main()
