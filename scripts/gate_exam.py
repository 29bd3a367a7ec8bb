"""Run the exam's final gate with the references and print its numbers.

.venv/bin/python scripts/gate_exam.py [--seed 0] [--quick]
"""

import os

from lesson_cells import QUICK, described, names_of, read_options, timed

from course_utils.exam.gate import STEPS, Gate, T


def main():
    parser = described(__doc__)
    parser.add_argument("--seed", type=int, default=0)
    options = read_options(parser)
    os.environ["COURSE_PROGRESS"] = "off"
    answers = names_of("04_ddpm")
    schedule = answers["precompute_schedule"](
        answers["linear_beta_schedule"](QUICK if options.quick else T)
    )

    def step(network, x_0, labels, optimizer):
        return answers["cfg_train_step"](network, x_0, labels, schedule, optimizer, 0.1, 10)

    def sample(network, labels, shape):
        return answers["sample_cfg"](network, shape, schedule, labels, 2.0, 10, "cpu")

    gate = Gate("exam_0", options.seed)
    with timed(f"seed {options.seed}"):
        gate.train(step, QUICK if options.quick else STEPS)
        gate.judge(sample)


main()
