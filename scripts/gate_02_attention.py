"""Measure lesson 02's gate over several seeds by running the lesson's own cells.

    .venv/bin/python scripts/gate_02_attention.py [--seeds 0 1 2] [--also] [--quick]

Prints, for each seed, the share of left neighbours that are named on rows of unseen digits, and the
time of the three trainings together. With --also it repeats the lesson's two side trainings too:
pre-norm against post-norm, and digits cut into patches.
"""

from lesson_cells import described, names_of, read_options, run_cells, timed

LESSON = "02_attention"
CELLS = ("tools", "rows-data", "row-reader", "row-training", "stand-in", "capstone-train")
SIDE_CELLS = ("figure-pre-post-norm", "capstone-patches")
SEED_LINE = "torch.manual_seed(0)"


def main():
    parser = described(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--also", action="store_true", help="repeat the two side trainings too")
    options = read_options(parser)
    space = names_of(LESSON)
    run_cells(space, LESSON, CELLS)
    for seed in options.seeds:
        with timed(f"seed {seed}, three trainings"):
            _, reached = space["train_three"](seed)
        print(f"seed {seed}:", ", ".join(f"{name} {share:.1%}" for name, share in reached.items()))
        if options.also and not options.quick:  # their figures need all steps
            run_cells(space, LESSON, SIDE_CELLS, (SEED_LINE, f"torch.manual_seed({seed})"))


main()
